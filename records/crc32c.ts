import { crc32c as checksum } from '@node-rs/crc32'

/**
 * CRC-32C (Castagnoli) of a stretch of a buffer, unsigned. The native function reads the bytes where they are: 3 to 14 GB/s; the call costs some
 * 300 ns, so it is for batches, not for records.
 */
export function crc32c(buffer: Buffer, start: number, end: number): number {
  return checksum(buffer.subarray(start, end))
}
