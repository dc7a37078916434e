import { expect, test } from 'vitest'
import { ConnectionLostError, type TopicMetadata } from '../ports/broker.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { inputPartitions } from './input-partitions.ts'

const NEVER = new Promise<never>(() => {})
const topicOf = (count: number, errorCode = 0): TopicMetadata[] => [
  { name: 'in', topicId: '', errorCode, internal: false, partitions: Array.from({ length: count }, (_, partition) => ({ partition, errorCode: 0, leader: 1, leaderEpoch: 0, replicas: [1], inSyncReplicas: [1] })) },
]

/** A topic whose metadata a test sets, and how often it was asked for. */
function asked(clock = new VirtualClock()) {
  const at = { clock, asks: 0, answer: (): Promise<TopicMetadata[]> => Promise.resolve(topicOf(12)) }
  const partitions = inputPartitions({
    kafka: {
      topics: () => {
        at.asks++
        return at.answer()
      },
    },
    topic: 'in',
    clock,
  })
  return { at, partitions }
}

test('the count is asked for once, and known from then on, whatever becomes of Kafka', async () => {
  const { at, partitions } = asked()
  expect(await Promise.all([partitions(), partitions()])).toEqual([12, 12])
  at.answer = () => NEVER
  await at.clock.advance(3_600_000)
  expect([await partitions(), at.asks]).toEqual([12, 1])
})

test('before it is known: a second at most, then 503; the question under way is shared, and its answer counts when it comes', async () => {
  const { at, partitions } = asked()
  const coming = Promise.withResolvers<TopicMetadata[]>()
  at.answer = () => coming.promise
  const answers = [partitions(), partitions()].map((answer) => answer.catch((error: unknown) => error))
  await at.clock.advance(1_000)
  for (const answer of answers) expect(await answer).toMatchObject({ options: { status: 503, name: 'kafka-away', retryAfterS: 1 } })
  coming.resolve(topicOf(3))
  await at.clock.settle()
  expect([await partitions(), at.asks]).toEqual([3, 1])
})

test('a lost connection, and a topic that is not there, are 503, and asked for again', async () => {
  const { at, partitions } = asked()
  at.answer = () => Promise.reject(new ConnectionLostError('refused'))
  await expect(partitions()).rejects.toMatchObject({ options: { status: 503, name: 'kafka-away' } })
  for (const answer of [topicOf(0, 3), topicOf(0), []]) {
    at.answer = async () => answer
    await expect(partitions()).rejects.toMatchObject({ options: { status: 503, name: 'kafka-away', detail: expect.stringContaining('topic in is not there') } })
  }
  at.answer = async () => topicOf(4)
  expect(await partitions()).toBe(4)
})
