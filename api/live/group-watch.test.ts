import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { LiveCluster } from '../testing/live-cluster.ts'
import { EndTimes } from './end-times.ts'
import { GroupWatch } from './group-watch.ts'

const { ingested, processed } = TRADE_TOPICS

function setUp() {
  const clock = new VirtualClock()
  const cluster = new LiveCluster()
  const watch = new GroupWatch({ kafka: cluster.kafka, clock, groups: cluster.groups })
  const group = async (name: string) => {
    const found = (await watch.look()).groups.find(({ group: id }) => id === name)
    if (found === undefined) throw new Error(`no group ${name}`)
    return found
  }
  const write = (partition: number, count: number, ageMs = 0) => {
    for (let n = 0; n < count; n++) cluster.write(ingested, partition, { key: `T${n}`, value: '{}', timestamp: clock.now() - ageMs })
  }
  return { clock, cluster, watch, group, write }
}

const at = (partition: number) => ({ topic: ingested, partition })

test('members, offsets, lag and owners of a group', async () => {
  const { cluster, group, write } = setUp()
  write(0, 5)
  write(1, 2)
  cluster.committed.set(`trades ${ingested}-0`, 3)
  cluster.members.set('trades', [{ instanceId: 'trades-p-0', address: '127.0.0.1:7', tasks: ['0_0'], partitions: [at(0)] }])
  const found = await group('trades')
  expect(found).toMatchObject({ role: 'processor', state: 'Stable', lag: 4 })
  expect(found.members).toMatchObject([{ instanceId: 'trades-p-0', clientId: 'tradewind', host: '127.0.0.1', address: '127.0.0.1:7', tasks: ['0_0'] }])
  expect(found.partitions.map(({ partition, committed, end, lag, owner }) => [partition, committed, end, lag, owner])).toEqual([
    [0, 3, 5, 2, 'trades-p-0'],
    [1, undefined, 2, 2, undefined],
  ])
  expect((await group('trades-sink-postgres')).state).toBe('Empty')
})

test('lag in seconds: between two looks by the samples, before the first one by the record', async () => {
  const { clock, cluster, group, write } = setUp()
  const seconds = async () => (await group('trades')).partitions[0]?.lagSeconds
  cluster.committed.set(`trades ${ingested}-0`, 0)
  write(0, 4, 90_000)
  expect(await seconds()).toBe(90)
  await clock.advance(10_000)
  // The record stays the oldest one.
  expect(await seconds()).toBe(100)
  write(0, 10)
  await clock.advance(10_000)
  await seconds()
  cluster.committed.set(`trades ${ingested}-0`, 4 + 4)
  await clock.advance(2_000)
  // Ten records between the last two looks: the fifth of them is half of those 10 s ago, and 2 s.
  expect(await seconds()).toBe(7)
  cluster.committed.set(`trades ${ingested}-0`, 14)
  await clock.advance(2_000)
  expect(await seconds()).toBe(0)
})

test('those that ask at the same time share a look; a failure is not shared for long', async () => {
  const { clock, cluster, watch } = setUp()
  let asked = 0
  let away = false
  cluster.ask = async () => {
    asked++
    if (away) throw new Error('no broker')
  }
  await Promise.all([watch.look(), watch.look()])
  const once = asked
  await watch.look()
  expect(asked).toBe(once)
  await clock.advance(1_000)
  away = true
  await expect(watch.look()).rejects.toThrow('no broker')
  away = false
  expect((await watch.look()).groups.length).toBe(3)
})

test('a Kafka that does not answer is away after a while', async () => {
  const { clock, cluster, watch } = setUp()
  cluster.ask = () => new Promise(() => {})
  const look = watch.look()
  const told = expect(look).rejects.toMatchObject({ statusCode: 503 })
  await clock.advance(5_000)
  await told
})

test('the timeline shows who had what, from when on; a rebalance under way is no change', async () => {
  const { clock, cluster, watch } = setUp()
  const member = (instanceId: string, tasks: readonly string[], generation: number) => ({ instanceId, tasks, generation, partitions: tasks.map((task) => at(Number(task.slice(2)))) })
  const look = async () => {
    await clock.advance(1_000)
    await watch.look()
  }
  await look()
  expect(watch.rebalances.timeline).toEqual([])
  cluster.members.set('trades', [member('a', ['0_0', '0_1'], 1)])
  await look()
  await look()
  cluster.states.set('trades', 'PreparingRebalance')
  cluster.members.set('trades', [])
  await look()
  cluster.states.delete('trades')
  cluster.members.set('trades', [member('a', ['0_0'], 3), member('b', ['0_1'], 3)])
  await look()
  cluster.members.set('trades-sink-postgres', [{ instanceId: 's', partitions: [{ topic: processed, partition: 1 }] }])
  await look()
  cluster.members.set('trades', [])
  await look()
  expect(watch.rebalances.timeline.map(({ group, generation, owners }) => [group, generation, owners])).toEqual([
    ['trades', undefined, {}],
    ['trades-sink-postgres', undefined, { s: [`${processed}-1`] }],
    ['trades', 3, { a: ['0_0'], b: ['0_1'] }],
    ['trades', 1, { a: ['0_0', '0_1'] }],
  ])
})

test('members of other programs stop nobody', async () => {
  const { cluster, group } = setUp()
  const describe = cluster.kafka.broker.describeGroups
  const kafka = { ...cluster.kafka, broker: { ...cluster.kafka.broker, describeGroups: async (node: number, groups: readonly string[]) => (await describe(node, groups)).map((one) => ({ ...one, members: [{ memberId: 'm', groupInstanceId: undefined, clientId: 'c', clientHost: 'h', metadata: Buffer.from([0, 3, 255]), assignment: Buffer.from([1]) }] })) } }
  const watch = new GroupWatch({ kafka, clock: new VirtualClock(), groups: cluster.groups })
  expect((await watch.look()).groups[0]?.members).toMatchObject([{ memberId: 'm', tasks: [], partitions: [], address: undefined }])
  expect((await group('trades')).members).toEqual([])
})

test('an end that falls back is another topic', () => {
  const times = new EndTimes()
  times.add(0, 100)
  times.add(1_000, 200)
  expect(times.timeOf(149)).toBe(500)
  expect([times.timeOf(99), times.timeOf(200)]).toEqual([undefined, undefined])
  times.add(2_000, 5)
  expect(times.timeOf(149)).toBeUndefined()
  times.add(3_000, 15)
  expect(times.timeOf(9)).toBe(2_500)
})
