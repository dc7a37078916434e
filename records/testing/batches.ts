import { BatchBuilder } from '../batch-builder.ts'
import { BatchCursor } from '../batch-cursor.ts'
import { ByteView } from '../byte-view.ts'
import type { Compression } from '../compression.ts'
import { crc32c } from '../crc32c.ts'
import { ATTRIBUTE, FIELD, setBaseOffset, setLeaderEpoch, stampBatch } from '../record-batch.ts'

export interface BatchShape {
  readonly baseOffset?: number
  /** One record each, its value the number. */
  readonly values: readonly number[]
  readonly producerId?: number
  readonly transactional?: boolean
  readonly compression?: Compression
}

/** A batch as a broker keeps it; the timestamp of a record is 1,000 plus its value. */
export function batchOf(shape: BatchShape): Buffer {
  const builder = new BatchBuilder({ transactional: shape.transactional ?? false, compression: shape.compression ?? 'none' })
  for (const value of shape.values) builder.append(1_000 + value, ByteView.of(`k${value}`), ByteView.of(String(value)), undefined)
  const bytes = builder.seal()
  setBaseOffset(bytes, 0, shape.baseOffset ?? 0)
  setLeaderEpoch(bytes, 0, 7)
  stampBatch(bytes, { producerId: shape.producerId ?? -1, producerEpoch: 0, baseSequence: 0 })
  return bytes
}

/** A transaction marker as a coordinator writes it. */
export function markerOf(type: 'abort' | 'commit', at: { baseOffset: number; producerId: number }): Buffer {
  const builder = new BatchBuilder({ transactional: true })
  const key = Buffer.from([0, 0, 0, type === 'commit' ? 1 : 0])
  builder.append(5_000, new ByteView(key), new ByteView(Buffer.alloc(6)), undefined)
  const bytes = builder.seal()
  setBaseOffset(bytes, 0, at.baseOffset)
  bytes.writeInt16BE(ATTRIBUTE.control | ATTRIBUTE.transactional, FIELD.attributes)
  stampBatch(bytes, { producerId: at.producerId, producerEpoch: 0, baseSequence: -1 })
  return bytes
}

/** Makes the checksum fit again after a change: what a hostile writer would do. */
export function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes, FIELD.attributes, bytes.length), FIELD.checksum)
  return bytes
}

export interface ReadRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | undefined
  readonly value: string | undefined
}

/** Every record of every whole batch. */
export function readAll(bytes: Buffer, decompressedLimitBytes?: number): ReadRecord[] {
  const cursor = new BatchCursor(decompressedLimitBytes === undefined ? {} : { decompressedLimitBytes })
  cursor.reset(bytes, 0, bytes.length)
  const records: ReadRecord[] = []
  while (cursor.nextBatch()) {
    while (cursor.nextRecord()) {
      const { offset, timestamp, key, value, hasKey, hasValue } = cursor
      records.push({ offset, timestamp, key: hasKey ? key.toString() : undefined, value: hasValue ? value.toString() : undefined })
    }
  }
  return records
}
