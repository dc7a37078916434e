import { expect } from 'vitest'
import { FIELD, stampBatch } from '../../../records/record-batch.ts'
import type { ContractCase } from './contract-case.ts'
import { valuesIn } from './contract-run.ts'

const HOUR_MS = 3_600_000

export const produceCases: readonly ContractCase[] = [
  {
    name: 'what is produced is read back, with offsets, keys and times',
    check: async (run) => {
      const topic = await run.topic()
      expect(await run.produce(topic, { values: ['a', 'b'] })).toEqual({ topic: topic.topic, partition: 0, errorCode: 0, errorMessage: undefined, baseOffset: 0, logStartOffset: 0, recordErrors: [] })
      expect(await run.produce(topic, { values: ['c', undefined] })).toMatchObject({ errorCode: 0, baseOffset: 2 })
      const fetched = await run.fetch(topic)
      expect(fetched).toMatchObject({ errorCode: 0, highWatermark: 4, lastStableOffset: 4, logStartOffset: 0, abortedTransactions: [], divergingEpoch: undefined })
      expect(valuesIn(fetched)).toEqual(['a', 'b', 'c', '(null)'])
    },
  },
  {
    name: 'the log keeps the batch as it was sent, but for its offset and the epoch of the leader',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic)
      const sent = run.sealed({ values: ['x', 'y'] })
      await run.produceBytes(topic, sent)
      const { buffer, start, end } = await run.fetch(topic, { fetchOffset: 1 })
      const kept = Buffer.from(buffer.subarray(start, end))
      expect(kept.readBigInt64BE(FIELD.baseOffset)).toBe(1n)
      expect(kept.readInt32BE(FIELD.leaderEpoch)).toBe(topic.leaderEpoch)
      sent.copy(kept, FIELD.baseOffset, FIELD.baseOffset, 8)
      sent.copy(kept, FIELD.leaderEpoch, FIELD.leaderEpoch, FIELD.magic)
      expect(kept.equals(sent)).toBe(true)
    },
  },
  {
    name: 'a topic or partition that is not there is 3',
    check: async (run) => {
      const topic = await run.topic()
      expect(await run.produceBytes({ ...topic, topic: run.name('missing') }, run.sealed({}))).toMatchObject({ errorCode: 3, baseOffset: -1 })
      expect(await run.produceBytes(topic, run.sealed({}), undefined, 9)).toMatchObject({ errorCode: 3, baseOffset: -1, logStartOffset: -1 })
    },
  },
  {
    name: 'damaged bytes are refused, and nothing is written',
    check: async (run) => {
      const topic = await run.topic()
      const damaged = run.sealed({ values: ['soon damaged'] })
      damaged[damaged.length - 3] = (damaged.at(-3) ?? 0) ^ 1
      expect(await run.produceBytes(topic, damaged)).toMatchObject({ errorCode: 2, baseOffset: -1 })
      expect((await run.fetch(topic)).highWatermark).toBe(0)
    },
  },
  {
    name: 'two batches for one partition are refused',
    check: async (run) => {
      const topic = await run.topic()
      expect(await run.produceBytes(topic, Buffer.concat([run.sealed({}), run.sealed({})]))).toMatchObject({ errorCode: 87 })
    },
  },
  {
    name: 'a batch above max.message.bytes is 10, one below is taken',
    check: async (run) => {
      const topic = await run.topic('small', 1, { 'max.message.bytes': '1000' })
      expect(await run.produce(topic, { values: ['x'.repeat(1_000)] })).toMatchObject({ errorCode: 10, baseOffset: -1, recordErrors: [] })
      expect(await run.produce(topic, { values: ['x'.repeat(800)] })).toMatchObject({ errorCode: 0, baseOffset: 0 })
    },
  },
  {
    name: 'a compacted topic names the records without a key',
    check: async (run) => {
      const topic = await run.topic('compacted', 1, { 'cleanup.policy': 'compact' })
      const refused = await run.produce(topic, { keys: ['k', undefined, 'l', undefined], values: ['1', '2', '3', '4'] })
      expect(refused).toMatchObject({ errorCode: 87, baseOffset: -1, errorMessage: expect.stringContaining('rejected') })
      expect(refused.recordErrors.map(({ index }) => index)).toEqual([1, 3])
      expect((await run.fetch(topic)).highWatermark).toBe(0)
    },
  },
  {
    name: 'a record from more than an hour ahead is 32 and named; one from long ago is taken',
    check: async (run) => {
      const topic = await run.topic()
      const refused = await run.produce(topic, { values: ['now', 'ahead'], timestamps: [run.now(), run.now() + 2 * HOUR_MS] })
      expect(refused).toMatchObject({ errorCode: 32, baseOffset: -1 })
      expect(refused.recordErrors.map(({ index }) => index)).toEqual([1])
      expect(await run.produce(topic, { values: ['old'], timestamps: [run.now() - 1_000 * HOUR_MS] })).toMatchObject({ errorCode: 0 })
    },
  },
  {
    name: 'with log append time the leader stamps the batch',
    check: async (run) => {
      const topic = await run.topic('stamped', 1, { 'message.timestamp.type': 'LogAppendTime' })
      const before = run.now()
      expect(await run.produce(topic, { values: ['a'], timestamps: [5] })).toMatchObject({ errorCode: 0 })
      const { buffer, start } = await run.fetch(topic)
      expect(Number(buffer.readBigInt64BE(start + FIELD.maxTimestamp))).toBeGreaterThanOrEqual(before)
      expect(buffer.readInt16BE(start + FIELD.attributes) & 0x08).toBe(0x08)
      expect(valuesIn(await run.fetch(topic))).toEqual(['a'])
    },
  },
  {
    name: 'control batches are not for clients',
    check: async (run) => {
      const topic = await run.topic()
      const bytes = run.sealed({})
      bytes.writeInt16BE(0x20, FIELD.attributes)
      stampBatch(bytes, { producerId: -1, producerEpoch: -1, baseSequence: -1 })
      expect(await run.produceBytes(topic, bytes)).toMatchObject({ errorCode: 87 })
    },
  },
  {
    name: 'each partition of a request has its own answer',
    check: async (run) => {
      const topic = await run.topic('mixed', 1, { 'max.message.bytes': '1000' })
      const partitions = [
        { topic: topic.topic, partition: 0, records: [run.sealed({ values: ['fits'] })] },
        { topic: topic.topic, partition: 5, records: [run.sealed({ values: ['nowhere'] })] },
        { topic: run.name('missing'), partition: 0, records: [run.sealed({ values: ['nowhere'] })] },
      ]
      const answer = await run.settled(run.broker.produce(topic.leader, 'plain', { transactionalId: undefined, transactionsV2: true, timeoutMs: 5_000, partitions }))
      const codes = new Map(answer.partitions.map(({ topic: name, partition, errorCode }) => [`${name}-${partition}`, errorCode]))
      expect(codes.get(`${topic.topic}-0`)).toBe(0)
      expect(codes.get(`${topic.topic}-5`)).toBe(3)
      expect(codes.get(`${run.name('missing')}-0`)).toBe(3)
    },
  },
  {
    name: 'transactional records without a transactional id are refused',
    check: async (run) => {
      const topic = await run.topic()
      const identity = await run.identity()
      const bytes = run.sealed({ ...identity, baseSequence: 0, transactional: true })
      expect(await run.produceBytes(topic, bytes)).toMatchObject({ errorCode: 53 })
    },
  },
]
