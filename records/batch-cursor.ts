import { ByteReader, BytesError } from './byte-reader.ts'
import { ByteView } from './byte-view.ts'
import { COMPRESSIONS, type Compression, DECOMPRESSED_LIMIT_BYTES, decompress } from './compression.ts'
import { CorruptBatchError } from './corrupt-batch-error.ts'
import { crc32c } from './crc32c.ts'
import { skipHeaders } from './headers.ts'
import { readInt64 } from './int64.ts'
import * as batch from './record-batch.ts'

/**
 * Walks the whole batches of a stretch of bytes and their records without an object per record: the fields are those of the batch and record it
 * stands on, the views are the cursor's own and change with `nextRecord`.
 *
 * The bytes may come from anybody: lengths are checked, and what does not fit is a `CorruptBatchError` that names the offset. After one every call
 * throws it again, until `reset`.
 */
export class BatchCursor {
  /** First byte of the batch, and the byte behind it, in the buffer given to `reset`. */
  batchStart = 0
  batchEnd = 0
  baseOffset = -1
  /** The last offset the batch stands for: compaction may have removed its record. */
  lastOffset = -1
  leaderEpoch = -1
  /** -1: the producer was not idempotent. */
  producerId = -1
  producerEpoch = -1
  baseSequence = -1
  recordCount = 0
  baseTimestamp = -1
  maxTimestamp = -1
  isControl = false
  isTransactional = false
  isLogAppendTime = false
  compression: Compression = 'none'

  offset = -1
  /** Milliseconds; in a batch with log append time that of the batch. -1: none. */
  timestamp = -1
  readonly key = new ByteView()
  hasKey = false
  readonly value = new ByteView()
  hasValue = false
  /** The header block as on the wire: count, then headers. They have been checked. */
  readonly headers = new ByteView()
  headerCount = 0

  readonly #reader = new ByteReader()
  readonly #decompressedLimitBytes: number
  #buffer: Buffer = this.key.buffer
  #position = 0
  #end = 0
  #recordsLeft = 0
  /** False until the first `nextRecord` of a batch: what is skipped is never decompressed. */
  #opened = false
  /** Thrown again by every call until `reset`: somebody who catches it and goes on must not miss records without noticing. */
  #failure: CorruptBatchError | undefined

  constructor(options: { decompressedLimitBytes?: number } = {}) {
    this.#decompressedLimitBytes = options.decompressedLimitBytes ?? DECOMPRESSED_LIMIT_BYTES
  }

  /** Starts before the first batch of `buffer[start..end]`. The bytes must not change while they are walked. */
  reset(buffer: Buffer, start: number, end: number): void {
    if (!(start >= 0 && start <= end && end <= buffer.length))
      throw new RangeError(`found the stretch ${start} to ${end}, expected one within the ${buffer.length} bytes of the buffer`)
    this.#buffer = buffer
    this.#position = start
    this.#end = end
    this.batchStart = start
    this.batchEnd = start
    this.#recordsLeft = 0
    this.#failure = undefined
  }

  /**
   * Moves to the next whole batch, past what is left of this one; false at the end. A batch that is cut by the end of the bytes is no error: brokers
   * cut where the size limit of a fetch falls.
   *
   * @throws CorruptBatchError if the header makes no sense or the checksum does not fit.
   */
  nextBatch(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    this.#recordsLeft = 0
    const at = this.#position
    const left = this.#end - at
    if (left < batch.FIELD.checksum) return false
    const buffer = this.#buffer
    const size = batch.batchSize(buffer, at)
    if (batch.magic(buffer, at) !== batch.MAGIC) {
      throw new CorruptBatchError(readInt64(buffer, at), `found magic ${batch.magic(buffer, at)}, expected ${batch.MAGIC} (older formats are not read)`)
    }
    if (size < batch.HEADER_BYTES) throw new CorruptBatchError(readInt64(buffer, at), `found a size of ${size} bytes, expected at least ${batch.HEADER_BYTES}`)
    if (size > left) return false
    this.#readHeader(at, at + size)
    this.#position = at + size
    this.#recordsLeft = this.recordCount
    this.#opened = false
    return true
  }

  /** Leaves out the records of this batch that were not read; nothing is decompressed for them. */
  skipBatch(): void {
    this.#recordsLeft = 0
  }

