import { expect } from 'vitest'
import type { OffsetToCommit } from '../../../ports/broker.ts'
import type { ContractCase } from './contract-case.ts'
import { type ContractRun, offsetOf } from './contract-run.ts'

type Group = { groupId: string; node: number }
const NOBODY = { generationId: -1, memberId: '', groupInstanceId: undefined }

function commit(run: ContractRun, { groupId, node }: Group, offsets: readonly OffsetToCommit[], member: { generationId: number; memberId: string; groupInstanceId?: string | undefined } = NOBODY) {
  const { generationId, memberId, groupInstanceId } = member
  return run.settled(run.broker.offsetCommit(node, { groupId, generationId, memberId, groupInstanceId, offsets }))
}

async function offsetsOf(run: ContractRun, { groupId, node }: Group, topic: string, partitions: readonly number[] | 'all' = [0], requireStable = true) {
  const asked = partitions === 'all' ? undefined : partitions.map((partition) => ({ topic, partition }))
  const { errorCode, offsets } = await run.settled(run.broker.offsetFetch(node, { groupId, partitions: asked, requireStable }))
  expect(errorCode).toBe(0)
  return [...offsets].sort((a, b) => a.partition - b.partition).map((found) => [found.partition, found.errorCode || found.offset])
}

/** Once nothing is pending any more. */
async function stableOffsets(run: ContractRun, group: Group, topic: string) {
  return await run.until(() => offsetsOf(run, group, topic), ([first]) => first?.[1] !== 88)
}

