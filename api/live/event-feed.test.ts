import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { LiveCluster } from '../testing/live-cluster.ts'
import { EventFeed } from './event-feed.ts'
import type { EventStream } from './event-stream.ts'
import type { EventFilter } from './feed-event.ts'

const { audit, processed } = TRADE_TOPICS
const open: EventFeed[] = []

afterEach(() => {
  for (const feed of open.splice(0)) feed.close()
})

function setUp(options: { books?: Record<string, string>; ask?: (tradeId: string) => Promise<string | undefined> } = {}) {
  const clock = new VirtualClock()
  const cluster = new LiveCluster()
  const asked: string[] = []
  const bookOf = async (tradeId: string) => {
    asked.push(tradeId)
    return options.ask === undefined ? options.books?.[tradeId] : options.ask(tradeId)
  }
  const feed = new EventFeed({ kafka: cluster.kafka, clock, topics: TRADE_TOPICS, bookOf })
  open.push(feed)
  return { clock, cluster, feed, asked }
}

const everything: EventFilter = { tradeIds: new Set(), books: new Set(), outcomes: new Set() }
const only = (filter: Partial<Record<keyof EventFilter, readonly string[]>>): EventFilter => ({ ...everything, ...Object.fromEntries(Object.entries(filter).map(([name, values]) => [name, new Set(values)])) })

interface Heard {
  readonly event: string
  readonly id: string | undefined
  readonly data: string
}

/** As a browser reads it. */
function hear(stream: EventStream): { readonly events: Heard[]; readonly text: () => string } {
  const events: Heard[] = []
  let text = ''
  let rest = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    const frames = (rest + chunk).split('\n\n')
    rest = frames.pop() ?? ''
    for (const frame of frames) {
      const fields = frame.split('\n').map((line) => line.split(/: ?(.*)/s))
      const valueOf = (name: string) => fields.filter(([field]) => field === name).map(([, value = '']) => value)
      const [event] = valueOf('event')
      if (event !== undefined) events.push({ event, id: valueOf('id')[0], data: valueOf('data').join('\n') })
    }
  })
  return { events, text: () => text }
}

const dataOf = ({ data }: Heard) => JSON.parse(data)
const outcomes = (events: readonly Heard[]) => events.map((event) => (event.event === 'dropped' ? `dropped ${dataOf(event).count}` : `${dataOf(event).trade_id} ${dataOf(event).outcome ?? event.event}`))

test('what is committed is heard by all that listen, as it was written; what is not committed by nobody', async () => {
  const { clock, cluster, feed } = setUp()
  cluster.audit(0, clock.now(), { trade_id: 'BEFORE', outcome: 'CREATED' })
  const [one, other] = [hear(feed.listen(everything)), hear(feed.listen(everything))]
  await clock.settle()
  cluster.write(audit, 1, { key: 'T1', value: '{"trade_id":"T1","outcome":"CREATED","n":1.10}', timestamp: clock.now() - 7 })
  cluster.write(processed, 1, { key: 'T1', value: '{"trade_id":"T1",\r\n "n":12345678901234567890.10}', timestamp: 1 }, { key: 'T"2', timestamp: 1 })
  cluster.model.log(audit, 0).writeOpen([{ key: 'T3', value: '{"trade_id":"T3","outcome":"CREATED"}' }], 5)
  cluster.model.changed()
  await clock.settle()
  expect(one.events).toEqual(other.events)
  expect(one.events.map(({ event }) => event).toSorted()).toEqual(['audit', 'state', 'state'])
  expect(one.events.find(({ event }) => event === 'audit')?.data).toBe('{"trade_id":"T1","outcome":"CREATED","n":1.10,"e2e_ms":7}')
  const states = one.events.filter(({ event }) => event === 'state')
  expect(states[0]?.data).toContain('12345678901234567890.10')
  expect(states.map(dataOf)).toEqual([
    { trade_id: 'T1', deleted: false, trade: { trade_id: 'T1', n: expect.any(Number) } },
    { trade_id: 'T"2', deleted: true, trade: null },
  ])
  cluster.model.log(audit, 0).endTransaction(5, true)
  cluster.model.changed()
  await clock.settle()
  expect(outcomes(one.events).at(-1)).toBe('T3 CREATED')
})

