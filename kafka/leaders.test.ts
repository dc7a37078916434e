import { expect, test } from 'vitest'
import { systemRandom } from '../ports/system-random.ts'
import { ScriptedBroker } from '../test/support/scripted-broker.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { Leaders } from './leaders.ts'

const LIMITS = { deadlineMs: 10_000, signal: new AbortController().signal }

function setUp() {
  const clock = new VirtualClock()
  const broker = new ScriptedBroker()
  return { clock, broker, leaders: new Leaders({ clock, broker, random: systemRandom }) }
}

test('refreshes that are asked for while one is under way share the next one, which was sent after all of them', async () => {
  const { clock, broker, leaders } = setUp()
  void leaders.refresh(['a'])
  void leaders.refresh(['b'])
  void leaders.refresh(['c'])
  expect(broker.count('metadata')).toBe(1)
  broker.next('metadata').answer({ clusterId: '', controller: 1, nodes: [], topics: [] })
  await clock.settle()
  expect(broker.log.map(({ args }) => args[0])).toEqual([['a'], ['b', 'c']])
})

test('a broker that lags behind does not take back a newer leader, a topic made anew does', async () => {
  const { broker, leaders } = setUp()
  broker.lead({ a: { leaders: [2], leaderEpoch: 5 } })
  await leaders.refresh(['a'])
  broker.lead({ a: { leaders: [1], leaderEpoch: 4 } })
  await leaders.refresh(['a'])
  expect(leaders.leaderOf('a', 0)).toMatchObject({ node: 2, leaderEpoch: 5 })
  broker.lead({ a: { leaders: [1], leaderEpoch: 0, topicId: 'another' } })
  await leaders.refresh(['a'])
  expect(leaders.leaderOf('a', 0)).toEqual({ node: 1, leaderEpoch: 0, topicId: 'another' })
})

test('find waits for an election, and says at the deadline what is missing', async () => {
  const { clock, broker, leaders } = setUp()
  broker.lead({ a: { leaders: [undefined] } })
  const found = leaders.find([{ topic: 'a', partition: 0 }], LIMITS)
  await clock.advance(3_000)
  broker.lead({ a: { leaders: [3], leaderEpoch: 1 } })
  await clock.advance(1_100)
  expect(await found).toMatchObject([{ node: 3 }])
  const missing = expect(leaders.find([{ topic: 'b', partition: 0 }], LIMITS)).rejects.toThrow('b-0 was asked for: create topic b')
  await clock.advance(12_000)
  await missing
})

test('topics come from the cache until they are old or were incomplete', async () => {
  const { clock, broker, leaders } = setUp()
  broker.lead({ a: { leaders: [1] }, b: { leaders: [undefined] } })
  await leaders.topics(['a', 'b'], LIMITS)
  await leaders.topics(['a'], LIMITS)
  expect(broker.count('metadata')).toBe(1)
  await leaders.topics(['a', 'b', 'c'], LIMITS)
  expect(broker.log.at(-1)?.args[0]).toEqual(['b', 'c'])
  await leaders.topics(['a'], { ...LIMITS, maxAgeMs: 5_000 })
  expect(broker.count('metadata')).toBe(2)
  await clock.advance(5_001)
  await leaders.topics(['a'], { ...LIMITS, maxAgeMs: 5_000 })
  expect(broker.count('metadata')).toBe(3)
  await clock.advance(61_000)
  const [topic, absent] = await leaders.topics(['a', 'c'], LIMITS)
  expect(broker.log.at(-1)?.args[0]).toEqual(['a', 'c'])
  expect([topic?.errorCode, absent?.errorCode]).toEqual([0, 3])
})
