import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { GatewayFixture } from '../testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
await at.server.listen({ host: '127.0.0.1', port: 0 })
afterAll(() => at.server.close())

// It listens on TCP.
const url = `http://127.0.0.1:${(at.server.server.address() as AddressInfo).port}/api/v1`

/** Answers what came, once it has this in it. */
async function readUntil(body: ReadableStream<Uint8Array> | null, wanted: string): Promise<string> {
  if (body === null) throw new Error('no body')
  let text = ''
  const reader = body.getReader()
  while (!text.includes(wanted)) {
    const { done, value } = await reader.read()
    if (done) break
    text += Buffer.from(value).toString()
  }
  await reader.cancel()
  return text
}

test('events come while they happen; who comes back with the last id gets the rest; nobody reads when nobody listens', async () => {
  const answer = await fetch(`${url}/events?trade_id=T1,T2&outcome=CREATED&outcome=UPDATED`)
  expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([200, 'text/event-stream', 'no-store'])
  await at.clock.settle()
  for (const trade_id of ['T9', 'T1', 'T2']) at.cluster.audit(0, at.clock.now(), { trade_id, outcome: 'CREATED' })
  const text = await readUntil(answer.body, 'T2')
  expect(text).toMatch(/^retry: 2000\n\nevent: audit\nid: \S+\ndata: \{"trade_id":"T1",.*\}\n\nevent: audit\n/)
  const id = /id: (\S+)/.exec(text)?.[1] ?? ''
  for (const request of [fetch(`${url}/events`, { headers: { 'last-event-id': id } }), fetch(`${url}/events?last_event_id=${id}`)]) {
    const resumed = await readUntil((await request).body, 'T2')
    expect([resumed.includes('"T2"'), resumed.includes('"T1"')]).toEqual([true, false])
  }
  while (at.live.feed.listeners > 0) await at.clock.settle()
  await at.clock.settle()
  expect(at.cluster.model.openFetchers).toBe(0)
})

test.each(['events?last_event_id=x', 'events?trade_id=', 'events?trade_id=%00', 'events?trade_id[$ne]=x', `events?book=${'x'.repeat(2_001)}`, 'events?nothing=1', `events?${'outcome=a&'.repeat(51)}`, `events?outcome=${'a,'.repeat(101)}`, 'events?last_event_id=1.2~3~4'])(
  'GET /%s is 400',
  async (path) => {
    const answer = await at.server.inject({ url: `/api/v1/${path}` })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'application/problem+json'])
    expect([at.unexpected, at.live.feed.listeners]).toEqual([[], 0])
  },
)

test('a HEAD of the events does not listen', async () => {
  const answer = await at.server.inject({ method: 'HEAD', url: '/api/v1/events' })
  expect([answer.statusCode, answer.headers['allow'], at.live.feed.listeners]).toEqual([405, 'GET', 0])
})

test('an id in a header that is none is named', async () => {
  const answer = await at.server.inject({ url: '/api/v1/events', headers: { 'last-event-id': '\u00e4' } })
  expect([answer.statusCode, answer.json().errors[0].header]).toEqual([400, 'last-event-id'])
})

test('groups, as the contract says', async () => {
  at.cluster.write(TRADE_TOPICS.ingested, 1, { key: 'T1', value: '{}', timestamp: at.clock.now() - 1_500 })
  at.cluster.members.set('trades', [{ instanceId: 'p-0', partitions: [{ topic: TRADE_TOPICS.ingested, partition: 1 }] }])
  const { groups } = (await at.server.inject({ url: '/api/v1/groups' })).json()
  expect(groups.map(({ group, role, state }: Record<string, unknown>) => [group, role, state])).toEqual([
    ['trades', 'processor', 'Stable'],
    ['trades-sink-postgres', 'sink-postgres', 'Empty'],
    ['trades-sink-mongo', 'sink-mongo', 'Empty'],
  ])
  expect(groups[0]).toEqual({
    group: 'trades',
    role: 'processor',
    state: 'Stable',
    lag: 1,
    lag_seconds: 1.5,
    members: [{ member_id: 'p-0-member', client_id: 'tradewind', host: '127.0.0.1', instance_id: 'p-0' }],
    partitions: [
      { topic: TRADE_TOPICS.ingested, partition: 0, committed_offset: null, end_offset: 0, lag: 0, lag_seconds: 0, owner: null },
      { topic: TRADE_TOPICS.ingested, partition: 1, committed_offset: null, end_offset: 1, lag: 1, lag_seconds: 1.5, owner: 'p-0' },
    ],
  })
})

test('the history: empty at first, then a sample each 5 s', async () => {
  const history = async () => (await at.server.inject({ url: '/api/v1/statistics/history' })).json()
  expect(await history()).toEqual({ step_ms: 5_000, now: new Date(at.clock.now()).toISOString(), samples: [] })
  at.live.start()
  await at.clock.advance(11_000)
  const { samples } = await history()
  expect(samples.length).toBe(2)
  expect(samples[0]).toEqual({ at: expect.stringMatching(/Z$/), in_per_second: 0, committed_per_second: 0, outcomes_per_second: {}, lag: { trades: 1, 'trades-sink-postgres': 0, 'trades-sink-mongo': 3 }, latency_ms: null })
  at.live.close()
})
