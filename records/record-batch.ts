import { CorruptBatchError } from './corrupt-batch-error.ts'
import { crc32c } from './crc32c.ts'
import { readInt64, writeInt64 } from './int64.ts'

/** Positions of the fields of a RecordBatch v2 (magic 2) from its first byte. The checksum covers everything from `attributes` on. */
export const FIELD = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  checksum: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const

/** `batchLength` counts what follows it. */
export const LENGTH_OVERHEAD = 12
export const HEADER_BYTES = FIELD.records
export const MAGIC = 2

/** Bits of `attributes`; the lowest three are the compression. */
export const ATTRIBUTE = { compressionMask: 0x07, logAppendTime: 0x08, transactional: 0x10, control: 0x20 } as const

/** What the producer writes into a sealed batch. -1 each: neither idempotent nor transactional. */
export interface ProducerStamp {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

/**
 * Writes producer id, epoch and base sequence into a whole batch (`bytes` is that batch, nothing else), then its checksum. May be done again, for a
 * resend under another epoch.
 */
export function stampBatch(bytes: Buffer, stamp: ProducerStamp): void {
  writeInt64(bytes, FIELD.producerId, stamp.producerId)
  bytes.writeInt16BE(stamp.producerEpoch, FIELD.producerEpoch)
  bytes.writeInt32BE(stamp.baseSequence, FIELD.baseSequence)
  bytes.writeUInt32BE(crc32c(bytes, FIELD.attributes, bytes.length), FIELD.checksum)
}

/** Whether a whole batch of magic 2 with a checksum that fits begins at `at`. */
export function verifyBatch(buffer: Buffer, at: number): boolean {
  if (at < 0 || at + HEADER_BYTES > buffer.length) return false
  const end = at + batchSize(buffer, at)
  if (end < at + HEADER_BYTES || end > buffer.length || magic(buffer, at) !== MAGIC) return false
  return crc32c(buffer, at + FIELD.attributes, end) === checksum(buffer, at)
}

/** Size of the whole batch in bytes, as its length field says: check it before it is used. */
export function batchSize(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + FIELD.batchLength) + LENGTH_OVERHEAD
}

/** @throws CorruptBatchError if it is not a safe integer. */
export function baseOffset(buffer: Buffer, at: number): number {
  return safe(buffer, at, FIELD.baseOffset, 'base offset')
}

/** Last offset of the batch; where compaction removed the last record it is still counted. */
export function lastOffset(buffer: Buffer, at: number): number {
  return baseOffset(buffer, at) + lastOffsetDelta(buffer, at)
}

export function leaderEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + FIELD.leaderEpoch)
}

export function magic(buffer: Buffer, at: number): number {
  return buffer.readInt8(at + FIELD.magic)
}

export function checksum(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + FIELD.checksum)
}

export function attributes(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + FIELD.attributes)
}

export function lastOffsetDelta(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + FIELD.lastOffsetDelta)
}

/** @throws CorruptBatchError if it is not a safe integer. */
export function baseTimestamp(buffer: Buffer, at: number): number {
  return safe(buffer, at, FIELD.baseTimestamp, 'base timestamp')
}

/** @throws CorruptBatchError if it is not a safe integer. */
export function maxTimestamp(buffer: Buffer, at: number): number {
  return safe(buffer, at, FIELD.maxTimestamp, 'max timestamp')
}

/** @throws CorruptBatchError if it is not a safe integer. */
export function producerId(buffer: Buffer, at: number): number {
  return safe(buffer, at, FIELD.producerId, 'producer id')
}

export function producerEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + FIELD.producerEpoch)
}

export function baseSequence(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + FIELD.baseSequence)
}

export function recordCount(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + FIELD.recordCount)
}

export function isControl(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & ATTRIBUTE.control) !== 0
}

export function isTransactional(buffer: Buffer, at: number): boolean {
  return (attributes(buffer, at) & ATTRIBUTE.transactional) !== 0
}

/** The checksum does not cover it. */
export function setBaseOffset(buffer: Buffer, at: number, offset: number): void {
  writeInt64(buffer, at + FIELD.baseOffset, offset)
}

/** The checksum does not cover it. */
export function setLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  buffer.writeInt32BE(epoch, at + FIELD.leaderEpoch)
}

function safe(buffer: Buffer, at: number, field: number, name: string): number {
  const value = readInt64(buffer, at + field)
  if (!Number.isSafeInteger(value)) throw new CorruptBatchError(readInt64(buffer, at), `found the ${name} ${value}, expected a safe integer`)
  return value
}
