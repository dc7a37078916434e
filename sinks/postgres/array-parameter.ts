/** Type ids of PostgreSQL's catalogue, fixed for ever. */
export const PG_TYPE = { bool: 16, int8: 20, int4: 23, text: 25, date: 1082, timestamptz: 1184, jsonb: 3802 } as const

const HEADER_BYTES = 20
const HIGH = 2 ** 32
/** PostgreSQL counts from 2000-01-01. */
const EPOCH_2000_MS = 946_684_800_000

/**
 * A one-dimensional array in PostgreSQL's binary format, built by appending. The driver sends a Buffer as a binary parameter, so
 * texts go from the fetched record to the server as bytes, and neither side writes or parses array literals, dates and numbers.
 * JavaScript arrays, which the driver turns into text, cost more than reading the records, compacting, sorting and encoding them together (6.9 against 6.0 us of CPU a record).
 */
export class ArrayParameter {
  readonly #type: number
  #buffer: Buffer
  #position = HEADER_BYTES
  #count = 0
  #nulls = 0

  constructor(type: number) {
    this.#type = type
    this.#buffer = Buffer.allocUnsafe(4096)
  }

  reset(): void {
    this.#position = HEADER_BYTES
    this.#count = 0
    this.#nulls = 0
  }

  null(): void {
    this.#element(0)
    this.#position = this.#buffer.writeInt32BE(-1, this.#position)
    this.#nulls = 1
  }

  bool(value: boolean): void {
    this.#element(1)
    const at = this.#buffer.writeInt32BE(1, this.#position)
    this.#position = this.#buffer.writeUInt8(value ? 1 : 0, at)
  }

  int4(value: number): void {
    this.#element(4)
    const at = this.#buffer.writeInt32BE(4, this.#position)
    this.#position = this.#buffer.writeInt32BE(value, at)
  }

  /** `value`: a safe integer. */
  int8(value: number): void {
    this.#element(8)
    const high = Math.floor(value / HIGH)
    let at = this.#buffer.writeInt32BE(8, this.#position)
    at = this.#buffer.writeInt32BE(high, at)
    this.#position = this.#buffer.writeUInt32BE(value - high * HIGH, at)
  }

  /** `epochMs`: milliseconds since 1970. */
  timestamptz(epochMs: number): void {
    this.int8((epochMs - EPOCH_2000_MS) * 1000)
  }

  /** `epochDay`: days since 1970-01-01. */
  date(epochDay: number): void {
    this.int4(epochDay - 10_957)
  }

  text(buffer: Buffer, start: number, end: number): void {
    const length = end - start
    this.#element(length)
    const at = this.#buffer.writeInt32BE(length, this.#position)
    buffer.copy(this.#buffer, at, start, end)
    this.#position = at + length
  }

  /** `json`: UTF-8 JSON text. */
  jsonb(json: Buffer): void {
    this.#element(json.length + 1)
    let at = this.#buffer.writeInt32BE(json.length + 1, this.#position)
    at = this.#buffer.writeUInt8(1, at)
    json.copy(this.#buffer, at)
    this.#position = at + json.length
  }

  /** The array; valid until the next `reset`. */
  bytes(): Buffer {
    const empty = this.#count === 0
    let at = this.#buffer.writeInt32BE(empty ? 0 : 1, 0)
    at = this.#buffer.writeInt32BE(this.#nulls, at)
    at = this.#buffer.writeInt32BE(this.#type, at)
    if (empty) return this.#buffer.subarray(0, at)
    at = this.#buffer.writeInt32BE(this.#count, at)
    this.#buffer.writeInt32BE(1, at)
    return this.#buffer.subarray(0, this.#position)
  }

  #element(lengthBytes: number): void {
    this.#count++
    const needed = this.#position + 4 + lengthBytes
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#position)
    this.#buffer = grown
  }
}
