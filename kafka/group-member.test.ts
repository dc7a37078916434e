import { expect, test } from 'vitest'
import type { JoinGroupResponse } from '../ports/broker.ts'
import type { GroupMemberOptions } from '../ports/kafka-client.ts'
import { systemRandom } from '../ports/system-random.ts'
import { ScriptedBroker } from '../test/support/scripted-broker.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { Coordinators } from './coordinators.ts'
import { ClassicGroupMember } from './group-member.ts'

const SESSION_MS = 10_000

function setUp(options: Partial<GroupMemberOptions> = {}) {
  const clock = new VirtualClock()
  const broker = new ScriptedBroker()
  broker.script.heartbeat = () => ({ errorCode: 0 })
  const context = { clock, random: systemRandom, broker }
  const told: string[] = []
  let subscription = 'nothing'
  const member = new ClassicGroupMember(
    { ...context, coordinators: new Coordinators(context) },
    {
      groupId: 'trades',
      groupInstanceId: 'trades-a-0',
      protocolType: 'consumer',
      protocolName: 'tradewind',
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: 20_000,
      listener: {
        subscription: () => Buffer.from(subscription),
        assign: (members) => new Map(members.map(({ memberId }) => [memberId, Buffer.from(`for ${memberId}`)])),
        assigned: (assignment, { generationId }) => told.push(`assigned ${assignment.toString()} in ${generationId}`),
        lost: (error) => told.push(`lost ${error.message}`),
        failed: (error) => told.push(`failed ${error.message}`),
      },
      ...options,
    },
  )
  const claim = (text: string) => {
    subscription = text
  }
  /** The member joins generation `generationId` and is given `assignment`. */
  const settleIn = async (generationId: number, memberId = 'm1') => {
    broker.next('joinGroup').answer(joined({ generationId, memberId, leader: 'another' }))
    await clock.settle()
    broker.next('syncGroup').answer({ errorCode: 0, assignment: Buffer.from('some') })
    await clock.settle()
  }
  const lastJoin = () => {
    const [node, request] = broker.sent('joinGroup')
    return { node, memberId: request.memberId, subscription: Buffer.from(request.protocols[0]?.metadata ?? []).toString() }
  }
  return { clock, broker, member, told, claim, settleIn, lastJoin }
}

function joined(answer: Partial<JoinGroupResponse>): JoinGroupResponse {
  return { errorCode: 0, generationId: 1, protocolName: 'tradewind', leader: 'm1', skipAssignment: false, memberId: 'm1', members: [], ...answer }
}

test('the leader assigns, and is told its own part', async () => {
  const { clock, broker, member, told } = setUp()
  member.start()
  await clock.settle()
  const members = ['m1', 'm2'].map((memberId) => ({ memberId, groupInstanceId: undefined, metadata: Buffer.alloc(0) }))
  broker.next('joinGroup').answer(joined({ members }))
  await clock.settle()
  const sync = broker.next('syncGroup')
  expect(sync.args[1].assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment).toString()])).toEqual([
    ['m1', 'for m1'],
    ['m2', 'for m2'],
  ])
  sync.answer({ errorCode: 0, assignment: Buffer.from('for m1') })
  await clock.settle()
  expect(told).toEqual(['assigned for m1 in 1'])
  expect(member.state).toBe('stable')
  expect(member.generation).toEqual({ groupId: 'trades', generationId: 1, memberId: 'm1', groupInstanceId: 'trades-a-0' })
})

test('a static leader that returns to a stable group must not assign', async () => {
  const { clock, broker, member } = setUp()
  member.start()
  await clock.settle()
  broker.next('joinGroup').answer(joined({ skipAssignment: true, members: [{ memberId: 'm1', groupInstanceId: 'trades-a-0', metadata: Buffer.alloc(0) }] }))
  await clock.settle()
  expect(broker.next('syncGroup').args[1].assignments).toEqual([])
})

test('a dynamic member joins again with the id that it is given', async () => {
  const { clock, broker, member, lastJoin } = setUp({ groupInstanceId: undefined })
  member.start()
  await clock.settle()
  broker.next('joinGroup').answer(joined({ errorCode: 79, memberId: 'given' }))
  await clock.settle()
  expect(lastJoin().memberId).toBe('given')
})

