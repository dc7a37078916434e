import { expect } from 'vitest'
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '../../../ports/broker.ts'
import type { ContractCase } from './contract-case.ts'
import type { ContractRun, ContractTopic } from './contract-run.ts'
import { valuesIn } from './contract-run.ts'

async function offsetAt(run: ContractRun, { topic, leader }: ContractTopic, timestamp: number, options: { readCommitted?: boolean; currentLeaderEpoch?: number; partition?: number } = {}) {
  const { readCommitted = false, currentLeaderEpoch = -1, partition = 0 } = options
  const [found] = await run.settled(run.broker.listOffsets(leader, { readCommitted, partitions: [{ topic, partition, timestamp, currentLeaderEpoch }] }))
  return found
}

function endOf(run: ContractRun, { topic, leader }: ContractTopic, leaderEpoch: number, currentLeaderEpoch = -1) {
  return run.settled(run.broker.offsetForLeaderEpoch(leader, [{ topic, partition: 0, leaderEpoch, currentLeaderEpoch }]))
}

export const logCases: readonly ContractCase[] = [
  {
    name: 'the beginning and the end of a log are found',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic, { values: ['a', 'b'] })
      const { leaderEpoch } = topic
      const at = { topic: topic.topic, partition: 0, errorCode: 0, timestamp: -1, leaderEpoch }
      expect(await offsetAt(run, topic, EARLIEST_TIMESTAMP)).toEqual({ ...at, offset: 0 })
      expect(await offsetAt(run, topic, LATEST_TIMESTAMP)).toEqual({ ...at, offset: 2 })
    },
  },
  {
    name: 'an empty log has its beginning and end at 0',
    check: async (run) => {
      const topic = await run.topic()
      expect(await offsetAt(run, topic, EARLIEST_TIMESTAMP)).toMatchObject({ errorCode: 0, offset: 0, timestamp: -1 })
      expect(await offsetAt(run, topic, LATEST_TIMESTAMP)).toMatchObject({ errorCode: 0, offset: 0, timestamp: -1 })
    },
  },
  {
    name: 'the first record at or after a time is found, and none behind the last',
    check: async (run) => {
      const topic = await run.topic()
      const start = run.now() - 10_000
      await run.produce(topic, { values: ['a', 'b', 'c'], timestamps: [start, start + 5, start + 9] })
      await run.produce(topic, { values: ['d'], timestamps: [start + 2] })
      expect(await offsetAt(run, topic, start + 3)).toMatchObject({ errorCode: 0, offset: 1, timestamp: start + 5 })
      expect(await offsetAt(run, topic, start + 9)).toMatchObject({ errorCode: 0, offset: 2, timestamp: start + 9 })
      expect(await offsetAt(run, topic, start + 10)).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 })
    },
  },
  {
    name: 'offsets of what is not there, or of another epoch, are errors',
    check: async (run) => {
      const topic = await run.topic()
      expect(await offsetAt(run, topic, LATEST_TIMESTAMP, { partition: 7 })).toMatchObject({ errorCode: 3, offset: -1, leaderEpoch: -1 })
      expect(await offsetAt(run, topic, LATEST_TIMESTAMP, { currentLeaderEpoch: topic.leaderEpoch + 1 })).toMatchObject({ errorCode: 75, offset: -1 })
    },
  },
  {
    name: 'with read committed the end is the last stable offset',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic)
      const identity = await run.identity()
      await run.append(identity, topic, { values: ['open', 'too'] })
      expect(await offsetAt(run, topic, LATEST_TIMESTAMP, { readCommitted: true })).toMatchObject({ offset: 1 })
      expect(await offsetAt(run, topic, LATEST_TIMESTAMP)).toMatchObject({ offset: 3 })
      await run.end(identity, 'abort')
      await run.stable(topic)
      expect(await offsetAt(run, topic, LATEST_TIMESTAMP, { readCommitted: true })).toMatchObject({ offset: 4 })
    },
  },
  {
    name: 'the end of an epoch: of the current one, of one that never was, of none',
    check: async (run) => {
      const topic = await run.topic()
      await run.produce(topic, { values: ['a', 'b'] })
      const at = { topic: topic.topic, partition: 0 }
      expect(await endOf(run, topic, topic.leaderEpoch)).toEqual([{ ...at, errorCode: 0, leaderEpoch: topic.leaderEpoch, endOffset: 2 }])
      expect(await endOf(run, topic, topic.leaderEpoch + 3)).toEqual([{ ...at, errorCode: 0, leaderEpoch: -1, endOffset: -1 }])
      expect(await endOf(run, topic, -1)).toEqual([{ ...at, errorCode: 0, leaderEpoch: -1, endOffset: -1 }])
      expect(await endOf(run, topic, 0, topic.leaderEpoch + 1)).toEqual([{ ...at, errorCode: 75, leaderEpoch: -1, endOffset: -1 }])
    },
  },
  {
    name: 'records are deleted up to an offset, which then is the beginning; deleting less changes nothing',
    check: async (run) => {
      const topic = await run.topic()
      for (const value of ['a', 'b', 'c']) await run.produce(topic, { values: [value] })
      const remove = (offset: number, partition = 0) => run.settled(run.broker.deleteRecords(topic.leader, [{ topic: topic.topic, partition, offset }]))
      const at = { topic: topic.topic, partition: 0 }
      expect(await remove(2)).toEqual([{ ...at, errorCode: 0, lowWatermark: 2 }])
      expect(await remove(1)).toEqual([{ ...at, errorCode: 0, lowWatermark: 2 }])
      expect(await remove(9)).toEqual([{ ...at, errorCode: 1, lowWatermark: -1 }])
      expect(await remove(1, 8)).toEqual([{ topic: topic.topic, partition: 8, errorCode: 3, lowWatermark: -1 }])
      expect(await offsetAt(run, topic, EARLIEST_TIMESTAMP)).toMatchObject({ offset: 2 })
      expect(valuesIn(await run.fetch(topic, { fetchOffset: 2 }), false, 2)).toEqual(['c'])
      expect(await remove(-1)).toEqual([{ ...at, errorCode: 0, lowWatermark: 3 }])
    },
  },
  {
    name: 'a compacted topic deletes no records on demand',
    check: async (run) => {
      const topic = await run.topic('compacted', 1, { 'cleanup.policy': 'compact' })
      await run.produce(topic)
      const [refused] = await run.settled(run.broker.deleteRecords(topic.leader, [{ topic: topic.topic, partition: 0, offset: 1 }]))
      expect(refused).toMatchObject({ errorCode: 44, lowWatermark: -1 })
    },
  },
  {
    name: 'the sequence of a producer outlives its records',
    check: async (run) => {
      const topic = await run.topic()
      const { producerId, producerEpoch } = await run.plainIdentity(topic.leader)
      const send = (baseSequence: number) => run.produce(topic, { producerId, producerEpoch, baseSequence })
      await send(0)
      await send(1)
      await run.settled(run.broker.deleteRecords(topic.leader, [{ topic: topic.topic, partition: 0, offset: 2 }]))
      expect(await send(5)).toMatchObject({ errorCode: 45 })
      expect(await send(1)).toMatchObject({ errorCode: 0, baseOffset: 1 })
      expect(await send(2)).toMatchObject({ errorCode: 0, baseOffset: 2, logStartOffset: 2 })
    },
  },
]
