import type { ByteView } from './byte-view.ts'
import { copyBytes, putVarint, putVarlong } from './byte-writer.ts'
import { COMPRESSIONS, type Compression, compress } from './compression.ts'
import { writeInt64 } from './int64.ts'
import { ATTRIBUTE, FIELD, HEADER_BYTES, LENGTH_OVERHEAD, MAGIC, setBaseOffset, setLeaderEpoch, stampBatch } from './record-batch.ts'
import { varintSize, varlongSize } from './varint.ts'

/** Below the topic default of 1 MiB (`max.message.bytes`). */
export const BATCH_LIMIT_BYTES = 900_000
const FIRST_CAPACITY_BYTES = 4096
const UNSTAMPED = { producerId: -1, producerEpoch: -1, baseSequence: -1 } as const

/** Memory of builders, as opposed to that of somebody who calls `recycle` with a buffer that is still used elsewhere. */
const ownMemory = new WeakSet<ArrayBufferLike>()

/**
 * One record batch (v2, create time) that grows at its end.
 *
 * ```
 * filling -- seal --> sealed -- reset --> filling
 * ```
 */
export class BatchBuilder {
  /** The batch so far: header (not filled in before `seal`) and records, uncompressed. Replaced when it grows; positions stay. */
  buffer: Buffer
  /** Bytes of the batch so far, uncompressed. */
  sizeBytes: number = HEADER_BYTES
  recordCount = 0
  /** Positions of the last appended record in `buffer`; a null key or value is an empty stretch. */
  lastKeyStart = 0
  lastKeyEnd = 0
  lastValueStart = 0
  lastValueEnd = 0
  /** False: the value of the last appended record is null. */
  lastHasValue = false

  readonly #transactional: boolean
  readonly #compression: Compression
  readonly #limitBytes: number
  #baseTimestamp = -1
  #maxTimestamp = -1
  #sealed: Buffer | undefined
  #spare: Buffer | undefined

  constructor(options: {
    transactional: boolean
    /** Default `none`. */
    compression?: Compression
    /** Size of the uncompressed batch above which `append` takes no further record. Default 900,000. */
    limitBytes?: number
  }) {
    this.#transactional = options.transactional
    this.#compression = options.compression ?? 'none'
    this.#limitBytes = options.limitBytes ?? BATCH_LIMIT_BYTES
    this.buffer = allocate(FIRST_CAPACITY_BYTES)
  }

