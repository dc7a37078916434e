import { ByteWriter } from '../../../records/byte-writer.ts'
import { COMPRESSIONS, compress } from '../../../records/compression.ts'
import { writeInt64 } from '../../../records/int64.ts'
import * as batch from '../../../records/record-batch.ts'
import { describeBatch, DELETE_HORIZON, type StoredBatch } from './stored-batch.ts'

export interface KeptRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer
  readonly value: Buffer | undefined
  /** As on the wire. */
  readonly headers: Buffer
}

/**
 * A batch with some of its records: offsets, producer and epoch stay, the last offset too where its record is gone. With a delete horizon, that time stands in
 * the place of the base timestamp, and the records' times are counted from it.
 */
export function rewritten(old: StoredBatch, records: readonly KeptRecord[], deleteHorizonMs: number | undefined): StoredBatch {
  const attributes = batch.attributes(old.bytes, 0)
  const compression = COMPRESSIONS[attributes & batch.ATTRIBUTE.compressionMask] ?? 'none'
  const baseTimestamp = deleteHorizonMs ?? records[0]?.timestamp ?? -1
  const body = compress(compression, encoded(records, { baseOffset: old.baseOffset, baseTimestamp }))
  const bytes = Buffer.concat([old.bytes.subarray(0, batch.HEADER_BYTES), body])
  bytes.writeInt32BE(bytes.length - batch.LENGTH_OVERHEAD, batch.FIELD.batchLength)
  bytes.writeInt16BE(deleteHorizonMs === undefined ? attributes : attributes | DELETE_HORIZON, batch.FIELD.attributes)
  bytes.writeInt32BE(records.length, batch.FIELD.recordCount)
  writeInt64(bytes, batch.FIELD.baseTimestamp, baseTimestamp)
  const isStampedByLeader = (attributes & batch.ATTRIBUTE.logAppendTime) !== 0
  if (!isStampedByLeader) writeInt64(bytes, batch.FIELD.maxTimestamp, records.reduce((max, { timestamp }) => Math.max(max, timestamp), -1))
  return stamped(bytes, old)
}

/** The header alone: for the sake of the producer's sequence number. */
export function withoutRecords(old: StoredBatch): StoredBatch {
  const bytes = Buffer.from(old.bytes.subarray(0, batch.HEADER_BYTES))
  bytes.writeInt32BE(bytes.length - batch.LENGTH_OVERHEAD, batch.FIELD.batchLength)
  bytes.writeInt16BE(batch.attributes(bytes, 0) & ~batch.ATTRIBUTE.compressionMask & ~DELETE_HORIZON, batch.FIELD.attributes)
  bytes.writeInt32BE(0, batch.FIELD.recordCount)
  writeInt64(bytes, batch.FIELD.baseTimestamp, -1)
  return stamped(bytes, old)
}

function stamped(bytes: Buffer, { producerId, producerEpoch, baseSequence, segment }: StoredBatch): StoredBatch {
  batch.stampBatch(bytes, { producerId, producerEpoch, baseSequence })
  return describeBatch(bytes, segment)
}

function encoded(records: readonly KeptRecord[], { baseOffset, baseTimestamp }: { baseOffset: number; baseTimestamp: number }): Buffer {
  const all = new ByteWriter()
  const one = new ByteWriter()
  for (const { offset, timestamp, key, value, headers } of records) {
    one.reset()
    one.byte(0)
    one.varlong(timestamp - baseTimestamp)
    one.varint(offset - baseOffset)
    one.varint(key.length)
    one.copy(key, 0, key.length)
    one.varint(value === undefined ? -1 : value.length)
    if (value !== undefined) one.copy(value, 0, value.length)
    one.copy(headers, 0, headers.length)
    all.varint(one.position)
    all.copy(one.buffer, 0, one.position)
  }
  return Buffer.from(all.buffer.subarray(0, all.position))
}
