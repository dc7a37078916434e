import { expect } from 'vitest'
import type { ContractCase } from './contract-case.ts'

export const staticMemberCases: readonly ContractCase[] = [
  {
    name: 'a static member joins without being told its id first',
    check: async (run) => {
      const group = await run.group()
      const joined = await run.settled(run.join(group, { groupInstanceId: 'a' }))
      expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: joined.memberId })
      expect(joined.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(['a'])
    },
  },
  {
    name: 'who comes back to a stable group keeps generation and assignment, under a new member id',
    check: async (run) => {
      const group = await run.group()
      const old = await run.lone(group, 'a')
      const anew = await run.settled(run.join(group, { groupInstanceId: 'a' }))
      expect(anew).toMatchObject({ errorCode: 0, generationId: old.generationId, skipAssignment: true })
      expect(anew.memberId).not.toBe(old.memberId)
      expect(anew.members).toHaveLength(1)
      const synced = await run.settled(run.sync(group, anew, { groupInstanceId: 'a' }))
      expect([synced.errorCode, synced.assignment.toString()]).toEqual([0, 'all'])
      expect(await run.heartbeat(group, anew, 'a')).toEqual({ errorCode: 0 })
    },
  },
  {
    name: 'the member id before is fenced in every request',
    check: async (run) => {
      const group = await run.group()
      const topic = await run.topic()
      const old = await run.lone(group, 'a')
      await run.settled(run.join(group, { groupInstanceId: 'a' }))
      const { memberId, generationId } = old
      expect(await run.heartbeat(group, old, 'a')).toEqual({ errorCode: 82 })
      expect((await run.settled(run.sync(group, old, { groupInstanceId: 'a' }))).errorCode).toBe(82)
      expect((await run.settled(run.join(group, { memberId, groupInstanceId: 'a' }))).errorCode).toBe(82)
      const commit = { groupId: group.groupId, generationId, memberId, groupInstanceId: 'a', offsets: [{ topic: topic.topic, partition: 0, offset: 3, leaderEpoch: -1, metadata: '' }] }
      expect((await run.settled(run.broker.offsetCommit(group.node, commit)))[0]?.errorCode).toBe(82)
      expect(await run.settled(run.broker.leaveGroup(group.node, { groupId: group.groupId, members: [{ memberId, groupInstanceId: 'a' }] }))).toEqual({ errorCode: 0, memberErrorCodes: [82] })
    },
  },
  {
    name: 'without the instance id the old member id is unknown',
    check: async (run) => {
      const group = await run.group()
      const old = await run.lone(group, 'a')
      await run.settled(run.join(group, { groupInstanceId: 'a' }))
      expect(await run.heartbeat(group, old)).toEqual({ errorCode: 25 })
    },
  },
  {
    name: 'an instance id that nobody has is unknown',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group, 'a')
      expect(await run.heartbeat(group, member, 'b')).toEqual({ errorCode: 25 })
    },
  },
  {
    name: 'who comes back with other metadata begins no new generation, and the group knows the new metadata',
    check: async (run) => {
      const group = await run.group()
      const old = await run.lone(group, 'a')
      const anew = await run.settled(run.join(group, { groupInstanceId: 'a', metadata: 'changed' }))
      expect(anew).toMatchObject({ errorCode: 0, generationId: old.generationId, skipAssignment: true })
      const [described] = await run.settled(run.broker.describeGroups(group.node, [group.groupId]))
      expect(described?.members.map(({ metadata }) => metadata.toString())).toEqual(['changed'])
    },
  },
  {
    name: 'a follower that comes back is told the leader and no members',
    check: async (run) => {
      const group = await run.group()
      const a = await run.lone(group, 'a')
      const held = run.join(group, { groupInstanceId: 'b' })
      await run.until(() => run.heartbeat(group, a, 'a'), ({ errorCode }) => errorCode === 27)
      const leader = await run.settled(run.join(group, { memberId: a.memberId, groupInstanceId: 'a' }))
      const b = await run.settled(held)
      const waiting = run.sync(group, b, { groupInstanceId: 'b' })
      await run.settled(run.sync(group, leader, { groupInstanceId: 'a', assignments: { [b.memberId]: 'for b' } }))
      await run.settled(waiting)
      const anew = await run.settled(run.join(group, { groupInstanceId: 'b' }))
      expect(anew).toMatchObject({ errorCode: 0, generationId: leader.generationId, leader: leader.memberId, members: [], skipAssignment: false })
      expect((await run.settled(run.sync(group, anew, { groupInstanceId: 'b' }))).assignment.toString()).toBe('for b')
    },
  },
  {
    name: 'who comes back between JoinGroup and SyncGroup begins a new generation',
    check: async (run) => {
      const group = await run.group()
      const old = await run.joined(group, { groupInstanceId: 'a' })
      const anew = await run.settled(run.join(group, { groupInstanceId: 'a' }))
      expect(anew).toMatchObject({ errorCode: 0, generationId: old.generationId + 1, leader: anew.memberId })
      expect((await run.settled(run.sync(group, old, { groupInstanceId: 'a' }))).errorCode).toBe(82)
    },
  },
  {
    name: 'a JoinGroup that waits is fenced by another one of its instance',
    check: async (run) => {
      const group = await run.group()
      const a = await run.lone(group, 'a')
      const first = run.join(group, { groupInstanceId: 'b' })
      await run.until(() => run.heartbeat(group, a, 'a'), ({ errorCode }) => errorCode === 27)
      const second = run.join(group, { groupInstanceId: 'b' })
      expect((await run.settled(first)).errorCode).toBe(82)
      await run.settled(run.join(group, { memberId: a.memberId, groupInstanceId: 'a' }))
      expect((await run.settled(second)).errorCode).toBe(0)
    },
  },
  {
    name: 'a static member leaves by its instance id alone',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group, 'a')
      const members = [
        { memberId: '', groupInstanceId: 'a' },
        { memberId: '', groupInstanceId: 'nobody' },
      ]
      expect(await run.settled(run.broker.leaveGroup(group.node, { groupId: group.groupId, members }))).toEqual({ errorCode: 0, memberErrorCodes: [0, 25] })
      expect(await run.heartbeat(group, member, 'a')).toEqual({ errorCode: 25 })
    },
  },
  {
    name: 'a static member that does not join again stays in the group until its session is over',
    check: async (run) => {
      const group = await run.group()
      const a = await run.lone(group, 'a', { sessionTimeoutMs: 4_000, rebalanceTimeoutMs: 1_000 })
      const joined = await run.settled(run.join(group, { groupInstanceId: 'b', rebalanceTimeoutMs: 1_000 }))
      expect(joined).toMatchObject({ errorCode: 0, generationId: a.generationId + 1, leader: joined.memberId })
      expect(joined.members.map(({ groupInstanceId }) => groupInstanceId).sort()).toEqual(['a', 'b'])
    },
  },
]