  /**
   * Appends a record. `headers` is a header block as on the wire, undefined: none. False, and nothing is written, if the batch would pass its limit
   * and is not empty: a record that is too large alone is for the broker to refuse.
   *
   * @throws RangeError if the timestamp is not a safe integer.
   */
  append(timestamp: number, key: ByteView | undefined, value: ByteView | undefined, headers: ByteView | undefined): boolean {
    if (this.#sealed !== undefined) throw new Error('the batch is sealed: reset the builder before appending to it')
    if (!Number.isSafeInteger(timestamp)) throw new RangeError(`found the timestamp ${timestamp}, expected milliseconds as a safe integer`)
    const count = this.recordCount
    const timestampDelta = count === 0 ? 0 : timestamp - this.#baseTimestamp
    const keyBytes = key === undefined ? -1 : key.end - key.start
    const valueBytes = value === undefined ? -1 : value.end - value.start
    const length =
      1 +
      varlongSize(timestampDelta) +
      varintSize(count) +
      varintSize(keyBytes) +
      (keyBytes > 0 ? keyBytes : 0) +
      varintSize(valueBytes) +
      (valueBytes > 0 ? valueBytes : 0) +
      (headers === undefined ? 1 : headers.end - headers.start)
    const end = this.sizeBytes + varintSize(length) + length
    if (end > this.#limitBytes && count > 0) return false
    if (end > this.buffer.length) this.#grow(end)

    const buffer = this.buffer
    let at = putVarint(buffer, this.sizeBytes, length)
    buffer[at++] = 0
    at = putVarlong(buffer, at, timestampDelta)
    at = putVarint(buffer, at, count)
    at = putVarint(buffer, at, keyBytes)
    this.lastKeyStart = at
    if (key !== undefined) {
      copyBytes(key.buffer, key.start, key.end, buffer, at)
      at += keyBytes
    }
    this.lastKeyEnd = at
    at = putVarint(buffer, at, valueBytes)
    this.lastValueStart = at
    if (value !== undefined) {
      copyBytes(value.buffer, value.start, value.end, buffer, at)
      at += valueBytes
    }
    this.lastValueEnd = at
    this.lastHasValue = value !== undefined
    if (headers === undefined) buffer[at] = 0
    else copyBytes(headers.buffer, headers.start, headers.end, buffer, at)

    if (count === 0) {
      this.#baseTimestamp = timestamp
      this.#maxTimestamp = timestamp
    } else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    this.recordCount = count + 1
    this.sizeBytes = end
    return true
  }

  /**
   * The whole batch: base offset 0, leader epoch and producer fields -1, without checksum: `stampBatch` writes it. Further calls answer the same bytes.
   * They are the caller's until it gives them back with `recycle`.
   */
  seal(): Buffer {
    if (this.#sealed !== undefined) return this.#sealed
    if (this.recordCount === 0) throw new Error('found no record, expected one or more: Kafka has no empty batches')
    const records = this.buffer.subarray(HEADER_BYTES, this.sizeBytes)
    const bytes =
      this.#compression === 'none'
        ? this.buffer.subarray(0, this.sizeBytes)
        : Buffer.concat([this.buffer.subarray(0, HEADER_BYTES), compress(this.#compression, records)])
    setBaseOffset(bytes, 0, 0)
    bytes.writeInt32BE(bytes.length - LENGTH_OVERHEAD, FIELD.batchLength)
    setLeaderEpoch(bytes, 0, -1)
    bytes.writeInt8(MAGIC, FIELD.magic)
    bytes.writeUInt32BE(0, FIELD.checksum)
    bytes.writeInt16BE(COMPRESSIONS.indexOf(this.#compression) | (this.#transactional ? ATTRIBUTE.transactional : 0), FIELD.attributes)
    bytes.writeInt32BE(this.recordCount - 1, FIELD.lastOffsetDelta)
    writeInt64(bytes, FIELD.baseTimestamp, this.#baseTimestamp)
    writeInt64(bytes, FIELD.maxTimestamp, this.#maxTimestamp)
    writeInt64(bytes, FIELD.producerId, UNSTAMPED.producerId)
    bytes.writeInt16BE(UNSTAMPED.producerEpoch, FIELD.producerEpoch)
    bytes.writeInt32BE(UNSTAMPED.baseSequence, FIELD.baseSequence)
    bytes.writeInt32BE(this.recordCount, FIELD.recordCount)
    this.#sealed = bytes
    return bytes
  }

  /** As `seal`, with the checksum: for producers that are not idempotent. */
  sealPlain(): Buffer {
    const bytes = this.seal()
    stampBatch(bytes, UNSTAMPED)
    return bytes
  }

  /** Starts an empty batch. Sealed bytes stay as they are, with whoever took them: the builder goes on in a recycled buffer, or a new one. */
  reset(): void {
    const lent = this.#sealed !== undefined && this.#compression === 'none'
    if (lent) {
      this.buffer = this.#spare ?? allocate(this.buffer.length)
      this.#spare = undefined
    }
    this.#sealed = undefined
    this.sizeBytes = HEADER_BYTES
    this.recordCount = 0
    this.lastKeyStart = 0
    this.lastKeyEnd = 0
    this.lastValueStart = 0
    this.lastValueEnd = 0
    this.lastHasValue = false
  }

  /**
   * Gives back sealed bytes that nobody reads or sends any more, for the batch after the next `reset`. Of bytes that are no builder's the memory is left alone.
   */
  recycle(bytes: Buffer): void {
    if (!ownMemory.has(bytes.buffer) || bytes.buffer.byteLength <= (this.#spare?.length ?? 0)) return
    this.#spare = Buffer.from(bytes.buffer)
  }

  #grow(neededBytes: number): void {
    const larger = allocate(Math.max(neededBytes, this.buffer.length * 2))
    this.buffer.copy(larger, 0, 0, this.sizeBytes)
    this.buffer = larger
  }
}

/** Slow: of its own memory, not a part of a pool that others share. */
function allocate(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(bytes)
  ownMemory.add(buffer.buffer)
  return buffer
}