test('heartbeats go on while JoinGroup waits, and a rebalance takes nothing away', async () => {
  const { clock, broker, member, told, settleIn, claim, lastJoin } = setUp()
  member.start()
  await clock.settle()
  await settleIn(1)
  claim('t0 of 1')
  broker.script.heartbeat = () => ({ errorCode: 27 })
  await clock.advance(500)
  expect(member.state).toBe('joining')
  expect(lastJoin()).toMatchObject({ memberId: 'm1', subscription: 't0 of 1' })
  expect(member.generation?.generationId).toBe(1)
  const before = broker.count('heartbeat')
  await clock.advance(2 * SESSION_MS)
  expect(broker.count('heartbeat') - before).toBe((2 * SESSION_MS) / 500)
  await settleIn(2)
  expect(told).toEqual(['assigned some in 1', 'assigned some in 2'])
})

test('the generation moving on while JoinGroup is under way is not a loss', async () => {
  const { clock, broker, member, told, settleIn } = setUp()
  member.start()
  await clock.settle()
  await settleIn(1)
  member.rejoin('a task was handed over')
  await clock.settle()
  broker.script.heartbeat = () => ({ errorCode: 22 })
  await clock.advance(1_000)
  await settleIn(2)
  expect(told).toEqual(['assigned some in 1', 'assigned some in 2'])
})

test('a rejoin that is asked for while JoinGroup is under way follows it', async () => {
  const { clock, member, settleIn, claim, lastJoin, broker } = setUp()
  member.start()
  await clock.settle()
  claim('changed')
  member.rejoin('the subscription changed')
  await settleIn(1)
  expect(broker.count('joinGroup')).toBe(2)
  expect(lastJoin().subscription).toBe('changed')
})

test.each([
  [22, 'm1'],
  [25, ''],
])('heartbeat error %i: all is lost, and the member joins again', async (errorCode, memberId) => {
  const { clock, broker, member, told, settleIn, lastJoin } = setUp()
  member.start()
  await clock.settle()
  await settleIn(1)
  broker.script.heartbeat = () => ({ errorCode })
  await clock.advance(500)
  expect(told[1]).toMatch(/^lost Heartbeat of/)
  expect(member.generation).toBeUndefined()
  expect(lastJoin().memberId).toBe(memberId)
})

test('a process that was paused beyond its session is lost before anything else happens', async () => {
  const { clock, broker, member, told, settleIn } = setUp()
  delete broker.script.heartbeat
  member.start()
  await clock.settle()
  await settleIn(1)
  await clock.advance(500)
  // the answer waits in the socket while the process is stopped
  clock.freeze(SESSION_MS)
  expect(member.generation).toBeUndefined()
  broker.next('heartbeat').answer({ errorCode: 0 })
  await clock.settle()
  expect(told[1]).toMatch(/^lost no heartbeat of trades-a-0 was confirmed within the session timeout of 10000 ms/)
  expect(broker.count('joinGroup')).toBe(2)
})

test('a membership that is lost while JoinGroup waits voids that JoinGroup, whose claims were of before', async () => {
  const { clock, broker, member, told, settleIn, claim, lastJoin } = setUp()
  member.start()
  await clock.settle()
  await settleIn(1)
  claim('t0 of 1')
  member.rejoin('test')
  await clock.settle()
  delete broker.script.heartbeat
  await clock.advance(SESSION_MS + 500)
  expect(told.at(-1)).toMatch(/^lost/)
  claim('nothing')
  broker.next('joinGroup').answer(joined({ generationId: 2 }))
  await clock.settle()
  expect(broker.waiting('syncGroup')).toBe(0)
  expect(lastJoin()).toMatchObject({ memberId: 'm1', subscription: 'nothing' })
})

