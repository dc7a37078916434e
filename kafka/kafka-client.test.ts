import { expect, test } from 'vitest'
import { systemRandom } from '../ports/system-random.ts'
import { ScriptedBroker } from '../test/support/scripted-broker.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { BrokerKafkaClient } from './kafka-client.ts'

function setUp() {
  const clock = new VirtualClock()
  const broker = new ScriptedBroker()
  broker.lead({ trades: { leaders: [1, 2] } })
  return { clock, broker, client: new BrokerKafkaClient({ clock, broker, random: systemRandom }) }
}

const P0 = { topic: 'trades', partition: 0 }
const P1 = { topic: 'trades', partition: 1 }

test('committed offsets wait until no open transaction is about to change them', async () => {
  const { clock, broker, client } = setUp()
  const unstable = { errorCode: 0, offsets: [{ ...P0, errorCode: 88, offset: undefined, leaderEpoch: -1, metadata: '' }] }
  const stable = { errorCode: 0, offsets: [{ ...P0, errorCode: 0, offset: 5, leaderEpoch: 0, metadata: 'm' }] }
  const answers = [unstable, { errorCode: 14, offsets: [] }, unstable, stable]
  broker.script.offsetFetch = () => answers.shift()
  const found = client.committedOffsets('group', [P0], { requireStable: true })
  await clock.advance(1_000)
  expect(await found).toEqual(stable.offsets)
  expect(broker.log.at(-1)?.args[1]).toEqual({ groupId: 'group', partitions: [P0], requireStable: true })
})

test('committed offsets of a group that may not be read are refused at once', async () => {
  const { broker, client } = setUp()
  broker.script.offsetFetch = () => ({ errorCode: 30, offsets: [] })
  await expect(client.committedOffsets('group', [P0], { requireStable: true })).rejects.toMatchObject({ scope: 'fatal' })
})

test('offsets are asked of each leader, and again of those that were not', async () => {
  const { clock, broker, client } = setUp()
  let moved = false
  broker.script.listOffsets = (node, { partitions }) =>
    partitions.map(({ topic, partition }) => {
      if (node === 2 && !moved) return { topic, partition, errorCode: 6, offset: -1, timestamp: -1, leaderEpoch: -1 }
      return { topic, partition, errorCode: 0, offset: node * 10 + partition, timestamp: -1, leaderEpoch: 0 }
    })
  const found = client.listOffsets([P1, P0], 'stable')
  await clock.settle()
  moved = true
  broker.lead({ trades: { leaders: [1, 3], leaderEpoch: 1 } })
  await clock.advance(100)
  expect((await found).map(({ partition, offset }) => [partition, offset])).toEqual([
    [1, 31],
    [0, 10],
  ])
  const requests = broker.log.filter(({ api }) => api === 'listOffsets').map(({ args }) => args)
  expect(requests).toMatchObject([
    [2, { readCommitted: true }],
    [1, {}],
    [3, { partitions: [{ timestamp: -1, currentLeaderEpoch: 1 }] }],
  ])
})

test('a timestamp younger than every record means the end', async () => {
  const { broker, client } = setUp()
  broker.script.listOffsets = (_node, { partitions }) =>
    partitions.map(({ topic, partition, timestamp }) => ({ topic, partition, errorCode: 0, offset: timestamp === -1 ? 99 : -1, timestamp: -1, leaderEpoch: 0 }))
  expect(await client.listOffsets([P0], 1_900_000_000_000)).toMatchObject([{ offset: 99 }])
})

test('the end of an epoch is asked of the leader', async () => {
  const { broker, client } = setUp()
  broker.script.offsetForLeaderEpoch = (_node, [asked]) => [{ ...P0, errorCode: 0, leaderEpoch: asked?.leaderEpoch ?? -1, endOffset: 70 }]
  expect(await client.endOfEpoch(P0, 4)).toEqual({ leaderEpoch: 4, endOffset: 70 })
})

test('close ends what waits, and nothing is made after it', async () => {
  const { clock, broker, client } = setUp()
  broker.script.offsetFetch = () => ({ errorCode: 14, offsets: [] })
  const waiting = expect(client.committedOffsets('group', [P0], { requireStable: true })).rejects.toMatchObject({ code: 14 })
  await clock.settle()
  await client.close()
  await waiting
  expect(() => client.fetcher({ readCommitted: true })).toThrow('the Kafka client is closed')
})
