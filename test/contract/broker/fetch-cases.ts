import { expect } from 'vitest'
import type { ContractCase } from './contract-case.ts'
import { valuesIn } from './contract-run.ts'

export const fetchCases: readonly ContractCase[] = [
  {
    name: 'positions before and behind the log are 1; its end is no error',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic, { values: ['a', 'b', 'c'] })
      expect(await run.fetch(topic, { fetchOffset: 3 })).toMatchObject({ errorCode: 0, highWatermark: 3 })
      expect(await run.fetch(topic, { fetchOffset: 4 })).toMatchObject({ errorCode: 1, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 })
      await run.settled(run.broker.deleteRecords(topic.leader, [{ topic: topic.topic, partition: 0, offset: 2 }]))
      expect((await run.fetch(topic, { fetchOffset: 1 })).errorCode).toBe(1)
      expect(await run.fetch(topic, { fetchOffset: 2 })).toMatchObject({ errorCode: 0, logStartOffset: 2 })
    },
  },
  {
    name: 'a fetch from the middle of a batch brings the whole batch',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic, { values: ['a', 'b', 'c'] })
      const fetched = await run.fetch(topic, { fetchOffset: 2 })
      expect(fetched.buffer.readBigInt64BE(fetched.start)).toBe(0n)
      expect(valuesIn(fetched, false, 2)).toEqual(['c'])
    },
  },
  {
    name: 'a wrong epoch of the leader is told apart: 75 ahead of it',
    check: async (run) => {
      const topic = await run.topic()
      expect((await run.fetch(topic, { currentLeaderEpoch: topic.leaderEpoch + 1 })).errorCode).toBe(75)
      expect((await run.fetch(topic, { currentLeaderEpoch: topic.leaderEpoch })).errorCode).toBe(0)
    },
  },
  {
    name: 'topics that are not there, by id or partition',
    check: async (run) => {
      const topic = await run.topic()
      expect((await run.fetch({ ...topic, topicId: '11111111-2222-4333-8444-555555555555' })).errorCode).toBe(100)
      expect((await run.fetch(topic, { partition: 4 })).errorCode).toBe(3)
    },
  },
  {
    name: 'the first batch comes whole, however small the limits',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic, { values: ['x'.repeat(5_000)] })
      await run.produce(topic, { values: ['y'.repeat(5_000)] })
      const fetched = await run.fetch(topic, { maxBytes: 100 })
      expect(valuesIn(fetched).map((value) => value[0])).toEqual(['x'])
      expect(fetched.end - fetched.start).toBeLessThan(6_000)
    },
  },
  {
    name: 'what passes the limit is cut, and the next fetch brings it',
    check: async (run) => {
      const topic = await run.topic()
      for (const letter of ['x', 'y', 'z']) await run.produce(topic, { values: [letter.repeat(1_000)] })
      const fetched = await run.fetch(topic, { maxBytes: 1_500 })
      expect(fetched.end - fetched.start).toBe(1_500)
      expect(valuesIn(fetched).map((value) => value[0])).toEqual(['x'])
      expect(valuesIn(await run.fetch(topic, { fetchOffset: 1, maxBytes: 100_000 })).map((value) => value[0])).toEqual(['y', 'z'])
    },
  },
  {
    name: 'the partitions of a fetch share its limit, the first one gets most of it',
    check: async (run) => {
      const [one, two] = [await run.topic('one'), await run.topic('two')]
      for (const topic of [one, two]) for (const letter of ['x', 'y']) await run.produce(topic, { values: [letter.repeat(1_000)] })
      const partitions = [one, two].map(({ topic, topicId }) => ({ topic, topicId, partition: 0, fetchOffset: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, maxBytes: 100_000 }))
      const answer = await run.settled(run.broker.fetch(one.leader, { maxWaitMs: 100, minBytes: 1, maxBytes: 1_200, readCommitted: false, partitions }))
      const sizes = new Map(answer.partitions.map(({ topic, start, end }) => [topic, end - start]))
      expect(sizes.get(one.topic)).toBe(1_200)
      expect(sizes.get(two.topic)).toBe(0)
    },
  },
  {
    name: 'a partition whose first batch does not fit any more brings nothing',
    check: async (run) => {
      const [one, two] = [await run.topic('one'), await run.topic('two')]
      await run.produce(one, { values: ['x'.repeat(500)] })
      await run.produce(two, { values: ['y'.repeat(5_000)] })
      const partitions = [one, two].map(({ topic, topicId }) => ({ topic, topicId, partition: 0, fetchOffset: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, maxBytes: 100_000 }))
      const answer = await run.settled(run.broker.fetch(one.leader, { maxWaitMs: 100, minBytes: 1, maxBytes: 2_000, readCommitted: false, partitions }))
      const found = answer.partitions.map((fetched) => valuesIn(fetched).length)
      expect(found).toEqual([1, 0])
    },
  },
  {
    name: 'a fetch waits for records, and ends when they come',
    check: async (run) => {
      const topic = await run.topic()
      const startMs = run.now()
      const held = run.fetch(topic, { maxWaitMs: 30_000 })
      await run.pass(50)
      await run.produce(topic, { values: ['late'] })
      expect(valuesIn(await held)).toEqual(['late'])
      expect(run.now() - startMs).toBeLessThan(20_000)
    },
  },
  {
    name: 'a fetch that finds nothing ends after its wait',
    check: async (run) => {
      const topic = await run.topic()
      const startMs = run.now()
      const fetched = await run.fetch(topic, { maxWaitMs: 300 })
      expect(fetched).toMatchObject({ errorCode: 0, highWatermark: 0 })
      expect(fetched.end - fetched.start).toBe(0)
      expect(run.now() - startMs).toBeGreaterThanOrEqual(290)
    },
  },
  {
    name: 'a fetch with an error in one partition does not wait',
    check: async (run) => {
      const topic = await run.topic()
      const startMs = run.now()
      expect((await run.fetch(topic, { fetchOffset: 9, maxWaitMs: 30_000 })).errorCode).toBe(1)
      expect(run.now() - startMs).toBeLessThan(20_000)
    },
  },
  {
    name: 'a fetch that waits is ended by the end of its topic',
    check: async (run) => {
      const topic = await run.topic()
      const held = run.fetch(topic, { maxWaitMs: 20_000 })
      await run.pass(50)
      await run.settled(run.broker.deleteTopics([topic.topic]))
      expect([3, 100, 6]).toContain((await held).errorCode)
    },
  },
  {
    name: 'an epoch of the last record that the leader never had is out of range',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic, { values: ['a', 'b'] })
      expect(await run.fetch(topic, { fetchOffset: 1, lastFetchedEpoch: topic.leaderEpoch })).toMatchObject({ errorCode: 0, divergingEpoch: undefined })
      expect(await run.fetch(topic, { fetchOffset: 1, lastFetchedEpoch: topic.leaderEpoch + 5 })).toMatchObject({ errorCode: 1 })
    },
  },
  {
    name: 'a position behind the end of its own epoch has diverged',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic, { values: ['a', 'b'] })
      const fetched = await run.fetch(topic, { fetchOffset: 5, lastFetchedEpoch: topic.leaderEpoch })
      expect(fetched).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: topic.leaderEpoch, endOffset: 2 } })
      expect(fetched.end - fetched.start).toBe(0)
    },
  },
]
