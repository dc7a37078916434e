import type { ByteView } from '../records/byte-view.ts'
import { HEADER_BYTES } from '../records/record-batch.ts'
import { varintSize } from '../records/varint.ts'

/** Attributes, timestamp delta and offset delta of the only record of a batch. */
const FIXED_BYTES = 3
/** More than everything around key, value and headers. */
const OVERHEAD_LIMIT_BYTES = HEADER_BYTES + FIXED_BYTES + 4 * 5

/** Whether a record fits into a topic: max.message.bytes limits the batch, and a record may be alone in one. `headerBytes` is the length of the header block. */
export function recordFits(keyBytes: number, valueBytes: number, headerBytes: number, maxMessageBytes: number): boolean {
  if (keyBytes + valueBytes + headerBytes + OVERHEAD_LIMIT_BYTES <= maxMessageBytes) return true
  const record = FIXED_BYTES + varintSize(keyBytes) + keyBytes + varintSize(valueBytes) + valueBytes + headerBytes
  return HEADER_BYTES + varintSize(record) + record <= maxMessageBytes
}

/** No key or value is as long as an empty one: the length -1 takes a byte like 0. */
export function sizeOf(part: ByteView | undefined): number {
  return part === undefined ? 0 : part.end - part.start
}

/** A block of no headers is their count, 0, in one byte. */
export function headerBytesOf(headers: ByteView | undefined): number {
  return headers === undefined ? 1 : headers.end - headers.start
}
