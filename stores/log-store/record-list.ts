import { BatchCursor } from '../../records/batch-cursor.ts'
import { COMPRESSIONS, type Compression, decompress } from '../../records/compression.ts'
import { CorruptBatchError } from '../../records/corrupt-batch-error.ts'
import { crc32c } from '../../records/crc32c.ts'
import { murmur2 } from '../../records/murmur2.ts'
import { ATTRIBUTE, attributes, FIELD, HEADER_BYTES, LENGTH_OVERHEAD } from '../../records/record-batch.ts'
import { mixHash } from '../mix-hash.ts'
import type { ChangelogBatch } from '../state-store.ts'
import type { FramedBatch } from './frame.ts'

const TOMBSTONE = -1
const INITIAL_RECORDS = 512

/**
 * The records of some batches, as positions in typed arrays: walked once before anything is stored, so that damaged bytes are refused, and so that the index slots of all keys can be
 * touched before the first one is used. Used again for every frame.
 */
export class RecordList {
  readonly batches: FramedBatch[] = []
  count = 0
  lastOffset = -1
  mixed = new Int32Array(INITIAL_RECORDS)
  keyStart = new Int32Array(INITIAL_RECORDS)
  keyEnd = new Int32Array(INITIAL_RECORDS)
  valueStart = new Int32Array(INITIAL_RECORDS)
  /** -1: a tombstone. */
  valueEnd = new Int32Array(INITIAL_RECORDS)
  /** Index in `batches`. */
  batch = new Int32Array(INITIAL_RECORDS)
  /** Filled only where the list was made for copying. */
  offset = new Float64Array(0)
  timestamp = new Float64Array(0)
  readonly #forCopying: boolean
  readonly #cursor = new BatchCursor()

  constructor(options: { forCopying: boolean } = { forCopying: false }) {
    this.#forCopying = options.forCopying
    if (options.forCopying) {
      this.offset = new Float64Array(INITIAL_RECORDS)
      this.timestamp = new Float64Array(INITIAL_RECORDS)
    }
  }

  reset(): void {
    this.batches.length = 0
    this.count = 0
    this.lastOffset = -1
  }

  isTombstone(record: number): boolean {
    return this.valueEnd[record] === TOMBSTONE
  }

  /** Adds the records from `firstOffset` on. A batch without such records, and a control batch, is left out; a compressed one is unpacked. */
  add(batch: ChangelogBatch, firstOffset: number): void {
    const cursor = this.#cursor
    cursor.reset(batch.bytes, batch.start, batch.end)
    if (!cursor.nextBatch() || cursor.batchEnd !== batch.end)
      throw new CorruptBatchError(batch.baseOffset, `found ${batch.end - batch.start} bytes, expected exactly one batch`)
    if (cursor.isControl) return
    let framed: FramedBatch = batch
    if (cursor.compression !== 'none') {
      framed = unpacked(batch)
      cursor.reset(framed.bytes, framed.start, framed.end)
      cursor.nextBatch()
    }
    const before = this.count
    this.#walk(batch.baseOffset - cursor.baseOffset, firstOffset)
    if (this.count > before) this.batches.push(framed)
  }

  #walk(offsetShift: number, firstOffset: number): void {
    const cursor = this.#cursor
    const { key, value } = cursor
    const batch = this.batches.length
    let { mixed, keyStart, keyEnd, valueStart, valueEnd, batch: batchOf } = this
    let { count, lastOffset } = this
    while (cursor.nextRecord()) {
      const offset = cursor.offset + offsetShift
      if (offset < firstOffset || !cursor.hasKey) continue
      if (count === mixed.length) {
        this.#grow()
        ;({ mixed, keyStart, keyEnd, valueStart, valueEnd, batch: batchOf } = this)
      }
      mixed[count] = mixHash(murmur2(key.buffer, key.start, key.end))
      keyStart[count] = key.start
      keyEnd[count] = key.end
      valueStart[count] = value.start
      valueEnd[count] = cursor.hasValue ? value.end : TOMBSTONE
      batchOf[count] = batch
      if (this.#forCopying) {
        this.offset[count] = offset
        this.timestamp[count] = cursor.timestamp
      }
      if (offset > lastOffset) lastOffset = offset
      count++
    }
    this.count = count
    this.lastOffset = lastOffset
  }

  #grow(): void {
    this.mixed = doubled(this.mixed)
    this.keyStart = doubled(this.keyStart)
    this.keyEnd = doubled(this.keyEnd)
    this.valueStart = doubled(this.valueStart)
    this.valueEnd = doubled(this.valueEnd)
    this.batch = doubled(this.batch)
    if (!this.#forCopying) return
    this.offset = doubledDoubles(this.offset)
    this.timestamp = doubledDoubles(this.timestamp)
  }
}

function doubled(values: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(values.length * 2)
  larger.set(values)
  return larger
}

function doubledDoubles(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(values.length * 2)
  larger.set(values)
  return larger
}

/** The same batch without compression: values have to be readable at their place in the file. Records, and with them their offsets, are taken over as they are. */
function unpacked({ bytes, start, end, baseOffset }: ChangelogBatch): FramedBatch {
  const kind = COMPRESSIONS[attributes(bytes, start) & ATTRIBUTE.compressionMask] ?? 'none'
  const records = decompressed(kind, bytes.subarray(start + HEADER_BYTES, end), baseOffset)
  const plain = Buffer.allocUnsafeSlow(HEADER_BYTES + records.length)
  bytes.copy(plain, 0, start, start + HEADER_BYTES)
  records.copy(plain, HEADER_BYTES)
  plain.writeInt32BE(plain.length - LENGTH_OVERHEAD, FIELD.batchLength)
  plain.writeInt16BE(attributes(plain, 0) & ~ATTRIBUTE.compressionMask, FIELD.attributes)
  plain.writeUInt32BE(crc32c(plain, FIELD.attributes, plain.length), FIELD.checksum)
  return { bytes: plain, start: 0, end: plain.length, baseOffset }
}

function decompressed(kind: Compression, bytes: Buffer, baseOffset: number): Buffer {
  try {
    return decompress(kind, bytes)
  } catch (error) {
    throw new CorruptBatchError(baseOffset, `its ${kind} records cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}
