import { ByteView } from './byte-view.ts'
import { COMPRESSIONS, type Compression, decompress } from './compression.ts'
import { ATTRIBUTE, BATCH, CorruptBatchError, readInt64, verifyBatch } from './record-batch.ts'

/** A batch header alone, behind which nothing may be missing. */
const MIN_LENGTH = BATCH.headerBytes - BATCH.lengthEnd

/**
 * Walks record batches, and the records in them, without an object per record: fields and views are the cursor's own and change with every step.
 * Lengths come from outside: each one is checked before it is used, and a faulty one throws `CorruptBatchError`.
 */
export class BatchCursor {
  batchStart = 0
  batchEnd = 0
  baseOffset = 0
  lastOffset = 0
  leaderEpoch = -1
  producerId = -1
  producerEpoch = -1
  baseSequence = -1
  recordCount = 0
  baseTimestamp = 0
  maxTimestamp = 0
  isControl = false
  isTransactional = false
  isLogAppendTime = false
  compression: Compression = 'none'

  offset = 0
  timestamp = 0
  readonly key = new ByteView()
  hasKey = false
  readonly value = new ByteView()
  hasValue = false
  /** The header block as on the wire: count and headers. */
  readonly headers = new ByteView()
  headerCount = 0

  #source: Buffer = EMPTY
  #end = 0
  #next = 0
  #records: Buffer = EMPTY
  #at = 0
  #recordsEnd = 0
  #left = 0
  #opened = false

  reset(buffer: Buffer, start: number, end: number): void {
    this.#source = buffer
    this.#next = start
    this.#end = end
    this.#left = 0
    this.#opened = false
  }

  /** Moves to the next whole batch and checks its CRC. A cut one ends the walk: brokers cut where a fetch is full. */
  nextBatch(): boolean {
    const start = this.#next
    const buffer = this.#source
    if (start + BATCH.headerBytes > this.#end) return false
    const length = buffer.readInt32BE(start + BATCH.length)
    if (length < MIN_LENGTH) throw new CorruptBatchError(undefined, `it says it has ${length} bytes, at least ${MIN_LENGTH} were expected`)
    const end = start + BATCH.lengthEnd + length
    if (end > this.#end) return false
    this.#readHeader(start, end)
    this.#next = end
    return true
  }

  /** Moves to the next record of the batch. */
  nextRecord(): boolean {
    if (!this.#opened) this.#open()
    if (this.#left === 0) return false
    this.#left--
    this.#readRecord()
    return true
  }

  #readHeader(start: number, end: number): void {
    const buffer = this.#source
    this.batchStart = start
    this.batchEnd = end
    this.baseOffset = readInt64(buffer, start)
    const magic = buffer[start + BATCH.magic]
    if (magic !== 2) throw new CorruptBatchError(this.baseOffset, `its format is ${magic}, expected 2 (messages from before Kafka 0.11 have to be rewritten)`)
    if (!verifyBatch(buffer, start)) throw new CorruptBatchError(this.baseOffset, 'its checksum is wrong')
    const attributes = buffer.readInt16BE(start + BATCH.attributes)
    const compression = COMPRESSIONS[attributes & ATTRIBUTE.compression]
    if (compression === undefined) throw new CorruptBatchError(this.baseOffset, `its compression is ${attributes & ATTRIBUTE.compression}, which is not known`)
    this.compression = compression
    this.isControl = (attributes & ATTRIBUTE.control) !== 0
    this.isTransactional = (attributes & ATTRIBUTE.transactional) !== 0
    this.isLogAppendTime = (attributes & ATTRIBUTE.logAppendTime) !== 0
    this.leaderEpoch = buffer.readInt32BE(start + BATCH.leaderEpoch)
    this.lastOffset = this.baseOffset + buffer.readInt32BE(start + BATCH.lastOffsetDelta)
    this.baseTimestamp = readInt64(buffer, start + BATCH.baseTimestamp)
    this.maxTimestamp = readInt64(buffer, start + BATCH.maxTimestamp)
    this.producerId = readInt64(buffer, start + BATCH.producerId)
    this.producerEpoch = buffer.readInt16BE(start + BATCH.producerEpoch)
    this.baseSequence = buffer.readInt32BE(start + BATCH.baseSequence)
    this.recordCount = buffer.readInt32BE(start + BATCH.recordCount)
    if (this.recordCount < 0) throw new CorruptBatchError(this.baseOffset, `it says it holds ${this.recordCount} records`)
    this.#left = 0
    this.#opened = false
  }

  /** Unpacks the records when the first one is asked for: a batch that is skipped costs nothing. */
  #open(): void {
    const start = this.batchStart + BATCH.headerBytes
    this.#opened = true
    this.#left = this.recordCount
    if (this.compression === 'none') {
      this.#records = this.#source
      this.#at = start
      this.#recordsEnd = this.batchEnd
      return
    }
    try {
      this.#records = decompress(this.compression, this.#source.subarray(start, this.batchEnd))
    } catch (error) {
      throw new CorruptBatchError(this.baseOffset, `it cannot be unpacked (${this.compression}): ${error instanceof Error ? error.message : String(error)}`)
    }
    this.#at = 0
    this.#recordsEnd = this.#records.length
  }

  #readRecord(): void {
    const length = this.#varint()
    const end = this.#at + length
    if (length < 0 || end > this.#recordsEnd) throw new CorruptBatchError(this.baseOffset, `a record of ${length} bytes does not fit`)
    this.#at++
    const timestampDelta = this.#varint()
    this.timestamp = this.isLogAppendTime ? this.maxTimestamp : this.baseTimestamp + timestampDelta
    this.offset = this.baseOffset + this.#varint()
    this.hasKey = this.#bytes(this.key, end)
    this.hasValue = this.#bytes(this.value, end)
    this.headers.set(this.#records, this.#at, end)
    this.headerCount = this.#varint()
    if (this.headerCount < 0 || this.#at > end) throw new CorruptBatchError(this.baseOffset, `the record at offset ${this.offset} says it has ${this.headerCount} headers`)
    this.#at = end
  }

  #bytes(into: ByteView, limit: number): boolean {
    const length = this.#varint()
    if (length < 0) {
      into.set(EMPTY, 0, 0)
      return false
    }
    if (this.#at + length > limit) throw new CorruptBatchError(this.baseOffset, `a field of ${length} bytes does not fit into the record at offset ${this.offset}`)
    into.set(this.#records, this.#at, this.#at + length)
    this.#at += length
    return true
  }

  /** Zigzag varint. Below 2^28 in integer arithmetic: 3 ns; the rest (timestamps far apart) in doubles. */
  #varint(): number {
    const buffer = this.#records
    let at = this.#at
    if (at >= this.#recordsEnd) throw new CorruptBatchError(this.baseOffset, 'it ends in the middle of a record')
    let byte = buffer[at++] ?? 0
    let value = byte & 127
    if (byte > 127) {
      let factor = 128
      do {
        if (at >= this.#recordsEnd || factor > 2 ** 63) throw new CorruptBatchError(this.baseOffset, 'it holds a number without an end')
        byte = buffer[at++] ?? 0
        value += (byte & 127) * factor
        factor *= 128
      } while (byte > 127)
    }
    this.#at = at
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}

const EMPTY = Buffer.alloc(0)