test('a consumer runs only while somebody listens', async () => {
  const { clock, cluster, feed } = setUp()
  expect(cluster.model.openFetchers).toBe(0)
  const [one, other] = [feed.listen(everything), feed.listen(everything)]
  await clock.settle()
  expect([cluster.model.openFetchers, feed.listeners]).toEqual([1, 2])
  one.destroy()
  await clock.settle()
  expect(cluster.model.openFetchers).toBe(1)
  other.destroy()
  await clock.settle()
  expect([cluster.model.openFetchers, feed.listeners]).toEqual([0, 0])
  const again = hear(feed.listen(everything))
  await clock.settle()
  cluster.audit(0, clock.now(), { trade_id: 'T1', outcome: 'CREATED' })
  await clock.settle()
  expect(outcomes(again.events)).toEqual(['T1 CREATED'])
})

test('filters: by trade, by outcome, by both', async () => {
  const { clock, cluster, feed } = setUp()
  const heard = [{ tradeIds: ['T1', 'T2'] }, { outcomes: ['UPDATED'] }, { tradeIds: ['T1'], outcomes: ['UPDATED'] }].map((filter) => hear(feed.listen(only(filter))))
  await clock.settle()
  for (const [trade_id, outcome] of [['T1', 'CREATED'], ['T2', 'UPDATED'], ['T3', 'UPDATED'], ['T1', 'UPDATED']] as const) cluster.audit(0, clock.now(), { trade_id, outcome })
  cluster.write(processed, 0, { key: 'T1', value: '{"trade_id":"T1"}', timestamp: 1 })
  await clock.settle()
  expect(heard.map(({ events }) => outcomes(events).toSorted())).toEqual([
    ['T1 CREATED', 'T1 UPDATED', 'T1 state', 'T2 UPDATED'],
    ['T1 UPDATED', 'T2 UPDATED', 'T3 UPDATED'],
    ['T1 UPDATED'],
  ])
})

test('a book: the state says it, for audit entries it is remembered, or asked for once', async () => {
  const { clock, cluster, feed, asked } = setUp({ books: { T1: 'B1', T2: 'B2' } })
  const { events } = hear(feed.listen(only({ books: ['B1'] })))
  await clock.settle()
  for (const trade_id of ['T1', 'T2', 'T1', 'T9']) cluster.audit(0, clock.now(), { trade_id, outcome: 'DUPLICATE' })
  await clock.settle()
  cluster.write(processed, 0, { key: 'T5', value: '{"trade_id":"T5","book_id":"B1"}', timestamp: 1 }, { key: 'T6', value: '{"trade_id":"T6","book_id":"B6"}', timestamp: 1 })
  await clock.settle()
  cluster.audit(0, clock.now(), { trade_id: 'T5', outcome: 'CREATED' })
  cluster.audit(0, clock.now(), { trade_id: 'T6', outcome: 'CREATED' })
  await clock.settle()
  expect(outcomes(events)).toEqual(['T1 DUPLICATE', 'T1 DUPLICATE', 'T5 state', 'T5 CREATED'])
  expect(asked).toEqual(['T1', 'T2', 'T9'])
})

test('an event whose book cannot be found out is dropped for those who filter by book, and they are told', async () => {
  let answered = (_book: string | undefined) => {}
  const held = new Promise<string | undefined>((resolve) => (answered = resolve))
  const { clock, cluster, feed } = setUp({ ask: (tradeId) => (tradeId === 'AWAY' ? Promise.reject(new Error('no owner')) : held) })
  const [own, all] = [hear(feed.listen(only({ books: ['B1'] }))), hear(feed.listen(everything))]
  await clock.settle()
  for (let n = 0; n < 507; n++) cluster.audit(0, clock.now(), { trade_id: `T${n}`, outcome: 'CREATED' })
  await clock.settle()
  answered('B1')
  await clock.settle()
  cluster.audit(0, clock.now(), { trade_id: 'AWAY', outcome: 'CREATED' })
  await clock.settle()
  const heard = outcomes(own.events)
  expect(heard.filter((text) => text.endsWith('CREATED')).length).toBe(500)
  expect(heard.filter((text) => text.startsWith('dropped'))).toEqual(['dropped 7', 'dropped 1'])
  expect(all.events.length).toBe(508)
})

