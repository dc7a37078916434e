/**
 * Writes one request frame: header, body, and the length before them. Flexible versions only, so strings, byte strings and
 * arrays are compact. Record batches are referred to, not copied: the frame is a list of pieces for one gathered write.
 */
export class RequestWriter {
  readonly #pieces: Uint8Array[] = []
  #buffer = Buffer.allocUnsafe(FIRST_BYTES)
  /** Where the piece under construction begins in `#buffer`. */
  #start = 0
  #position = LENGTH_BYTES

  int8(value: number): void {
    this.#ensure(1)
    this.#position = this.#buffer.writeInt8(value, this.#position)
  }

  int16(value: number): void {
    this.#ensure(2)
    this.#position = this.#buffer.writeInt16BE(value, this.#position)
  }

  int32(value: number): void {
    this.#ensure(4)
    this.#position = this.#buffer.writeInt32BE(value, this.#position)
  }

  int64(value: number): void {
    if (!Number.isSafeInteger(value))
      throw new RangeError(`${value} is not a whole number below 2^53: it cannot be sent as an offset, timestamp or producer id`)
    this.#ensure(8)
    const high = this.#buffer.writeInt32BE(Math.floor(value / 2 ** 32), this.#position)
    this.#position = this.#buffer.writeUInt32BE(value >>> 0, high)
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  unsignedVarint(value: number): void {
    this.#ensure(5)
    let rest = value
    while (rest >= 0x80) {
      this.#buffer[this.#position++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#position++] = rest
  }

  string(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.unsignedVarint(bytes + 1)
    this.#ensure(bytes)
    this.#position += this.#buffer.write(value, this.#position)
  }

  nullableString(value: string | undefined): void {
    if (value === undefined) this.unsignedVarint(0)
    else this.string(value)
  }

  /** The one string of the header that is not compact. */
  plainString(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.int16(bytes)
    this.#ensure(bytes)
    this.#position += this.#buffer.write(value, this.#position)
  }

  bytes(value: Uint8Array): void {
    this.unsignedVarint(value.length + 1)
    this.#ensure(value.length)
    this.#buffer.set(value, this.#position)
    this.#position += value.length
  }

  /** A byte string made of parts that are not copied: they must not change until the request has been answered. */
  gathered(parts: readonly Uint8Array[]): void {
    let bytes = 0
    for (const part of parts) bytes += part.length
    this.unsignedVarint(bytes + 1)
    this.#closePiece()
    this.#pieces.push(...parts)
  }

  /** `8-4-4-4-12` hexadecimal digits. */
  uuid(value: string): void {
    this.#ensure(UUID_BYTES)
    const written = this.#buffer.write(value.replaceAll('-', ''), this.#position, 'hex')
    if (written !== UUID_BYTES) throw new RangeError(`«${value}» is not a UUID: 32 hexadecimal digits, with or without hyphens, were expected`)
    this.#position += written
  }

  array<Item>(items: readonly Item[], write: (item: Item) => void): void {
    this.unsignedVarint(items.length + 1)
    for (const item of items) write(item)
  }

  nullableArray<Item>(items: readonly Item[] | undefined, write: (item: Item) => void): void {
    if (items === undefined) this.unsignedVarint(0)
    else this.array(items, write)
  }

  /** No tagged fields: each structure of a flexible version ends so. */
  noTags(): void {
    this.int8(0)
  }

  /** The frame, its length filled in. The writer is used up. */
  finish(): Uint8Array[] {
    this.#closePiece()
    let bytes = -LENGTH_BYTES
    for (const piece of this.#pieces) bytes += piece.length
    const [first] = this.#pieces
    if (first) new DataView(first.buffer, first.byteOffset, LENGTH_BYTES).setInt32(0, bytes)
    return this.#pieces
  }

  #closePiece(): void {
    if (this.#position > this.#start) this.#pieces.push(this.#buffer.subarray(this.#start, this.#position))
    this.#start = this.#position
  }

  /** Pieces that are closed keep the buffer they were written to; only the open one moves on. */
  #ensure(bytes: number): void {
    if (this.#position + bytes <= this.#buffer.length) return
    const open = this.#position - this.#start
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, open + bytes))
    this.#buffer.copy(grown, 0, this.#start, this.#position)
    this.#buffer = grown
    this.#start = 0
    this.#position = open
  }
}

const FIRST_BYTES = 512
const LENGTH_BYTES = 4
const UUID_BYTES = 16
