import { expect } from 'vitest'
import type { ContractCase } from './contract-case.ts'

export const groupCases: readonly ContractCase[] = [
  {
    name: 'a dynamic member is told its id first, then leads its group',
    check: async (run) => {
      const group = await run.group()
      const first = await run.settled(run.join(group))
      expect(first).toMatchObject({ errorCode: 79, generationId: -1, members: [] })
      expect(first.memberId).not.toBe('')
      const joined = await run.settled(run.join(group, { memberId: first.memberId }))
      expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: first.memberId, memberId: first.memberId, protocolName: 'plain', skipAssignment: false })
      expect(joined.members.map(({ memberId, groupInstanceId, metadata }) => [memberId, groupInstanceId, metadata.toString()])).toEqual([[first.memberId, undefined, 'subscription']])
    },
  },
  {
    name: 'an assignment reaches its members',
    check: async (run) => {
      const group = await run.group()
      const joined = await run.joined(group)
      const synced = await run.settled(run.sync(group, joined, { assignments: { [joined.memberId]: 'all of it' } }))
      expect([synced.errorCode, synced.assignment.toString()]).toEqual([0, 'all of it'])
      const again = await run.settled(run.sync(group, joined))
      expect([again.errorCode, again.assignment.toString()]).toEqual([0, 'all of it'])
      expect(await run.heartbeat(group, joined)).toEqual({ errorCode: 0 })
    },
  },
  {
    name: 'heartbeats of strangers, of another generation and to unknown groups',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group)
      expect(await run.heartbeat(group, { ...member, memberId: 'stranger' })).toEqual({ errorCode: 25 })
      expect(await run.heartbeat(group, { ...member, generationId: 9 })).toEqual({ errorCode: 22 })
      expect(await run.heartbeat(group, { ...member, generationId: 0 })).toEqual({ errorCode: 22 })
      const other = await run.group('other')
      expect(await run.heartbeat(other, member)).toEqual({ errorCode: 25 })
    },
  },
  {
    name: 'a second member makes the first join again; both share the generation',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group)
      const first = await run.settled(run.join(group))
      const held = run.join(group, { memberId: first.memberId, metadata: 'second' })
      await run.until(() => run.heartbeat(group, member), ({ errorCode }) => errorCode === 27)
      const leader = await run.settled(run.join(group, { memberId: member.memberId, metadata: 'first' }))
      const follower = await run.settled(held)
      expect(leader).toMatchObject({ errorCode: 0, generationId: member.generationId + 1, leader: member.memberId })
      expect(leader.members.map(({ metadata }) => metadata.toString()).sort()).toEqual(['first', 'second'])
      expect(follower).toMatchObject({ errorCode: 0, generationId: leader.generationId, leader: member.memberId, members: [] })

      const waiting = run.sync(group, follower)
      await run.settled(run.sync(group, leader, { assignments: { [follower.memberId]: 'yours' } }))
      expect((await run.settled(waiting)).assignment.toString()).toBe('yours')
      expect((await run.settled(run.sync(group, leader))).assignment.length).toBe(0)
    },
  },
  {
    name: 'while members join, heartbeats and SyncGroup are 27, and commits go on',
    check: async (run) => {
      const group = await run.group()
      const topic = await run.topic()
      const member = await run.lone(group)
      const first = await run.settled(run.join(group))
      const held = run.join(group, { memberId: first.memberId })
      await run.until(() => run.heartbeat(group, member), ({ errorCode }) => errorCode === 27)
      expect((await run.settled(run.sync(group, member))).errorCode).toBe(27)
      const { memberId, generationId } = member
      const commit = { groupId: group.groupId, generationId, memberId, groupInstanceId: undefined, offsets: [{ topic: topic.topic, partition: 0, offset: 3, leaderEpoch: -1, metadata: '' }] }
      expect((await run.settled(run.broker.offsetCommit(group.node, commit)))[0]?.errorCode).toBe(0)
      await run.settled(run.join(group, { memberId }))
      await run.settled(held)
      expect((await run.settled(run.broker.offsetCommit(group.node, commit)))[0]?.errorCode).toBe(22)
    },
  },
  {
    name: 'between JoinGroup and SyncGroup a heartbeat is fine, a commit is 27',
    check: async (run) => {
      const group = await run.group()
      const topic = await run.topic()
      const joined = await run.joined(group)
      expect(await run.heartbeat(group, joined)).toEqual({ errorCode: 0 })
      const { memberId, generationId } = joined
      const commit = { groupId: group.groupId, generationId, memberId, groupInstanceId: undefined, offsets: [{ topic: topic.topic, partition: 0, offset: 3, leaderEpoch: -1, metadata: '' }] }
      expect((await run.settled(run.broker.offsetCommit(group.node, commit)))[0]?.errorCode).toBe(27)
    },
  },
  {
    name: 'JoinGroup of an unknown member, with another type, without a common protocol',
    check: async (run) => {
      const group = await run.group()
      await run.lone(group)
      expect(await run.settled(run.join(group, { memberId: 'stranger' }))).toMatchObject({ errorCode: 25, generationId: -1 })
      expect((await run.settled(run.join(group, { protocolType: 'other' }))).errorCode).toBe(23)
      expect((await run.settled(run.join(group, { protocols: [{ name: 'other', metadata: Buffer.from('') }] }))).errorCode).toBe(23)
      const empty = await run.group('empty')
      expect((await run.settled(run.join(empty, { memberId: 'stranger' }))).errorCode).toBe(25)
    },
  },
  {
    name: 'session time-outs out of bounds are 26',
    check: async (run) => {
      const group = await run.group()
      const join = (sessionTimeoutMs: number) => run.settled(run.join(group, { sessionTimeoutMs }))
      expect((await join(10)).errorCode).toBe(26)
      expect((await join(3_000_000)).errorCode).toBe(26)
    },
  },
  {
    name: 'a follower that joins again as before is answered at once, the leader begins a new generation',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group)
      const first = await run.settled(run.join(group))
      const held = run.join(group, { memberId: first.memberId })
      await run.until(() => run.heartbeat(group, member), ({ errorCode }) => errorCode === 27)
      const leader = await run.settled(run.join(group, { memberId: member.memberId }))
      const follower = await run.settled(held)
      // the answer was lost: it asks again before anybody has synced
      expect(await run.settled(run.join(group, { memberId: follower.memberId }))).toMatchObject({ errorCode: 0, generationId: leader.generationId, members: [] })
      await run.settled(run.sync(group, leader, { assignments: {} }))
      await run.settled(run.sync(group, follower))
      expect(await run.settled(run.join(group, { memberId: follower.memberId }))).toMatchObject({ errorCode: 0, generationId: leader.generationId })
      const again = run.join(group, { memberId: leader.memberId })
      await run.until(() => run.heartbeat(group, follower), ({ errorCode }) => errorCode === 27)
      await run.settled(run.join(group, { memberId: follower.memberId }))
      expect(await run.settled(again)).toMatchObject({ errorCode: 0, generationId: leader.generationId + 1 })
    },
  },
  {
    name: 'a member that joins with other metadata begins a new generation',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group)
      const again = await run.settled(run.join(group, { memberId: member.memberId, metadata: 'changed' }))
      expect(again).toMatchObject({ errorCode: 0, generationId: member.generationId + 1 })
      expect(again.members.map(({ metadata }) => metadata.toString())).toEqual(['changed'])
    },
  },
  {
    name: 'a dynamic member that falls silent is thrown out',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group, undefined, { sessionTimeoutMs: 1_000 })
      await run.pass(1_500)
      expect(await run.until(() => run.heartbeat(group, member), ({ errorCode }) => errorCode !== 0)).toEqual({ errorCode: 25 })
      const [described] = await run.settled(run.broker.describeGroups(group.node, [group.groupId]))
      expect(described).toMatchObject({ errorCode: 0, state: 'Empty', members: [] })
      const anew = await run.joined(group)
      expect(anew.generationId).toBe(member.generationId + 2)
    },
  },
  {
    name: 'members that do not join within the rebalance time-out are left behind',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group, undefined, { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 1_000 })
      const first = await run.settled(run.join(group, { rebalanceTimeoutMs: 1_000 }))
      const joined = await run.settled(run.join(group, { memberId: first.memberId, rebalanceTimeoutMs: 1_000 }))
      expect(joined).toMatchObject({ errorCode: 0, generationId: member.generationId + 1, leader: first.memberId })
      expect(joined.members).toHaveLength(1)
      expect(await run.heartbeat(group, member)).toEqual({ errorCode: 25 })
    },
  },
  {
    name: 'a member that joined and never syncs is thrown out after the rebalance time-out',
    check: async (run) => {
      const group = await run.group()
      const joined = await run.joined(group, { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 1_000 })
      await run.pass(1_500)
      expect(await run.until(() => run.heartbeat(group, joined), ({ errorCode }) => errorCode !== 0)).toEqual({ errorCode: 25 })
    },
  },
  {
    name: 'SyncGroup with a wrong generation, member or protocol',
    check: async (run) => {
      const group = await run.group()
      const joined = await run.joined(group)
      expect((await run.settled(run.sync(group, { ...joined, generationId: 7 }))).errorCode).toBe(22)
      expect((await run.settled(run.sync(group, { ...joined, memberId: 'stranger' }))).errorCode).toBe(25)
      const request = { groupId: group.groupId, generationId: joined.generationId, memberId: joined.memberId, groupInstanceId: undefined, protocolType: 'test', protocolName: 'other', assignments: [] }
      expect((await run.settled(run.broker.syncGroup(group.node, request))).errorCode).toBe(23)
    },
  },
  {
    name: 'who leaves is gone at once, and the others join again',
    check: async (run) => {
      const group = await run.group()
      const member = await run.lone(group)
      const leave = (memberId: string) => run.settled(run.broker.leaveGroup(group.node, { groupId: group.groupId, members: [{ memberId, groupInstanceId: undefined }] }))
      expect(await leave('stranger')).toEqual({ errorCode: 0, memberErrorCodes: [25] })
      expect(await leave(member.memberId)).toEqual({ errorCode: 0, memberErrorCodes: [0] })
      expect(await run.heartbeat(group, member)).toEqual({ errorCode: 25 })
      expect((await run.joined(group)).generationId).toBe(member.generationId + 2)
    },
  },
  {
    name: 'leaving a group that is not there',
    check: async (run) => {
      const group = await run.group('nobody')
      const answer = await run.settled(run.broker.leaveGroup(group.node, { groupId: group.groupId, members: [{ memberId: 'm', groupInstanceId: undefined }] }))
      expect(answer).toEqual({ errorCode: 0, memberErrorCodes: [25] })
    },
  },
  {
    name: 'groups are described; one that is not there is dead',
    check: async (run) => {
      const group = await run.group()
      await run.lone(group, 'a')
      const missing = run.name('missing')
      const [described] = await run.settled(run.broker.describeGroups(group.node, [group.groupId]))
      expect(described).toMatchObject({ groupId: group.groupId, errorCode: 0, state: 'Stable', protocolType: 'test', protocolName: 'plain' })
      expect(described?.members.map(({ groupInstanceId, metadata, assignment }) => [groupInstanceId, metadata.toString(), assignment.toString()])).toEqual([['a', 'subscription', 'all']])
      const node = await run.coordinator('group', missing)
      const [dead] = await run.settled(run.broker.describeGroups(node, [missing]))
      expect(dead).toMatchObject({ groupId: missing, errorCode: 0, state: 'Dead', members: [] })
    },
  },
  {
    name: 'an empty group is deleted with its offsets, one with members is not',
    check: async (run) => {
      const group = await run.group()
      const topic = await run.topic()
      const member = await run.lone(group)
      const { memberId, generationId } = member
      const offsets = [{ topic: topic.topic, partition: 0, offset: 3, leaderEpoch: -1, metadata: '' }]
      await run.settled(run.broker.offsetCommit(group.node, { groupId: group.groupId, generationId, memberId, groupInstanceId: undefined, offsets }))
      const remove = () => run.settled(run.broker.deleteGroups(group.node, [group.groupId]))
      expect(await remove()).toEqual([{ groupId: group.groupId, errorCode: 68 }])
      await run.settled(run.broker.leaveGroup(group.node, { groupId: group.groupId, members: [{ memberId, groupInstanceId: undefined }] }))
      expect(await remove()).toEqual([{ groupId: group.groupId, errorCode: 0 }])
      expect(await run.settled(run.broker.offsetFetch(group.node, { groupId: group.groupId, partitions: undefined, requireStable: true }))).toEqual({ errorCode: 0, offsets: [] })
      expect(await remove()).toEqual([{ groupId: group.groupId, errorCode: 69 }])
    },
  },
]
