import type { ByteView } from './byte-view.ts'
import { COMPRESSIONS, type Compression, compress } from './compression.ts'
import { ATTRIBUTE, BATCH, stampBatch, writeInt64 } from './record-batch.ts'
import { unsignedVarintSize, varintSize } from './varint.ts'

/** Below the topics' default of 1 MiB (max.message.bytes). */
const DEFAULT_LIMIT_BYTES = 900_000
const INITIAL_BYTES = 16_384

/** Builds one record batch (magic 2, create time). Appending is the hottest function of the product: it allocates nothing but a larger buffer now and then. */
export class BatchBuilder {
  buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  recordCount = 0
  /** Positions of the last record in `buffer`; they stay what they are when the buffer is replaced by a larger one. */
  lastKeyStart = 0
  lastKeyEnd = 0
  lastValueStart = 0
  lastValueEnd = 0
  /** Whether the last record has a value; without one it is a tombstone. */
  lastHasValue = false
  readonly #attributes: number
  readonly #compression: Compression
  readonly #limitBytes: number
  #position: number = BATCH.headerBytes
  #baseTimestamp = 0
  #maxTimestamp = -1

  constructor(options: { transactional: boolean; compression?: Compression; limitBytes?: number }) {
    this.#compression = options.compression ?? 'none'
    this.#attributes = COMPRESSIONS.indexOf(this.#compression) | (options.transactional ? ATTRIBUTE.transactional : 0)
    this.#limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES
  }

  get sizeBytes(): number {
    return this.#position
  }

  /**
   * Appends a record. `headers` is a header block as on the wire. Answers false, with nothing written, if the batch would pass its limit; a batch takes at least one record of any size.
   */
  append(timestamp: number, key: ByteView | undefined, value: ByteView | undefined, headers: ByteView | undefined): boolean {
    if (this.recordCount === 0) this.#baseTimestamp = timestamp
    const keyLength = key === undefined ? -1 : key.end - key.start
    const valueLength = value === undefined ? -1 : value.end - value.start
    const headerLength = headers === undefined ? 1 : headers.end - headers.start
    const timestampDelta = timestamp - this.#baseTimestamp
    const length =
      1 + varintSize(timestampDelta) + varintSize(this.recordCount) + varintSize(keyLength) + Math.max(0, keyLength) + varintSize(valueLength) + Math.max(0, valueLength) + headerLength
    const total = unsignedVarintSize(length * 2) + length
    if (this.recordCount > 0 && this.#position + total > this.#limitBytes) return false
    this.#ensure(total)
    this.#varint(length)
    this.buffer[this.#position++] = 0
    this.#varint(timestampDelta)
    this.#varint(this.recordCount)
    this.#varint(keyLength)
    this.lastKeyStart = this.#position
    if (key !== undefined) this.#copy(key.buffer, key.start, key.end)
    this.lastKeyEnd = this.#position
    this.#varint(valueLength)
    this.lastValueStart = this.#position
    this.lastHasValue = value !== undefined
    if (value !== undefined) this.#copy(value.buffer, value.start, value.end)
    this.lastValueEnd = this.#position
    if (headers === undefined) this.buffer[this.#position++] = 0
    else this.#copy(headers.buffer, headers.start, headers.end)
    this.recordCount++
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    return true
  }

  /** The whole batch, a view on the builder's buffer unless compressed. Producer id, epoch, sequence and checksum are still to be stamped (`stampBatch`). */
  seal(): Buffer {
    const batch = this.#compression === 'none' ? this.buffer.subarray(0, this.#position) : this.#compressed()
    writeInt64(batch, 0, BATCH.baseOffset)
    batch.writeInt32BE(batch.length - BATCH.lengthEnd, BATCH.length)
    batch.writeInt32BE(-1, BATCH.leaderEpoch)
    batch[BATCH.magic] = 2
    batch.writeInt16BE(this.#attributes, BATCH.attributes)
    batch.writeInt32BE(this.recordCount - 1, BATCH.lastOffsetDelta)
    writeInt64(batch, this.#baseTimestamp, BATCH.baseTimestamp)
    writeInt64(batch, this.#maxTimestamp, BATCH.maxTimestamp)
    writeInt64(batch, -1, BATCH.producerId)
    batch.writeInt16BE(-1, BATCH.producerEpoch)
    batch.writeInt32BE(-1, BATCH.baseSequence)
    batch.writeInt32BE(this.recordCount, BATCH.recordCount)
    return batch
  }

  /** The whole batch of a producer without id, checksum included. */
  sealPlain(): Buffer {
    const batch = this.seal()
    stampBatch(batch, { producerId: -1, producerEpoch: -1, baseSequence: -1 })
    return batch
  }

  /** Starts anew in the same buffer: nothing may hold a batch that was sealed from it. */
  reset(): void {
    this.#position = BATCH.headerBytes
    this.recordCount = 0
    this.#maxTimestamp = -1
  }

  #compressed(): Buffer {
    const records = compress(this.#compression, this.buffer.subarray(BATCH.headerBytes, this.#position))
    const batch = Buffer.allocUnsafeSlow(BATCH.headerBytes + records.length)
    records.copy(batch, BATCH.headerBytes)
    return batch
  }

  #ensure(bytes: number): void {
    const needed = this.#position + bytes
    if (needed <= this.buffer.length) return
    let capacity = this.buffer.length * 2
    while (capacity < needed) capacity *= 2
    const grown = Buffer.allocUnsafeSlow(capacity)
    this.buffer.copy(grown, 0, 0, this.#position)
    this.buffer = grown
  }

  #varint(value: number): void {
    let rest = value >= 0 ? value * 2 : -value * 2 - 1
    const { buffer } = this
    let at = this.#position
    while (rest > 127) {
      buffer[at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    buffer[at++] = rest
    this.#position = at
  }

  /** Below some 24 bytes a loop is faster than the call into native code. */
  #copy(source: Buffer, start: number, end: number): void {
    const { buffer } = this
    let at = this.#position
    if (end - start < 24) for (let i = start; i < end; i++) buffer[at++] = source[i] ?? 0
    else source.copy(buffer, at, start, end)
    this.#position += end - start
  }
}
