import { expect, test } from 'vitest'
import { ConnectionLostError } from '../ports/broker.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { SourceWatch } from './source-watch.ts'
import { countingTopology } from './testing/counting.ts'
import { ModelKafka } from './testing/model-kafka.ts'

const UNKNOWN_TOPIC = 3

function watched(partitions = 4) {
  const kafka = new ModelKafka()
  const clock = new VirtualClock()
  const errors: Error[] = []
  kafka.metadata.set('in', { topicId: 'first', partitions })
  const watch = new SourceWatch({ client: kafka, clock, topology: countingTopology({ partitions }), failed: (error) => errors.push(error) })
  watch.start()
  return { kafka, clock, watch, messages: () => errors.map(({ message }) => message) }
}

test('a topic that grows is named, with the count before and now, once', async () => {
  const { kafka, clock, messages } = watched()
  await clock.advance(30_000)
  expect(messages()).toEqual([])
  kafka.metadata.set('in', { topicId: 'first', partitions: 6 })
  await clock.advance(1_000)
  await clock.advance(30_000)
  expect(messages()).toEqual([expect.stringMatching(/^input topic in has 6 partitions now, and had 4 .* make the topic anew with 4, or reset the application/)])
})

test('an assignment makes it look at once', async () => {
  const { kafka, clock, watch, messages } = watched()
  await clock.advance(0)
  kafka.metadata.set('in', { topicId: 'first', partitions: 5 })
  watch.assigned()
  await clock.advance(0)
  expect(messages()).toHaveLength(1)
})

test('a topic that was made anew is another one, also with as many partitions', async () => {
  const { kafka, clock, messages } = watched()
  await clock.advance(2_000)
  kafka.metadata.set('in', { topicId: 'second', partitions: 4 })
  await clock.advance(1_000)
  expect(messages()).toEqual([expect.stringContaining('input topic in was deleted and made anew while the application ran, with 4 partitions; it had 4.')])
})

test('a topic counts as deleted when it has been missing for 10 s, and nothing was unknown in between', async () => {
  const { kafka, clock, messages } = watched()
  await clock.advance(1_000)
  kafka.metadata.set('in', { errorCode: UNKNOWN_TOPIC })
  await clock.advance(9_000)
  kafka.metadata.set('in', { topicId: 'first', partitions: 4 })
  await clock.advance(2_000)
  kafka.metadata.set('in', { errorCode: UNKNOWN_TOPIC })
  await clock.advance(9_000)
  const answer = kafka.topics
  kafka.topics = () => Promise.reject(new ConnectionLostError('nobody is there'))
  await clock.advance(2_000)
  kafka.topics = answer
  await clock.advance(10_000)
  expect(messages()).toEqual([])
  await clock.advance(2_000)
  expect(messages()).toEqual([expect.stringContaining('input topic in is not there any more, and had 4 partitions')])
})

test('fewer partitions of the same topic are what a broker says that lags behind; one without a leader says nothing', async () => {
  const { kafka, clock, messages } = watched()
  await clock.advance(1_000)
  kafka.metadata.set('in', { topicId: 'first', partitions: 3 })
  await clock.advance(20_000)
  kafka.metadata.set('in', { errorCode: 5 })
  await clock.advance(20_000)
  expect(messages()).toEqual([])
})

test('stopped, it asks no more', async () => {
  const { kafka, clock, watch, messages } = watched()
  await clock.advance(1_000)
  watch.stop()
  kafka.metadata.set('in', { topicId: 'first', partitions: 9 })
  watch.assigned()
  await clock.advance(20_000)
  expect(messages()).toEqual([])
})
