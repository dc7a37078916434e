import { BatchBuilder } from '../../../records/batch-builder.ts'
import { BatchCursor } from '../../../records/batch-cursor.ts'
import { ByteView } from '../../../records/byte-view.ts'
import { controlType } from '../../../records/control-record.ts'
import * as batch from '../../../records/record-batch.ts'

/** Bit of a batch's attributes: its base timestamp is a delete horizon (KIP-534). */
export const DELETE_HORIZON = 0x40

/** A record batch in the log of a partition, and what its header says. */
export interface StoredBatch {
  /** The whole batch, nothing else. Compaction puts others in their place, it does not change them. */
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
  readonly maxTimestamp: number
  /** From when on compaction may drop its tombstones, or the marker that it is. */
  readonly deleteHorizonMs: number | undefined
  readonly isTransactional: boolean
  /** How it ends a transaction; `undefined`: a batch of data. */
  readonly marker: 'commit' | 'abort' | undefined
  /** Goes up where the log begins a new file: reads end there, and what is cleaned or deleted goes by whole files. */
  readonly segment: number
}

/** A copy of `bytes`, as the log keeps it: with its offset and the epoch of the leader that took it. */
export function storedBatch(bytes: Uint8Array, place: { baseOffset: number; leaderEpoch: number; segment: number }): StoredBatch {
  const own = Buffer.from(bytes)
  batch.setBaseOffset(own, 0, place.baseOffset)
  batch.setLeaderEpoch(own, 0, place.leaderEpoch)
  return describeBatch(own, place.segment)
}

export function describeBatch(bytes: Buffer, segment: number): StoredBatch {
  return {
    bytes,
    baseOffset: batch.baseOffset(bytes, 0),
    lastOffset: batch.lastOffset(bytes, 0),
    leaderEpoch: batch.leaderEpoch(bytes, 0),
    producerId: batch.producerId(bytes, 0),
    producerEpoch: batch.producerEpoch(bytes, 0),
    baseSequence: batch.baseSequence(bytes, 0),
    recordCount: batch.recordCount(bytes, 0),
    maxTimestamp: batch.maxTimestamp(bytes, 0),
    deleteHorizonMs: (batch.attributes(bytes, 0) & DELETE_HORIZON) === 0 ? undefined : batch.baseTimestamp(bytes, 0),
    isTransactional: batch.isTransactional(bytes, 0),
    marker: batch.isControl(bytes, 0) ? markerIn(bytes) : undefined,
    segment,
  }
}

export interface Marker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly committed: boolean
  readonly coordinatorEpoch: number
  readonly timestamp: number
}

/** The control batch that ends a transaction: key version 0 and type, value version 0 and coordinator epoch. */
export function markerBatch({ producerId, producerEpoch, committed, coordinatorEpoch, timestamp }: Marker): Buffer {
  const builder = new BatchBuilder({ transactional: true })
  const value = Buffer.alloc(6)
  value.writeInt32BE(coordinatorEpoch, 2)
  builder.append(timestamp, new ByteView(Buffer.from([0, 0, 0, committed ? 1 : 0])), new ByteView(value), undefined)
  const bytes = builder.seal()
  bytes.writeInt16BE(batch.ATTRIBUTE.control | batch.ATTRIBUTE.transactional, batch.FIELD.attributes)
  batch.stampBatch(bytes, { producerId, producerEpoch, baseSequence: -1 })
  return bytes
}

/** A marker that compaction has left empty says nothing any more. */
function markerIn(bytes: Buffer): 'commit' | 'abort' | undefined {
  const cursor = new BatchCursor()
  cursor.reset(bytes, 0, bytes.length)
  if (!cursor.nextBatch() || !cursor.nextRecord()) return 'commit'
  const type = controlType(cursor.key)
  return type === 'other' ? undefined : type
}
