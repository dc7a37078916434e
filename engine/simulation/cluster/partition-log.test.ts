import { expect, test } from 'vitest'
import { BatchBuilder } from '../../../records/batch-builder.ts'
import { ByteView } from '../../../records/byte-view.ts'
import { lastOffset, stampBatch } from '../../../records/record-batch.ts'
import { PartitionLog } from './partition-log.ts'

const OPTIONS = { segmentBytes: 1_000_000, segmentMs: 1_000_000 }

function batch({ producerId = -1, epoch = 0, sequence = 0, records = 1, transactional = false }: { producerId?: number; epoch?: number; sequence?: number; records?: number; transactional?: boolean } = {}): Buffer {
  const builder = new BatchBuilder({ transactional })
  for (let i = 0; i < records; i++) builder.append(1_000, ByteView.of('key'), ByteView.of('value'), undefined)
  const bytes = builder.seal()
  stampBatch(bytes, producerId < 0 ? { producerId, producerEpoch: -1, baseSequence: -1 } : { producerId, producerEpoch: epoch, baseSequence: sequence })
  return bytes
}

const marker = (producerId: number, committed: boolean) => ({ producerId, producerEpoch: 1, committed, coordinatorEpoch: 0, timestamp: 1_000 })

test('what is not replicated can be taken back, with all that followed from it', () => {
  const log = new PartitionLog()
  log.beginEpoch(0)
  log.append(batch({ producerId: 1, transactional: true, records: 2 }), 0, OPTIONS)
  log.replicated(2)
  log.append(batch({ producerId: 2, transactional: true }), 0, OPTIONS)
  log.appendMarker(marker(1, false), 0, OPTIONS)
  expect([log.end, log.openTransactions.size, log.abortedTransactions.length]).toEqual([4, 1, 1])
  expect(log.cuts).toEqual([2, 3])

  log.truncate(3)
  expect(new Map(log.openTransactions)).toEqual(new Map([[1, 0], [2, 2]]))
  expect(log.abortedTransactions).toEqual([])
  log.truncate(2)
  expect([...log.openTransactions]).toEqual([[1, 0]])
  expect(log.producers.get(2)).toBeUndefined()
  expect(log.producers.get(1)?.epoch).toBe(0)
  expect([log.end, log.highWatermark, log.lastStableOffset]).toEqual([2, 2, 0])
})

test('a marker frees the last stable offset when it is replicated, not when it is written', () => {
  const log = new PartitionLog()
  log.append(batch({ producerId: 1, transactional: true }), 0, OPTIONS)
  log.append(batch(), 0, OPTIONS)
  log.replicated(2)
  expect(log.lastStableOffset).toBe(0)
  log.appendMarker(marker(1, true), 0, OPTIONS)
  expect(log.lastStableOffset).toBe(0)
  log.replicated(3)
  expect(log.lastStableOffset).toBe(3)
})

test('epochs end where the next one begins; one without records leaves no trace', () => {
  const log = new PartitionLog()
  log.beginEpoch(0)
  log.append(batch({ records: 3 }), 0, OPTIONS)
  log.replicated(3)
  log.beginEpoch(2)
  log.beginEpoch(5)
  log.append(batch(), 5, OPTIONS)
  expect(log.endOfEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 3 })
  expect(log.endOfEpoch(1)).toEqual({ leaderEpoch: 0, endOffset: 3 })
  // 2 wrote nothing: the question is answered with the epoch before it
  expect(log.endOfEpoch(2)).toEqual({ leaderEpoch: 0, endOffset: 3 })
  expect(log.endOfEpoch(5)).toEqual({ leaderEpoch: 5, endOffset: 4 })
  expect(log.endOfEpoch(6)).toEqual({ leaderEpoch: -1, endOffset: -1 })
  expect([log.epochAt(2), log.epochAt(3)]).toEqual([0, 5])
})

test('a read ends with the file, and begins behind a gap', () => {
  const log = new PartitionLog()
  for (let i = 0; i < 4; i++) log.append(batch({ records: 2 }), 0, { ...OPTIONS, segmentBytes: 2 * batch({ records: 2 }).length })
  log.replicated(8)
  const all = { endOffset: 8, maxBytes: 100_000, atLeastOne: true }
  const size = batch({ records: 2 }).length
  expect(log.read(0, all).length).toBe(2 * size)
  expect(log.read(5, all).length).toBe(2 * size)
  log.replace(
    log.batches.filter(({ baseOffset }) => baseOffset !== 2),
    () => true,
  )
  expect(log.read(2, all).length).toBe(2 * size)
  expect(lastOffset(log.read(2, { ...all, maxBytes: 10 }), 0)).toBe(5)
  expect(log.read(2, { ...all, maxBytes: 10, atLeastOne: false }).length).toBe(0)
})

test('old files go, the youngest too when it is old, and never what is not replicated', () => {
  const log = new PartitionLog()
  for (let i = 0; i < 3; i++) {
    log.append(batch(), 0, OPTIONS)
    log.roll()
  }
  log.replicated(2)
  expect(log.deleteOldest(() => true)).toBe(true)
  expect([log.start, log.end, log.batches.length]).toEqual([2, 3, 1])
  log.replicated(3)
  expect(log.deleteOldest(({ logBytes }) => logBytes > 1_000)).toBe(false)
  expect(log.deleteOldest(() => true)).toBe(true)
  expect([log.start, log.end, log.batches.length]).toEqual([3, 3, 0])
})