  /** Moves to the next record of the batch; false at its end. @throws CorruptBatchError if the records make no sense. */
  nextRecord(): boolean {
    if (this.#recordsLeft === 0) {
      if (this.#failure !== undefined) throw this.#failure
      return false
    }
    try {
      if (!this.#opened) this.#open()
      this.#readRecord()
      if (--this.#recordsLeft === 0 && this.#reader.remaining > 0)
        throw new BytesError(`found ${this.#reader.remaining} bytes behind the last record, expected none`)
      return true
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(error: unknown): unknown {
    if (error instanceof BytesError)
      this.#failure = new CorruptBatchError(this.baseOffset, `in the record after offset ${this.offset}: ${error.message}`, { cause: error })
    else if (error instanceof CorruptBatchError) this.#failure = error
    this.#recordsLeft = 0
    return this.#failure ?? error
  }

  #readHeader(at: number, end: number): void {
    const buffer = this.#buffer
    const offset = batch.baseOffset(buffer, at)
    const computed = crc32c(buffer, at + batch.FIELD.attributes, end)
    const stored = batch.checksum(buffer, at)
    if (computed !== stored) throw new CorruptBatchError(offset, `its bytes have the checksum ${computed}, its header says ${stored}`)
    const attributes = batch.attributes(buffer, at)
    const compression = COMPRESSIONS[attributes & batch.ATTRIBUTE.compressionMask]
    const lastOffsetDelta = batch.lastOffsetDelta(buffer, at)
    const recordCount = batch.recordCount(buffer, at)
    if (compression === undefined) throw new CorruptBatchError(offset, `found compression ${attributes & batch.ATTRIBUTE.compressionMask}, expected 0 to 4`)
    if (offset < 0 || lastOffsetDelta < 0 || !Number.isSafeInteger(offset + lastOffsetDelta)) {
      throw new CorruptBatchError(offset, `found a last offset delta of ${lastOffsetDelta}, expected offsets from 0 to 2^53`)
    }
    if (recordCount < 0 || recordCount > lastOffsetDelta + 1)
      throw new CorruptBatchError(offset, `found ${recordCount} records, expected 0 to ${lastOffsetDelta + 1}`)
    this.batchStart = at
    this.batchEnd = end
    this.baseOffset = offset
    this.lastOffset = offset + lastOffsetDelta
    this.leaderEpoch = batch.leaderEpoch(buffer, at)
    this.producerId = batch.producerId(buffer, at)
    this.producerEpoch = batch.producerEpoch(buffer, at)
    this.baseSequence = batch.baseSequence(buffer, at)
    this.recordCount = recordCount
    this.baseTimestamp = batch.baseTimestamp(buffer, at)
    this.maxTimestamp = batch.maxTimestamp(buffer, at)
    this.isControl = (attributes & batch.ATTRIBUTE.control) !== 0
    this.isTransactional = (attributes & batch.ATTRIBUTE.transactional) !== 0
    this.isLogAppendTime = (attributes & batch.ATTRIBUTE.logAppendTime) !== 0
    this.compression = compression
    this.offset = offset - 1
  }

  #open(): void {
    const start = this.batchStart + batch.HEADER_BYTES
    if (this.compression === 'none') this.#reader.reset(this.#buffer, start, this.batchEnd)
    else {
      const records = this.#decompressed(start)
      this.#reader.reset(records, 0, records.length)
    }
    this.key.buffer = this.#reader.buffer
    this.value.buffer = this.#reader.buffer
    this.headers.buffer = this.#reader.buffer
    this.#opened = true
  }

  #decompressed(start: number): Buffer {
    try {
      return decompress(this.compression, this.#buffer.subarray(start, this.batchEnd), this.#decompressedLimitBytes)
    } catch (error) {
      throw new CorruptBatchError(
        this.baseOffset,
        `its ${this.compression} records cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      )
    }
  }

  #readRecord(): void {
    const reader = this.#reader
    const length = reader.varint()
    const start = reader.position
    reader.skip(length)
    const end = reader.position
    reader.position = start
    reader.skip(1)
    const timestampDelta = reader.varlong()
    const timestamp = this.isLogAppendTime ? this.maxTimestamp : this.baseTimestamp + timestampDelta
    if (!Number.isSafeInteger(timestamp)) throw new BytesError(`found the timestamp ${timestamp}, expected a safe integer`)
    const offset = this.baseOffset + reader.varint()
    if (offset <= this.offset || offset > this.lastOffset) throw new BytesError(`found the offset ${offset}, expected ${this.offset + 1} to ${this.lastOffset}`)
    this.hasKey = this.#readBytes(this.key)
    this.hasValue = this.#readBytes(this.value)
    this.headers.start = reader.position
    this.headerCount = skipHeaders(reader)
    if (reader.position !== end) throw new BytesError(`its fields end at byte ${reader.position}, its length says ${end}`)
    this.headers.end = end
    this.offset = offset
    this.timestamp = timestamp
  }

  #readBytes(view: ByteView): boolean {
    const reader = this.#reader
    const length = reader.varint()
    view.start = reader.position
    if (length >= 0) reader.skip(length)
    view.end = reader.position
    return length >= 0
  }
}
