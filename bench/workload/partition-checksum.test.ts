import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { partitionChecksum } from './partition-checksum.ts'
import { TradeWorkload } from './trade-workload.ts'
import { WorkloadRecord } from './workload.ts'

test('with one partition it is the CRC-32 of the CRC-32 of all bytes in order', () => {
  const workload = new TradeWorkload()
  const record = new WorkloadRecord()
  const bytes: Buffer[] = []
  for (let i = 0; i < 100; i++) {
    workload.next(record)
    bytes.push(Buffer.from(record.key.toString() + record.value.toString()))
  }
  const inner = Buffer.alloc(4)
  inner.writeUInt32LE(crc32(Buffer.concat(bytes)))
  expect(partitionChecksum(new TradeWorkload(), 100, 1)).toBe(crc32(inner).toString(16).padStart(8, '0'))
})

test('another seed has another checksum', () => {
  expect(partitionChecksum(new TradeWorkload({ seed: 1 }), 100, 12)).not.toBe(partitionChecksum(new TradeWorkload({ seed: 2 }), 100, 12))
})
