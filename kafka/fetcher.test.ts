import { expect, test } from 'vitest'
import type { FetcherOptions } from '../ports/kafka-client.ts'
import { systemRandom } from '../ports/system-random.ts'
import { bareBatch, fetched, fetchResponse } from '../test/support/fetched.ts'
import { ScriptedBroker } from '../test/support/scripted-broker.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { LeaderFetcher } from './fetcher.ts'
import { Leaders } from './leaders.ts'

const P0 = { topic: 'trades', partition: 0 }
const P1 = { topic: 'trades', partition: 1 }

function setUp(options: Partial<FetcherOptions> = {}, leaders: readonly (number | undefined)[] = [1, 1]) {
  const clock = new VirtualClock()
  const broker = new ScriptedBroker()
  broker.lead({ trades: { leaders } })
  const context = { clock, random: systemRandom, broker }
  const fetcher = new LeaderFetcher({ ...context, leaders: new Leaders(context) }, { readCommitted: true, ...options })
  const asked = (at = -1) => broker.sent('fetch', at)
  const offsets = (at = -1) => Object.fromEntries(asked(at)[1].partitions.map(({ partition, fetchOffset }) => [partition, fetchOffset]))
  return { clock, broker, fetcher, asked, offsets }
}

test('partitions that are assigned one after the other go into one fetch, at once', async () => {
  const { clock, broker, fetcher, asked } = setUp()
  fetcher.assign(P0, { offset: 7, leaderEpoch: 3 })
  fetcher.assign(P1, { offset: 9, leaderEpoch: undefined })
  await clock.settle()
  expect(broker.count('fetch')).toBe(1)
  expect(asked()[1].partitions).toMatchObject([
    { partition: 0, fetchOffset: 7, lastFetchedEpoch: 3, currentLeaderEpoch: 0, topicId: 'id of trades' },
    { partition: 1, fetchOffset: 9, lastFetchedEpoch: -1 },
  ])
})

test('the next fetch is sent before the answer is taken, from behind its last batch, and no more than one answer ahead', async () => {
  const { clock, broker, fetcher, offsets } = setUp()
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  await clock.settle()
  // the second batch is a marker or compacted: only its last offset counts
  const bytes = Buffer.concat([bareBatch({ baseOffset: 0, records: 5 }), bareBatch({ baseOffset: 40, records: 1, leaderEpoch: 2 })])
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { bytes })))
  await clock.settle()
  expect(offsets()).toEqual({ 0: 41 })
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { bytes: bareBatch({ baseOffset: 41, records: 1 }) })))
  await clock.advance(5_000)
  expect(broker.count('fetch')).toBe(2)
  expect(fetcher.take()).toMatchObject({ kind: 'chunk', fetchOffset: 0, nextOffset: 41, leaderEpoch: 2, end: bytes.length })
  await clock.settle()
  expect(offsets()).toEqual({ 0: 42 })
  expect(fetcher.take()).toMatchObject({ fetchOffset: 41, nextOffset: 42 })
  expect(fetcher.take()).toBeUndefined()
})

test('a batch that is cut at the end is left to the next fetch', async () => {
  const { clock, broker, fetcher, offsets } = setUp()
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  await clock.settle()
  const whole = bareBatch({ baseOffset: 0, records: 3 })
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { bytes: Buffer.concat([whole, bareBatch({ baseOffset: 3, records: 9 }).subarray(0, 65)]) })))
  await clock.settle()
  expect(fetcher.take()).toMatchObject({ nextOffset: 3, end: whole.length })
  expect(offsets()).toEqual({ 0: 3 })
})

test('what was fetched before a partition was removed, or set elsewhere, is dropped, arrived or not', async () => {
  const { clock, broker, fetcher, offsets } = setUp()
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  fetcher.assign(P1, { offset: 0, leaderEpoch: undefined })
  await clock.settle()
  broker
    .next('fetch')
    .answer(
      fetchResponse(
        fetched('trades', 0, { bytes: bareBatch({ baseOffset: 0, records: 5 }) }),
        fetched('trades', 1, { bytes: bareBatch({ baseOffset: 0, records: 5 }) }),
      ),
    )
  await clock.settle()
  fetcher.remove(P0)
  fetcher.pause(P1)
  fetcher.assign(P1, { offset: 100, leaderEpoch: undefined })
  expect(fetcher.take()).toBeUndefined()
  const stale = fetched('trades', 1, { bytes: bareBatch({ baseOffset: 5, records: 5 }) })
  broker.next('fetch').answer(fetchResponse(stale, fetched('trades', 0, { bytes: bareBatch({ baseOffset: 5, records: 5 }) })))
  await clock.settle()
  expect(fetcher.take()).toBeUndefined()
  expect(offsets()).toEqual({ 1: 100 })
})

test('a paused partition is not fetched, and what has arrived for it is handed out', async () => {
  const { clock, broker, fetcher, offsets, asked } = setUp()
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  fetcher.assign(P1, { offset: 0, leaderEpoch: undefined })
  await clock.settle()
  fetcher.pause(P0)
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { bytes: bareBatch({ baseOffset: 0, records: 2 }) }), fetched('trades', 1)))
  await clock.settle()
  expect(fetcher.take()).toMatchObject({ partition: 0, nextOffset: 2 })
  expect(offsets()).toEqual({ 1: 0 })
  // the poll without it must end soon: it may be resumed any moment
  expect(asked()[1].maxWaitMs).toBe(25)
  fetcher.resume(P0)
  broker.next('fetch').answer(fetchResponse(fetched('trades', 1)))
  await clock.advance(30)
  expect(offsets()).toEqual({ 0: 2, 1: 0 })
})

