import { crc32c } from './crc32c.ts'

/**
 * Layout of RecordBatch, magic 2 (https://kafka.apache.org/documentation/#recordbatch):
 * baseOffset int64, batchLength int32, partitionLeaderEpoch int32, magic int8, crc uint32 (CRC-32C of everything behind it), attributes int16, lastOffsetDelta int32,
 * baseTimestamp int64, maxTimestamp int64, producerId int64, producerEpoch int16, baseSequence int32, records int32 count.
 */
export const BATCH = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  headerBytes: 61,
  /** Bytes before those that `length` counts. */
  lengthEnd: 12,
} as const

export const ATTRIBUTE = { compression: 0x07, logAppendTime: 0x08, transactional: 0x10, control: 0x20 } as const

/** Bytes that are not a record batch, or not one that was written in one piece. */
export class CorruptBatchError extends Error {
  override readonly name = 'CorruptBatchError'
  readonly baseOffset: number | undefined

  constructor(baseOffset: number | undefined, reason: string) {
    super(`record batch at offset ${baseOffset ?? 'unknown'} is corrupt: ${reason}`)
    this.baseOffset = baseOffset
  }
}

/** A 64-bit number that has to be a safe integer. */
export function readInt64(buffer: Buffer, at: number): number {
  const value = buffer.readInt32BE(at) * 4294967296 + buffer.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) throw new CorruptBatchError(undefined, `the number at byte ${at} is beyond 2^53`)
  return value
}

export function writeInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / 4294967296), at)
  buffer.writeUInt32BE(value - Math.floor(value / 4294967296) * 4294967296, at + 4)
}

/** Bytes of the whole batch at `at`, its header included. */
export function batchSize(buffer: Buffer, at: number): number {
  return BATCH.lengthEnd + buffer.readInt32BE(at + BATCH.length)
}

export function baseOffset(buffer: Buffer, at: number): number {
  return readInt64(buffer, at + BATCH.baseOffset)
}

/** Offset of the last record, or of the last that compaction has removed. */
export function lastOffset(buffer: Buffer, at: number): number {
  return baseOffset(buffer, at) + buffer.readInt32BE(at + BATCH.lastOffsetDelta)
}

export function leaderEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + BATCH.leaderEpoch)
}

export function isTransactional(buffer: Buffer, at: number): boolean {
  return (buffer.readInt16BE(at + BATCH.attributes) & ATTRIBUTE.transactional) !== 0
}

export function isControl(buffer: Buffer, at: number): boolean {
  return (buffer.readInt16BE(at + BATCH.attributes) & ATTRIBUTE.control) !== 0
}

/** The base offset and the leader epoch lie before the checksum's range: the broker fills them in. */
export function setBaseOffset(buffer: Buffer, at: number, offset: number): void {
  writeInt64(buffer, offset, at + BATCH.baseOffset)
}

export function setLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  buffer.writeInt32BE(epoch, at + BATCH.leaderEpoch)
}

/** Writes the producer's fields and the checksum into a sealed batch. */
export function stampBatch(bytes: Buffer, producer: { producerId: number; producerEpoch: number; baseSequence: number }): void {
  writeInt64(bytes, producer.producerId, BATCH.producerId)
  bytes.writeInt16BE(producer.producerEpoch, BATCH.producerEpoch)
  bytes.writeInt32BE(producer.baseSequence, BATCH.baseSequence)
  bytes.writeUInt32BE(crc32c(bytes, BATCH.attributes, batchSize(bytes, 0)), BATCH.crc)
}

/** Whether the checksum of the batch at `at` is right. The whole batch has to be in the buffer. */
export function verifyBatch(buffer: Buffer, at: number): boolean {
  return buffer.readUInt32BE(at + BATCH.crc) === crc32c(buffer, at + BATCH.attributes, at + batchSize(buffer, at))
}
