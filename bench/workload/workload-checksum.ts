import { crc32 } from 'node:zlib'
import { type Workload, WorkloadRecord } from './workload.ts'

const CHUNK_BYTES = 1 << 20

/** CRC-32 over `key \n value \n` of the next records, in hexadecimal, and how many bytes the values had. Records that lack a key or value count as empty. */
export function workloadChecksum(workload: Workload, records: number): { checksum: string; valueBytes: number } {
  const record = new WorkloadRecord()
  let chunk = Buffer.alloc(CHUNK_BYTES)
  let filled = 0
  let crc = 0
  let valueBytes = 0
  for (let i = 0; i < records; i++) {
    workload.next(record)
    const { key, value } = record
    const keyBytes = record.hasKey ? key.length : 0
    const size = record.hasValue ? value.length : 0
    valueBytes += size
    if (filled + keyBytes + size + 2 > chunk.length) {
      crc = crc32(chunk.subarray(0, filled), crc)
      filled = 0
      if (keyBytes + size + 2 > chunk.length) chunk = Buffer.alloc(keyBytes + size + 2)
    }
    key.buffer.copy(chunk, filled, key.start, key.start + keyBytes)
    chunk[filled + keyBytes] = NEWLINE
    value.buffer.copy(chunk, filled + keyBytes + 1, value.start, value.start + size)
    chunk[filled + keyBytes + 1 + size] = NEWLINE
    filled += keyBytes + size + 2
  }
  return { checksum: crc32(chunk.subarray(0, filled), crc).toString(16).padStart(8, '0'), valueBytes }
}

const NEWLINE = 10