test('a JoinGroup that was held up until the group has gone through a rebalance without it: others may have run what it claims', async () => {
  const { clock, broker, member, told, settleIn, claim, lastJoin } = setUp()
  member.start()
  await clock.settle()
  await settleIn(4)
  claim('t0 of 4')
  member.rejoin('test')
  await clock.settle()
  broker.script.heartbeat = () => ({ errorCode: 22 })
  await clock.advance(1_000)
  claim('nothing')
  broker.next('joinGroup').answer(joined({ generationId: 6 }))
  await clock.settle()
  expect(told.at(-1)).toMatch(/^lost .* generation 6, and the last one whose assignment it heard is 4/)
  expect([broker.waiting('syncGroup'), member.generation]).toEqual([0, undefined])
  expect(lastJoin()).toMatchObject({ memberId: 'm1', subscription: 'nothing' })
  await settleIn(7)
  expect(told.at(-1)).toBe('assigned some in 7')
})

test('a generation whose SyncGroup was refused since the next rebalance has begun: the others may have heard theirs, and one generation later its claim was void', async () => {
  const { clock, broker, member, told, settleIn } = setUp()
  member.start()
  await clock.settle()
  await settleIn(1)
  member.rejoin('test')
  await clock.settle()
  broker.next('joinGroup').answer(joined({ generationId: 2, leader: 'another' }))
  await clock.settle()
  broker.next('syncGroup').answer({ errorCode: 27, assignment: Buffer.alloc(0) })
  await clock.settle()
  broker.next('joinGroup').answer(joined({ generationId: 3, leader: 'another' }))
  await clock.settle()
  expect(told.at(-1)).toMatch(/^lost .* generation 3, and the last one whose assignment it heard is 1/)
  await settleIn(4)
  expect(told.at(-1)).toBe('assigned some in 4')
})

test('a heartbeat that hangs on a dead connection holds up none of the next membership', async () => {
  const { clock, broker, member, told, settleIn } = setUp()
  delete broker.script.heartbeat
  member.start()
  await clock.settle()
  await settleIn(1)
  await clock.advance(SESSION_MS)
  expect(told[1]).toMatch(/^lost no heartbeat/)
  await settleIn(2)
  await clock.advance(500)
  expect(broker.count('heartbeat')).toBe(2)
  broker.next('heartbeat').lose()
  await clock.settle()
  expect(member.generation?.generationId).toBe(2)
})

test('fenced once: the member takes its place back; fenced again within a session timeout: it names the twin and stops', async () => {
  const { clock, broker, member, told, settleIn, lastJoin } = setUp()
  member.start()
  await clock.settle()
  await settleIn(1)
  broker.script.heartbeat = () => ({ errorCode: 82 })
  await clock.advance(500)
  expect(told[1]).toMatch(/^lost another member joined group trades as trades-a-0/)
  expect(lastJoin().memberId).toBe('')
  await settleIn(2, 'm2')
  await clock.advance(500)
  expect(told.at(-1)).toMatch(/^failed another member joined group trades as trades-a-0, twice within 10000 ms: a twin of this process is running/)
  expect(member.state).toBe('failed')
  await clock.advance(60_000)
  expect(broker.count('joinGroup')).toBe(2)
})

test('fenced twice, but more than a session timeout apart, is no twin', async () => {
  const { clock, broker, member, told, settleIn } = setUp()
  member.start()
  await clock.settle()
  for (const [generationId, memberId] of [
    [1, 'm1'],
    [2, 'm2'],
    [3, 'm3'],
  ] as const) {
    broker.script.heartbeat = () => ({ errorCode: 0 })
    await settleIn(generationId, memberId)
    await clock.advance(SESSION_MS + 1_000)
    broker.script.heartbeat = () => ({ errorCode: 82 })
    await clock.advance(500)
  }
  expect(told.some((line) => line.startsWith('failed'))).toBe(false)
})

test('a coordinator that moved is asked for again, never twice in a row', async () => {
  const { clock, broker, member, settleIn, lastJoin } = setUp()
  member.start()
  await clock.settle()
  await settleIn(1)
  broker.script.findCoordinator = () => ({ errorCode: 0, node: 2 })
  const asked: number[] = []
  broker.script.heartbeat = (node) => {
    asked.push(node)
    return { errorCode: node === 1 ? 16 : 0 }
  }
  await clock.advance(2_000)
  expect(asked.slice(0, 3)).toEqual([1, 2, 2])
  member.rejoin('test')
  await clock.settle()
  expect(lastJoin().node).toBe(2)
})

