import { expect, test } from 'vitest'
import { CorruptBatchError } from './corrupt-batch-error.ts'
import * as batch from './record-batch.ts'
import { batchOf } from './testing/batches.ts'

test('what the producer and the broker stamp is read back, and the checksum fits', () => {
  const bytes = batchOf({ values: [1, 2, 3], transactional: true })
  batch.stampBatch(bytes, { producerId: 2 ** 40 + 1, producerEpoch: 12, baseSequence: 34 })
  batch.setBaseOffset(bytes, 0, 2 ** 45)
  batch.setLeaderEpoch(bytes, 0, 9)
  expect(batch.verifyBatch(bytes, 0)).toBe(true)
  expect({
    baseOffset: batch.baseOffset(bytes, 0),
    lastOffset: batch.lastOffset(bytes, 0),
    leaderEpoch: batch.leaderEpoch(bytes, 0),
    producerId: batch.producerId(bytes, 0),
    producerEpoch: batch.producerEpoch(bytes, 0),
    baseSequence: batch.baseSequence(bytes, 0),
    recordCount: batch.recordCount(bytes, 0),
    batchSize: batch.batchSize(bytes, 0),
    isTransactional: batch.isTransactional(bytes, 0),
    isControl: batch.isControl(bytes, 0),
  }).toEqual({
    baseOffset: 2 ** 45,
    lastOffset: 2 ** 45 + 2,
    leaderEpoch: 9,
    producerId: 2 ** 40 + 1,
    producerEpoch: 12,
    baseSequence: 34,
    recordCount: 3,
    batchSize: bytes.length,
    isTransactional: true,
    isControl: false,
  })
})

test('stamping again, for a resend, replaces the stamp', () => {
  const bytes = batchOf({ values: [1] })
  batch.stampBatch(bytes, { producerId: 5, producerEpoch: 1, baseSequence: 10 })
  batch.stampBatch(bytes, { producerId: 5, producerEpoch: 2, baseSequence: 0 })
  expect([batch.producerEpoch(bytes, 0), batch.baseSequence(bytes, 0), batch.verifyBatch(bytes, 0)]).toEqual([2, 0, true])
})

test('no batch is verified where there is none', () => {
  const bytes = batchOf({ values: [1] })
  expect(batch.verifyBatch(bytes, 1)).toBe(false)
  expect(batch.verifyBatch(bytes, bytes.length)).toBe(false)
  expect(batch.verifyBatch(bytes.subarray(0, bytes.length - 1), 0)).toBe(false)
  expect(batch.verifyBatch(Buffer.alloc(200), 0)).toBe(false)
})

test('an offset that is no safe integer is refused', () => {
  const bytes = batchOf({ values: [1] })
  bytes.writeBigInt64BE(2n ** 53n, batch.FIELD.baseOffset)
  expect(() => batch.baseOffset(bytes, 0)).toThrow(CorruptBatchError)
})