export const groupOffsetCases: readonly ContractCase[] = [
  {
    name: 'offsets of an empty group are committed by anybody, and read back with what belongs to them',
    check: async (run) => {
      const topic = await run.topic('topic', 2)
      const group = await run.group()
      expect(await commit(run, group, [{ topic: topic.topic, partition: 1, offset: 42, leaderEpoch: 0, metadata: 'a note' }])).toEqual([{ topic: topic.topic, partition: 1, errorCode: 0 }])
      const partitions = [0, 1].map((partition) => ({ topic: topic.topic, partition }))
      const { offsets } = await run.settled(run.broker.offsetFetch(group.node, { groupId: group.groupId, partitions, requireStable: true }))
      expect([...offsets].sort((a, b) => a.partition - b.partition)).toEqual([
        { topic: topic.topic, partition: 0, errorCode: 0, offset: undefined, leaderEpoch: -1, metadata: '' },
        { topic: topic.topic, partition: 1, errorCode: 0, offset: 42, leaderEpoch: 0, metadata: 'a note' },
      ])
      expect(await offsetsOf(run, group, topic.topic, 'all')).toEqual([[1, 42]])
    },
  },
  {
    name: 'a group that is not there has no offsets',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group('nobody')
      const { errorCode, offsets } = await run.settled(run.broker.offsetFetch(group.node, { groupId: group.groupId, partitions: [{ topic: topic.topic, partition: 0 }], requireStable: true }))
      expect(errorCode).toBe(0)
      expect(offsets).toEqual([{ topic: topic.topic, partition: 0, errorCode: 0, offset: undefined, leaderEpoch: -1, metadata: '' }])
    },
  },
  {
    name: 'offsets of members: strangers, other generations, groups that have members',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const member = await run.lone(group)
      const offsets = [offsetOf(topic.topic, 1)]
      const codes = async (who?: Parameters<typeof commit>[3]) => (await commit(run, group, offsets, who)).map(({ errorCode }) => errorCode)
      expect(await codes()).toEqual([25])
      expect(await codes({ ...member, memberId: 'stranger' })).toEqual([25])
      expect(await codes({ ...member, generationId: member.generationId + 1 })).toEqual([22])
      expect(await codes({ ...member, generationId: -1 })).toEqual([22])
      expect(await codes({ memberId: member.memberId, generationId: member.generationId })).toEqual([0])
      const other = await run.group('other')
      expect((await commit(run, other, offsets, { generationId: 3, memberId: 'm' })).map(({ errorCode }) => errorCode)).toEqual([69])
    },
  },
  {
    name: 'offsets of partitions that are not there are 3, beside others that are taken',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const missing = run.name('missing')
      const answers = await commit(run, group, [offsetOf(topic.topic, 1), offsetOf(topic.topic, 2, 7), offsetOf(missing, 3)])
      const codes = new Map(answers.map(({ topic: name, partition, errorCode }) => [`${name}-${partition}`, errorCode]))
      expect([codes.get(`${topic.topic}-0`), codes.get(`${topic.topic}-7`), codes.get(`${missing}-0`)]).toEqual([0, 3, 3])
    },
  },
  {
    name: 'metadata above 4,096 bytes is 12',
    check: async (run) => {
      const topic = await run.topic('topic', 2)
      const group = await run.group()
      const offsets = [{ ...offsetOf(topic.topic, 1), metadata: 'x'.repeat(4_097) }, { ...offsetOf(topic.topic, 1, 1), metadata: 'x'.repeat(4_096) }]
      const answers = await commit(run, group, offsets)
      expect(answers.map(({ partition, errorCode }) => [partition, errorCode])).toEqual([
        [0, 12],
        [1, 0],
      ])
    },
  },
  {
    name: 'offsets of a transaction are pending until it ends: 88 for those who want stable ones, the old ones for others',
    check: async (run) => {
      const topic = await run.topic('topic', 2)
      const group = await run.group()
      await commit(run, group, [offsetOf(topic.topic, 1)])
      const identity = await run.identity()
      expect(await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5)])).toEqual([{ topic: topic.topic, partition: 0, errorCode: 0 }])
      expect(await offsetsOf(run, group, topic.topic, [0, 1])).toEqual([
        [0, 88],
        [1, undefined],
      ])
      expect(await offsetsOf(run, group, topic.topic, [0], false)).toEqual([[0, 1]])
      expect(await offsetsOf(run, group, topic.topic, 'all')).toEqual([[0, 88]])
      await run.end(identity, 'commit')
      expect(await stableOffsets(run, group, topic.topic)).toEqual([[0, 5]])
    },
  },
  {
    name: 'where nothing was committed before, pending offsets are not in the list of all',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const identity = await run.identity()
      await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5)])
      expect(await offsetsOf(run, group, topic.topic, [0])).toEqual([[0, 88]])
      expect(await offsetsOf(run, group, topic.topic, 'all')).toEqual([])
      await run.end(identity, 'abort')
    },
  },
  {
    name: 'an abort leaves the offsets as they were',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      await commit(run, group, [offsetOf(topic.topic, 1)])
      const identity = await run.identity()
      await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5)])
      await run.end(identity, 'abort')
      expect(await stableOffsets(run, group, topic.topic)).toEqual([[0, 1]])
    },
  },
  {
    name: 'of two transactions the offset that was committed later counts, whichever ends first',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const [one, two] = [await run.identity('one'), await run.identity('two')]
      await run.txnOffsets(one, group, [offsetOf(topic.topic, 10)])
      await run.txnOffsets(two, group, [offsetOf(topic.topic, 20)])
      await run.end(two, 'commit')
      await run.until(() => offsetsOf(run, group, topic.topic, [0], false), ([first]) => first?.[1] === 20)
      expect(await offsetsOf(run, group, topic.topic)).toEqual([[0, 88]])
      await run.end(one, 'commit')
      expect(await stableOffsets(run, group, topic.topic)).toEqual([[0, 20]])
    },
  },
  {
    name: 'a later offset of the same transaction takes the place of an earlier one, also a smaller one',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const identity = await run.identity()
      await run.txnOffsets(identity, group, [offsetOf(topic.topic, 10)])
      await run.txnOffsets(identity, group, [offsetOf(topic.topic, 7)])
      await run.end(identity, 'commit')
      expect(await stableOffsets(run, group, topic.topic)).toEqual([[0, 7]])
    },
  },
  {
    name: 'TxnOffsetCommit checks the member: stranger, generation, instance',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const old = await run.lone(group, 'a')
      const { memberId } = await run.settled(run.join(group, { groupInstanceId: 'a' }))
      const { generationId } = old
      const identity = await run.identity()
      const offsets = [offsetOf(topic.topic, 5)]
      const codes = async (member: Parameters<ContractRun['txnOffsets']>[3]) => (await run.txnOffsets(identity, group, offsets, member)).map(({ errorCode }) => errorCode)
      expect(await codes({ memberId: 'stranger', generationId })).toEqual([25])
      expect(await codes({ memberId, generationId: generationId - 1, groupInstanceId: 'a' })).toEqual([22])
      expect(await codes({ memberId, generationId: generationId + 1, groupInstanceId: 'a' })).toEqual([22])
      expect(await codes({ memberId: old.memberId, generationId, groupInstanceId: 'a' })).toEqual([82])
      expect(await codes({ memberId, generationId, groupInstanceId: 'a' })).toEqual([0])
      await run.end(identity, 'commit')
      expect(await stableOffsets(run, group, topic.topic)).toEqual([[0, 5]])
    },
  },
  {
    name: 'TxnOffsetCommit without membership is taken, even while the group has members',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      await run.lone(group)
      const identity = await run.identity()
      expect((await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5)])).map(({ errorCode }) => errorCode)).toEqual([0])
      await run.end(identity, 'abort')
    },
  },
  {
    name: 'TxnOffsetCommit of a member of a group that is not there',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group('nobody')
      const identity = await run.identity()
      // OffsetCommit says 69 where this says 22
      expect((await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5)], { memberId: 'm', generationId: 3 })).map(({ errorCode }) => errorCode)).toEqual([22])
      await run.end(identity, 'abort')
    },
  },
  {
    name: 'TxnOffsetCommit between JoinGroup and SyncGroup',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const joined = await run.joined(group)
      const identity = await run.identity()
      const member = { memberId: joined.memberId, generationId: joined.generationId }
      expect((await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5)], member)).map(({ errorCode }) => errorCode)).toEqual([0])
      await run.end(identity, 'abort')
    },
  },
  {
    name: 'TxnOffsetCommit of a fenced producer, of an unknown one',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const old = await run.identity()
      await run.identity()
      expect((await run.txnOffsets(old, group, [offsetOf(topic.topic, 5)])).map(({ errorCode }) => errorCode)).toEqual([47])
      expect((await run.txnOffsets({ ...old, producerId: old.producerId + 5_000_000 }, group, [offsetOf(topic.topic, 5)])).map(({ errorCode }) => errorCode)).toEqual([49])
    },
  },
  {
    name: 'TxnOffsetCommit of a partition that is not there is 3, and the others are taken',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      const identity = await run.identity()
      const answers = await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5), offsetOf(topic.topic, 6, 9)])
      expect(new Map(answers.map(({ partition, errorCode }) => [partition, errorCode]))).toEqual(
        new Map([
          [0, 0],
          [9, 3],
        ]),
      )
      await run.end(identity, 'abort')
    },
  },
  {
    name: 'the time-out of a transaction makes its offsets stable again',
    check: async (run) => {
      const topic = await run.topic()
      const group = await run.group()
      await commit(run, group, [offsetOf(topic.topic, 1)])
      const identity = await run.identity('slow', 1_000)
      await run.txnOffsets(identity, group, [offsetOf(topic.topic, 5)])
      await run.until(() => offsetsOf(run, group, topic.topic), ([first]) => first?.[1] !== 88, 200)
      expect(await offsetsOf(run, group, topic.topic)).toEqual([[0, 1]])
      expect((await run.txnOffsets(identity, group, [offsetOf(topic.topic, 6)])).map(({ errorCode }) => errorCode)).toEqual([47])
    },
  },
]