test('a broker that restarts costs nothing if it is back within the session', async () => {
  const { clock, broker, member, told, settleIn } = setUp()
  member.start()
  await clock.settle()
  await settleIn(1)
  let down = true
  broker.script.findCoordinator = () => (down ? { errorCode: 15, node: -1 } : { errorCode: 0, node: 1 })
  broker.script.heartbeat = () => (down ? { errorCode: 15 } : { errorCode: 0 })
  await clock.advance(SESSION_MS - 2_000)
  down = false
  await clock.advance(3 * SESSION_MS)
  expect(told).toEqual(['assigned some in 1'])
})

test('a lost JoinGroup and a lost SyncGroup are sent again', async () => {
  const { clock, broker, member, told, settleIn } = setUp()
  member.start()
  await clock.settle()
  broker.next('joinGroup').lose()
  await clock.advance(100)
  broker.next('joinGroup').answer(joined({ leader: 'another' }))
  await clock.settle()
  broker.next('syncGroup').lose()
  await clock.advance(100)
  broker.next('syncGroup').answer({ errorCode: 27, assignment: Buffer.alloc(0) })
  await clock.settle()
  await settleIn(2)
  expect(told).toEqual(['assigned some in 2'])
})

test('leave names the instance and the member, close says nothing', async () => {
  const one = setUp()
  one.member.start()
  await one.clock.settle()
  await one.settleIn(1)
  const leaving = one.member.leave()
  await one.clock.settle()
  const leave = one.broker.next('leaveGroup')
  expect(leave.args[1]).toEqual({ groupId: 'trades', members: [{ memberId: 'm1', groupInstanceId: 'trades-a-0' }] })
  leave.answer({ errorCode: 0, memberErrorCodes: [0] })
  await leaving
  const other = setUp()
  other.member.start()
  await other.clock.settle()
  await other.settleIn(1)
  await other.member.close()
  await other.clock.advance(60_000)
  expect(other.broker.count('leaveGroup')).toBe(0)
  expect(other.told).toEqual(['assigned some in 1'])
})

test('what no repetition helps is told once and ends the member', async () => {
  const { clock, broker, member, told } = setUp()
  member.start()
  await clock.settle()
  broker.next('joinGroup').answer(joined({ errorCode: 30 }))
  await clock.advance(60_000)
  expect(told).toEqual(['failed JoinGroup of trades-a-0 (protocol tradewind): GROUP_AUTHORIZATION_FAILED (30)'])
  expect(broker.count('joinGroup')).toBe(1)
})

test('a fault of the assignor is not swallowed', async () => {
  const assign = () => {
    throw new Error('no such partition')
  }
  const told: string[] = []
  const listener = { subscription: () => Buffer.alloc(0), assign, assigned: () => {}, lost: () => {}, failed: (error: Error) => told.push(error.message) }
  const { clock, broker, member } = setUp({ listener })
  member.start()
  await clock.settle()
  broker.next('joinGroup').answer(joined({}))
  await clock.settle()
  expect(told).toEqual(['no such partition'])
})

test('a rebalance timeout below the session timeout is refused', () => {
  expect(() => setUp({ rebalanceTimeoutMs: 5_000 })).toThrow('the rebalance timeout must not be below the session timeout')
})

test('offsets are committed under the current generation only', async () => {
  const { clock, broker, member, settleIn } = setUp()
  const offsets = [{ topic: 'trades', partition: 0, offset: 5, leaderEpoch: 0, metadata: '' }]
  await expect(member.commitOffsets(offsets)).rejects.toMatchObject({ scope: 'member' })
  member.start()
  await clock.settle()
  await settleIn(4)
  const committed = member.commitOffsets(offsets)
  broker.next('offsetCommit').answer([{ topic: 'trades', partition: 0, errorCode: 14 }])
  await clock.advance(100)
  const call = broker.next('offsetCommit')
  expect(call.args[1]).toMatchObject({ generationId: 4, memberId: 'm1', groupInstanceId: 'trades-a-0' })
  call.answer([{ topic: 'trades', partition: 0, errorCode: 22 }])
  await expect(committed).rejects.toMatchObject({ scope: 'generation', code: 22 })
})