test('the order of partitions rotates, and a quiet fetcher waits the whole long poll', async () => {
  const { clock, broker, fetcher, asked } = setUp()
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  fetcher.assign(P1, { offset: 0, leaderEpoch: undefined })
  await clock.advance(2_000)
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0), fetched('trades', 1)))
  await clock.settle()
  expect([asked(-2), asked(-1)].map(([, { partitions }]) => partitions.map(({ partition }) => partition))).toEqual([
    [0, 1],
    [1, 0],
  ])
  expect(asked()[1].maxWaitMs).toBe(500)
})

test('answers that bring nothing before their time do not become a busy loop', async () => {
  const { clock, broker, fetcher } = setUp()
  broker.script.fetch = () => fetchResponse(fetched('trades', 0))
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  await clock.advance(10_000)
  expect(broker.count('fetch')).toBeGreaterThan(5)
  expect(broker.count('fetch')).toBeLessThan(40)
})

test('a leader that moved is asked for, and the chunks of both leaders come in order', async () => {
  const { clock, broker, fetcher, asked } = setUp()
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  await clock.settle()
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { bytes: bareBatch({ baseOffset: 0, records: 1 }) })))
  await clock.settle()
  broker.lead({ trades: { leaders: [2, 2], leaderEpoch: 1 } })
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { errorCode: 6 })))
  await clock.advance(100)
  expect(asked()).toMatchObject([2, { partitions: [{ fetchOffset: 1, currentLeaderEpoch: 1 }] }])
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { bytes: bareBatch({ baseOffset: 1, records: 1 }) })))
  await clock.settle()
  expect([fetcher.take(), fetcher.take()]).toMatchObject([{ fetchOffset: 0 }, { fetchOffset: 1 }])
})

test('a broker that is away for minutes is asked at growing intervals, for ever', async () => {
  const { clock, broker, fetcher, offsets } = setUp()
  fetcher.assign(P0, { offset: 5, leaderEpoch: undefined })
  for (let second = 0; second < 180; second++) {
    if (broker.waiting('fetch') > 0) broker.next('fetch').lose()
    await clock.advance(1_000)
  }
  expect(broker.count('fetch')).toBeGreaterThan(80)
  expect(offsets()).toEqual({ 0: 5 })
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { bytes: bareBatch({ baseOffset: 5, records: 1 }) })))
  await clock.settle()
  expect(fetcher.take()).toMatchObject({ fetchOffset: 5, nextOffset: 6 })
})

test.each([
  ['offset-out-of-range', { errorCode: 1 }],
  ['not-authorised', { errorCode: 29 }],
  ['diverged', { divergingEpoch: { epoch: 2, endOffset: 4 } }],
  ['corrupt', { bytes: Buffer.alloc(80) }],
] as const)('%s stops the partition until it is assigned again', async (reason, answer) => {
  const { clock, broker, fetcher } = setUp()
  fetcher.assign(P0, { offset: 5, leaderEpoch: 2 })
  await clock.settle()
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, answer)))
  await clock.advance(5_000)
  expect(fetcher.take()).toMatchObject({ kind: 'failure', reason, partition: 0 })
  expect(broker.count('fetch')).toBe(1)
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  await clock.settle()
  expect(broker.count('fetch')).toBe(2)
})

test('a topic that was made anew is told from one whose leader moved by its id', async () => {
  const { clock, broker, fetcher } = setUp()
  fetcher.assign(P0, { offset: 5, leaderEpoch: undefined })
  await clock.settle()
  broker.lead({ trades: { leaders: [1, 1], topicId: 'another' } })
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { errorCode: 100 })))
  await clock.advance(100)
  expect(fetcher.take()).toMatchObject({ kind: 'failure', reason: 'topic-recreated' })
})

test('a topic that is not there counts as missing only after a while', async () => {
  const { clock, broker, fetcher } = setUp()
  broker.lead({})
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  await clock.advance(5_000)
  expect(fetcher.take()).toBeUndefined()
  await clock.advance(10_000)
  expect(fetcher.take()).toMatchObject({ kind: 'failure', reason: 'topic-missing' })
})

test('ready resolves with a chunk, and with wake', async () => {
  const { clock, broker, fetcher } = setUp()
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  let readied = 0
  void fetcher.ready().then(() => readied++)
  await clock.settle()
  expect(readied).toBe(0)
  fetcher.wake()
  await clock.settle()
  expect(readied).toBe(1)
  void fetcher.ready().then(() => readied++)
  broker.next('fetch').answer(fetchResponse(fetched('trades', 0, { bytes: bareBatch({ baseOffset: 0, records: 1 }) })))
  await clock.settle()
  expect(readied).toBe(2)
})

test('leaders of two nodes are polled side by side', async () => {
  const { clock, broker, fetcher } = setUp({}, [1, 2])
  fetcher.assign(P0, { offset: 0, leaderEpoch: undefined })
  fetcher.assign(P1, { offset: 0, leaderEpoch: undefined })
  await clock.settle()
  expect(broker.log.filter(({ api }) => api === 'fetch').map(({ args }) => args[0])).toEqual([1, 2])
})