test('who comes back gets what he missed, once, and then what is live; latencies of earlier are nobody\'s', async () => {
  const { clock, cluster, feed } = setUp()
  const first = feed.listen(everything)
  const before = hear(first)
  await clock.settle()
  for (const n of [1, 2, 3]) cluster.audit(n % 2, clock.now(), { trade_id: `A${n}`, outcome: 'CREATED' })
  await clock.settle()
  const seen = before.events[1]
  first.destroy()
  for (const n of [1, 2]) cluster.audit(n % 2, clock.now(), { trade_id: `B${n}`, outcome: 'CREATED' })
  await clock.settle()
  const after = feed.positionOf(seen?.id ?? '')
  const again = hear(feed.listen(everything, after))
  await clock.settle()
  cluster.audit(0, clock.now(), { trade_id: 'C1', outcome: 'CREATED' })
  await clock.settle()
  const missed = before.events.slice(2).map((event) => dataOf(event).trade_id)
  expect(again.events.map((event) => dataOf(event).trade_id).toSorted()).toEqual([...missed, 'B1', 'B2', 'C1'].toSorted())
  expect(again.events.map((event) => dataOf(event).e2e_ms)).toEqual([null, null, null, 0])
  // Beside others that listen already, and from where it stands now.
  const last = again.events.at(-1)?.id ?? ''
  cluster.audit(1, clock.now(), { trade_id: 'D1', outcome: 'CREATED' })
  await clock.settle()
  const beside = hear(feed.listen(everything, feed.positionOf(last)))
  cluster.audit(1, clock.now(), { trade_id: 'E1', outcome: 'CREATED' })
  await clock.settle()
  expect(outcomes(beside.events)).toEqual(['D1 CREATED', 'E1 CREATED'])
  expect(outcomes(again.events).slice(-2)).toEqual(['D1 CREATED', 'E1 CREATED'])
})

test('who reads too slowly loses the oldest, is told how many, and holds nobody up', async () => {
  const { clock, cluster, feed } = setUp()
  const slow = feed.listen(everything)
  const fast = hear(feed.listen(everything))
  await clock.settle()
  for (let n = 0; n < 5_000; n++) cluster.audit(0, clock.now(), { trade_id: `T${n}`, outcome: 'CREATED' })
  await clock.settle()
  expect(fast.events.length).toBe(5_000)
  const late = hear(slow)
  await clock.settle()
  const told = late.events.filter(({ event }) => event === 'dropped').map((event) => dataOf(event).count)
  const heard = late.events.filter(({ event }) => event === 'audit').map((event) => dataOf(event).trade_id)
  expect(told.length).toBe(1)
  expect(told[0] + heard.length).toBe(5_000)
  expect(heard.length).toBeLessThan(2_000)
  expect(heard.at(-1)).toBe('T4999')
  expect(late.events.findIndex(({ event }) => event === 'dropped')).toBeGreaterThan(0)
})

test('a comment every 15 s keeps the connection, and moves the place to come back to', async () => {
  const { clock, cluster, feed } = setUp()
  const listener = hear(feed.listen(only({ tradeIds: ['NONE'] })))
  await clock.settle()
  expect(listener.text()).toBe('retry: 2000\n\n')
  cluster.audit(0, clock.now(), { trade_id: 'T1', outcome: 'CREATED' })
  await clock.advance(15_000)
  const beat = /^retry: 2000\n\n: \nid: (\S+)\n\n$/.exec(listener.text())
  expect(feed.positionOf(beat?.[1] ?? '')?.offset(audit, 0)).toBe(1)
  await clock.advance(15_000)
  expect(listener.text().match(/^: $/gm)?.length).toBe(2)
})

test('what is too far back, or gone, is not replayed, and told', async () => {
  const { clock, cluster, feed } = setUp()
  for (let n = 0; n < 10; n++) cluster.audit(0, clock.now(), { trade_id: `T${n}`, outcome: 'CREATED' })
  cluster.model.log(audit, 0).deleteBefore(6)
  const { events } = hear(feed.listen(everything, feed.positionOf('2.0~0.0')))
  await clock.settle()
  expect(outcomes(events).toSorted()).toEqual(['T6 CREATED', 'T7 CREATED', 'T8 CREATED', 'T9 CREATED', 'dropped 4'])
})

