import { crc32 } from 'node:zlib'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { type Workload, WorkloadRecord } from './workload.ts'

/** CRC-32 over the CRC-32s of keys and values, partition by partition: what a topic must read back that the next records were sent to, whatever the order of the partitions. */
export function partitionChecksum(workload: Workload, records: number, partitions: number): string {
  const record = new WorkloadRecord()
  const checksums = new Uint32Array(partitions)
  for (let i = 0; i < records; i++) {
    workload.next(record)
    const { key, value, placement } = record
    const partition = (partitionOf(murmur2(placement.buffer, placement.start, placement.end), partitions) + record.partitionShift) % partitions
    checksums[partition] = crc32(value.buffer.subarray(value.start, value.end), crc32(key.buffer.subarray(key.start, key.end), checksums[partition]))
  }
  return checksumOf(checksums)
}

export function checksumOf(byPartition: Uint32Array): string {
  return crc32(Buffer.from(byPartition.buffer)).toString(16).padStart(8, '0')
}
