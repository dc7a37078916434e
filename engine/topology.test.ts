import { expect, test } from 'vitest'
import { string } from '../serdes/string.ts'
import { ApplicationTopology, changelogTopic } from './application-topology.ts'
import { describeTopology } from './describe-topology.ts'
import { StreamsBuilder } from './dsl/streams-builder.ts'
import { decodePartitionTime, encodePartitionTime } from './partition-time.ts'
import { Topology } from './topology.ts'

const TEXT = { key: string, value: string }
const nothing = () => ({ process() {} })

/** Two parts: `a` with a store that two processors share, though no edge joins them, and `c`. */
function twoParts(): Topology {
  const builder = new StreamsBuilder().store({ name: 'shared' })
  builder.stream('a', TEXT).process('one', nothing, { stores: ['shared'] })
  builder.stream('b', TEXT).process('two', nothing, { stores: ['shared'] })
  builder.stream('c', TEXT).to('d', TEXT)
  return builder.build()
}

test('described as Kafka Streams describes it, for its visualisers', () => {
  expect(describeTopology(twoParts())).toBe(`Topologies:
   Sub-topology: 0
    Source: source-0000 (topics: [a])
      --> one
    Processor: one (stores: [shared])
      --> none
      <-- source-0000
    Source: source-0001 (topics: [b])
      --> two
    Processor: two (stores: [shared])
      --> none
      <-- source-0001

   Sub-topology: 1
    Source: source-0002 (topics: [c])
      --> sink-0003
    Sink: sink-0003 (topic: d)
      <-- source-0002
`)
})

test('a part has as many tasks as its largest source topic has partitions', () => {
  const application = new ApplicationTopology('app', twoParts(), new Map([['a', 2], ['b', 3], ['c', 1], ['d', 9]]))
  expect(application.taskIds).toEqual(['0_0', '0_1', '0_2', '1_0'])
  expect(application.partitionsOf('0_1')).toEqual([{ topic: 'a', partition: 1 }, { topic: 'b', partition: 1 }])
  expect(application.partitionsOf('0_2')).toEqual([{ topic: 'b', partition: 2 }])
  expect(application.partitionCounts.get(changelogTopic('app', 'shared'))).toBe(3)
  expect(() => application.locate('7_0')).toThrow(/task 7_0 is not of this topology/)
})

test('topics without partitions are named, all of them', () => {
  expect(() => new ApplicationTopology('app', twoParts(), new Map([['a', 2], ['c', 0]]))).toThrow(/topics b, c, d of application app have no partitions/)
})

test('the hash is the same for the same program, and another for another shape', () => {
  const counts = new Map([['a', 2], ['b', 3], ['c', 1], ['d', 9]])
  const hash = new ApplicationTopology('app', twoParts(), counts).topologyHash
  expect(new ApplicationTopology('app', twoParts(), counts).topologyHash).toBe(hash)
  expect(new ApplicationTopology('app', twoParts(), new Map(counts).set('a', 3)).topologyHash).not.toBe(hash)
})

test.each([
  ['a node name twice', (it: Topology) => it.addSink({ name: 's', topic: 't', parents: [{ node: 's', output: 'out' }], ...TEXT }), /node s exists already/],
  ['a topic read twice', (it: Topology) => it.addSource({ name: 'again', topic: 'in', ...TEXT }), /topic in is read by source s already/],
  ['an unknown store', (it: Topology) => it.addProcessor({ name: 'p', supplier: nothing, parents: [{ node: 's', output: 'out' }], stores: ['x'] }), /uses store x, which does not exist.*known: none/],
  ['an unknown parent', (it: Topology) => it.addSink({ name: 'k', topic: 't', parents: [{ node: 'x', output: 'out' }], ...TEXT }), /hangs below x, which does not exist/],
  ['no parent', (it: Topology) => it.addSink({ name: 'k', topic: 't', parents: [], ...TEXT }), /node k has no parent/],
])('a mistake in how it is put together is named: %s', (_, add, message) => {
  expect(() => add(new Topology().addSource({ name: 's', topic: 'in', ...TEXT }))).toThrow(message)
})

test('partition time survives the way through the metadata of an offset; what others wrote there is none', () => {
  expect(decodePartitionTime(encodePartitionTime(1_700_000_000_000))).toBe(1_700_000_000_000)
  expect(decodePartitionTime(encodePartitionTime(-1))).toBe(-1)
  for (const foreign of ['', 'x', 't=', 't=-1', 't=12x', `t=${'9'.repeat(16)}`]) expect(decodePartitionTime(foreign)).toBe(-1)
})