test('a position that does not fit the topics begins with now', async () => {
  const { clock, cluster, feed } = setUp()
  cluster.audit(0, clock.now(), { trade_id: 'T0', outcome: 'CREATED' })
  const { events } = hear(feed.listen(everything, feed.positionOf('zz.zz.zz~zz')))
  await clock.settle()
  cluster.audit(0, clock.now(), { trade_id: 'T1', outcome: 'CREATED' })
  await clock.settle()
  expect(outcomes(events)).toEqual(['T1 CREATED'])
})

/** Fetchers that are opened from now on, by number, hand out nothing until they are let go. */
function hold(cluster: LiveCluster, isHeld: (n: number) => boolean): () => void {
  const open = cluster.model.fetcher.bind(cluster.model)
  let count = 0
  let isOver = false
  cluster.model.fetcher = (options) => {
    const fetcher = open(options)
    const take = fetcher.take.bind(fetcher)
    if (isHeld(count++)) fetcher.take = () => (isOver ? take() : undefined)
    return fetcher
  }
  return () => {
    isOver = true
    cluster.model.changed()
  }
}

async function settled(clock: VirtualClock): Promise<void> {
  for (let n = 0; n < 200; n++) await clock.settle()
}

test('where it cannot be read what was missed, the connection ends, and nothing is passed over untold', async () => {
  const { clock, cluster, feed } = setUp()
  const all = hear(feed.listen(everything))
  await clock.settle()
  cluster.audit(0, clock.now(), { trade_id: 'T0', outcome: 'CREATED' })
  await clock.settle()
  let isAway = true
  cluster.ask = async () => {
    if (isAway) throw new Error('no broker')
  }
  const id = feed.positionOf('0.0~0.0')
  const stream = feed.listen(everything, id)
  const { events } = hear(stream)
  await clock.settle()
  cluster.audit(0, clock.now(), { trade_id: 'T1', outcome: 'CREATED' })
  await clock.settle()
  expect([stream.destroyed, events, outcomes(all.events)]).toEqual([true, [], ['T0 CREATED', 'T1 CREATED']])
  isAway = false
  const again = hear(feed.listen(everything, id))
  await settled(clock)
  expect(outcomes(again.events)).toEqual(['T0 CREATED', 'T1 CREATED'])
})

