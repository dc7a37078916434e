import type { ByteView } from '../../records/byte-view.ts'
import { ByteWriter } from '../../records/byte-writer.ts'
import { writeInt64 } from '../../records/int64.ts'
import { FIELD, HEADER_BYTES, LENGTH_OVERHEAD, MAGIC, setBaseOffset, setLeaderEpoch, stampBatch } from '../../records/record-batch.ts'
import { varintSize, varlongSize } from '../../records/varint.ts'
import type { FramedBatch } from './frame.ts'

/** Offsets of a batch's records ascend, and lie within 31 bits of its base offset. */
const MAX_OFFSET_DELTA = 0x7fffffff
const NO_PRODUCER = { producerId: -1, producerEpoch: -1, baseSequence: -1 } as const

/**
 * Writes copied records into record batches that keep the records' own changelog offsets, with gaps, as the log cleaner of a broker does; where the offset falls back, because the
 * record had been copied before, a new batch begins. Headers are left out: a
 * store does not serve them. Records of many small batches end up in one.
 */
export class CopyWriter {
  /** Where the record that was added last begins with its key's length, and its value, in the bytes. */
  lastKeyPosition = 0
  lastValuePosition = 0
  readonly #writer = new ByteWriter(1 << 16)
  #batches: { start: number; end: number; baseOffset: number }[] = []
  #batchStart = 0
  #baseOffset = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  #lastOffset = 0
  #recordCount = 0

  /** Without a value it is a tombstone. */
  add(offset: number, timestamp: number, key: ByteView, value: ByteView | undefined): void {
    if (this.#recordCount > 0 && (offset <= this.#lastOffset || offset - this.#baseOffset > MAX_OFFSET_DELTA)) this.#endBatch()
    if (this.#recordCount === 0) this.#beginBatch(offset, timestamp)
    const writer = this.#writer
    const offsetDelta = offset - this.#baseOffset
    const timestampDelta = timestamp - this.#baseTimestamp
    const valueLength = value === undefined ? -1 : value.length
    writer.varint(
      2 + varlongSize(timestampDelta) + varintSize(offsetDelta) + varintSize(key.length) + key.length + varintSize(valueLength) + Math.max(0, valueLength),
    )
    writer.byte(0)
    writer.varlong(timestampDelta)
    writer.varint(offsetDelta)
    this.lastKeyPosition = writer.position
    writer.varint(key.length)
    writer.view(key)
    writer.varint(valueLength)
    this.lastValuePosition = writer.position
    if (value !== undefined) writer.view(value)
    writer.varint(0)
    this.#recordCount++
    this.#lastOffset = offset
    this.#maxTimestamp = Math.max(this.#maxTimestamp, timestamp)
  }

  /** The batches, one behind the other from the buffer's start; valid until `reset`. */
  finish(): FramedBatch[] {
    if (this.#recordCount > 0) this.#endBatch()
    return this.#batches.map((batch) => ({ bytes: this.#writer.buffer, ...batch }))
  }

  reset(): void {
    this.#writer.reset()
    this.#batches = []
    this.#recordCount = 0
  }

  #beginBatch(offset: number, timestamp: number): void {
    this.#batchStart = this.#writer.position
    this.#writer.ensure(HEADER_BYTES)
    this.#writer.position += HEADER_BYTES
    this.#baseOffset = offset
    this.#baseTimestamp = timestamp
    this.#maxTimestamp = timestamp
  }

  #endBatch(): void {
    const end = this.#writer.position
    const batch = this.#writer.buffer.subarray(this.#batchStart, end)
    setBaseOffset(batch, 0, this.#baseOffset)
    batch.writeInt32BE(batch.length - LENGTH_OVERHEAD, FIELD.batchLength)
    setLeaderEpoch(batch, 0, -1)
    batch.writeInt8(MAGIC, FIELD.magic)
    batch.writeInt16BE(0, FIELD.attributes)
    batch.writeInt32BE(this.#lastOffset - this.#baseOffset, FIELD.lastOffsetDelta)
    writeInt64(batch, FIELD.baseTimestamp, this.#baseTimestamp)
    writeInt64(batch, FIELD.maxTimestamp, this.#maxTimestamp)
    batch.writeInt32BE(this.#recordCount, FIELD.recordCount)
    stampBatch(batch, NO_PRODUCER)
    this.#batches.push({ start: this.#batchStart, end, baseOffset: this.#baseOffset })
    this.#recordCount = 0
  }
}