test('what retention takes away while it is replayed is told, the rest is replayed', async () => {
  const { clock, cluster, feed } = setUp()
  for (let n = 0; n < 20; n++) cluster.audit(n % 2, clock.now(), { trade_id: `T${n}`, outcome: 'CREATED' })
  feed.listen(everything).resume()
  await clock.settle()
  const release = hold(cluster, (n) => n === 0)
  const { events } = hear(feed.listen(everything, feed.positionOf('0.0~0.0')))
  await clock.settle()
  cluster.model.log(audit, 0).deleteBefore(6)
  release()
  await settled(clock)
  cluster.audit(0, clock.now(), { trade_id: 'LIVE', outcome: 'CREATED' })
  await settled(clock)
  const heard = outcomes(events)
  expect(heard.toSorted()).toEqual(['dropped 6', 'LIVE CREATED', ...[1, 3, 5, 7, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((n) => `T${n} CREATED`)].toSorted())
  expect(heard.indexOf('dropped 6')).toBeLessThan(heard.indexOf('T12 CREATED'))
})

test('whatever is committed while somebody catches up, he misses none of it', async () => {
  const { clock, cluster, feed } = setUp()
  feed.listen(everything).resume()
  await clock.settle()
  const release = hold(cluster, (n) => n === 0)
  cluster.audit(0, clock.now(), { trade_id: 'T0', outcome: 'CREATED' })
  await clock.settle()
  const { events } = hear(feed.listen(everything, feed.positionOf('0.0~0.0')))
  await clock.settle()
  for (let n = 1; n < 3_000; n++) cluster.audit(n % 2, clock.now(), { trade_id: `T${n}`, outcome: 'CREATED' })
  await clock.settle()
  release()
  await settled(clock)
  cluster.audit(0, clock.now(), { trade_id: 'LIVE', outcome: 'CREATED' })
  await settled(clock)
  expect(events.filter(({ event }) => event === 'dropped')).toEqual([])
  expect(new Set(outcomes(events)).size).toBe(3_001)
  expect(events.length).toBe(3_001)
})

test('at a gateway that is behind nobody gets what he has had, nor an id that lies before it', async () => {
  const { clock, cluster, feed } = setUp()
  const ahead = hear(feed.listen(everything))
  await clock.settle()
  const release = hold(cluster, (n) => n === 0)
  const behind = new EventFeed({ kafka: cluster.kafka, clock, topics: TRADE_TOPICS, bookOf: async () => undefined })
  open.push(behind)
  behind.listen(everything).resume()
  await clock.settle()
  for (const n of [0, 1, 2]) cluster.audit(0, clock.now(), { trade_id: `T${n}`, outcome: 'CREATED' })
  await clock.settle()
  const { events } = hear(behind.listen(everything, behind.positionOf(ahead.events.at(-1)?.id ?? '')))
  await settled(clock)
  cluster.audit(1, clock.now(), { trade_id: 'T3', outcome: 'CREATED' })
  release()
  await settled(clock)
  cluster.audit(0, clock.now(), { trade_id: 'T4', outcome: 'CREATED' })
  await settled(clock)
  expect(outcomes(events)).toEqual(['T3 CREATED', 'T4 CREATED'])
  expect(behind.positionOf(events[0]?.id ?? '')?.offset(audit, 0)).toBe(3)
})

test('live events that retention took away before they were read are told, and it goes on with the oldest that is left', async () => {
  const { clock, cluster, feed } = setUp()
  const release = hold(cluster, (n) => n === 0)
  const { events } = hear(feed.listen(everything))
  await clock.settle()
  for (let n = 0; n < 10; n++) cluster.audit(0, clock.now(), { trade_id: `T${n}`, outcome: 'CREATED' })
  cluster.model.log(audit, 0).deleteBefore(6)
  release()
  await clock.advance(1_000)
  expect(outcomes(events)).toEqual(['dropped 6', ...[6, 7, 8, 9].map((n) => `T${n} CREATED`)])
})

test('four catch up at a time, the others wait; who takes nothing holds them up no longer than a minute', async () => {
  const { clock, cluster, feed } = setUp()
  for (let n = 0; n < 1_000; n++) cluster.audit(0, clock.now(), { trade_id: `T${n}`, outcome: 'CREATED' })
  feed.listen(everything).resume()
  await clock.settle()
  const id = feed.positionOf('0.0~0.0')
  const idle = [0, 1, 2, 3].map(() => feed.listen(everything, id))
  const waiting = [0, 1].map(() => hear(feed.listen(everything, id)))
  await settled(clock)
  expect([cluster.model.openFetchers, waiting.map(({ events }) => events.length)]).toEqual([5, [0, 0]])
  await clock.advance(60_000)
  await settled(clock)
  expect(idle.map(({ destroyed }) => destroyed)).toEqual([true, true, true, true])
  expect(waiting.map(({ events }) => events.length)).toEqual([1_000, 1_000])
})

test.each(['', 'x', '1.2', '1~2~3', '1.-2~3', '1..2~3', '1.2~3 ', '\u0000', `${'z'.repeat(11)}~1`, 'A~B'])('%j is no position', (text) => {
  expect(setUp().feed.positionOf(text)).toBeUndefined()
})

test('Kafka away, or a topic made anew: the listeners stay, and it goes on by itself', async () => {
  const { clock, cluster, feed } = setUp()
  let away = true
  cluster.ask = async () => {
    if (away) throw new Error('no broker')
  }
  const { events } = hear(feed.listen(everything))
  await clock.advance(5_000)
  away = false
  await clock.advance(1_000)
  cluster.audit(0, clock.now(), { trade_id: 'T1', outcome: 'CREATED' })
  await clock.settle()
  cluster.model.log(audit, 1).deleteBefore(5)
  cluster.model.changed()
  await clock.advance(1_000)
  cluster.audit(0, clock.now(), { trade_id: 'T2', outcome: 'CREATED' })
  await clock.settle()
  expect(outcomes(events)).toEqual(['T1 CREATED', 'dropped 5', 'T2 CREATED'])
})
