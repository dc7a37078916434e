import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { GatewayFixture, JSON_TYPE } from '../testing/gateway-fixture.ts'
import { TRADE } from '../testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
beforeEach(() => at.reset())
afterAll(() => at.server.close())

const get = (url: string) => at.server.inject({ url })
const row = (n: number, bookId = 'B1') => ({ trade_id: `T${n}`, version: n, bookId, json: `{"trade_id":"T${n}","version":${n},"n":1.10}` })

test('a list goes page by page, by cursor, digits as they are', async () => {
  at.trades.rows = [1, 2, 3, 4, 5].map((n) => row(n))
  const pages: string[][] = []
  let url = '/api/v1/trades?limit=2'
  for (;;) {
    const answer = await get(url)
    expect([answer.statusCode, answer.body.includes('"n":1.10')]).toEqual([200, true])
    const { items, next } = answer.json<{ items: { trade_id: string }[]; next: string | null }>()
    pages.push(items.map(({ trade_id }) => trade_id))
    if (next === null) break
    url = `/api/v1/trades?limit=2&cursor=${next}`
  }
  expect(pages).toEqual([['T1', 'T2'], ['T3', 'T4'], ['T5']])
})

test('filters reach the database as they are meant', async () => {
  await get('/api/v1/trades?book=B%201&counterparty=CP&expired=false&maturity_from=2027-01-01&maturity_to=2027-12-31')
  await get('/api/v1/trades/book/B2?expired=true')
  expect(at.trades.filters.slice(-2)).toEqual([
    { bookId: 'B 1', counterpartyId: 'CP', expired: false, maturityFrom: '2027-01-01', maturityTo: '2027-12-31' },
    { bookId: 'B2', expired: true, maturityFrom: undefined, maturityTo: undefined },
  ])
})

test('versions of a trade, page by page; of none: not found', async () => {
  at.trades.rows = [1, 2, 3].map((n) => ({ ...row(n), trade_id: 'T1' }))
  const first = (await get('/api/v1/trades/T1/versions?limit=2')).json()
  const second = (await get(`/api/v1/trades/T1/versions?limit=2&cursor=${first.next}`)).json()
  expect([...first.items, ...second.items].map(({ version }) => version)).toEqual([1, 2, 3])
  expect(second.next).toBeNull()
  expect((await get('/api/v1/trades/T9/versions')).statusCode).toBe(404)
})

test.each([
  'trades?limit=0',
  'trades?limit=501',
  'trades?limit=x',
  'trades?limit=true',
  'trades?limit=1.0',
  'trades?limit=1e1',
  'trades?expired=1',
  'trades?expired=',
  'dead-letters?limit=201',
  'dead-letters?limit=null',
  'dead-letters?cursor=x',
  'dead-letters?cursor=WyIxLHgiXQ',
  'dead-letters?cursor=',
  'dead-letters?nothing=1',
  'trades?nothing=1',
  'trades?book[$ne]=x',
  'trades?book=%00',
  'trades?book=',
  `trades?book=${'x'.repeat(51)}`,
  'trades?book=a&book=b',
  'trades?expired=maybe',
  'trades?maturity_from=2027-02-30',
  'trades?maturity_from=0000-01-01',
  'trades?maturity_from=2027-02-01&maturity_to=2027-01-01',
  'trades?cursor=x',
  'trades?cursor=WzFd',
  `trades?cursor=${Buffer.from('["\u0000"]').toString('base64url')}`,
  'trades/book/%00',
  'trades/T1/versions?cursor=WyJhIl0',
  'audit-logs?trade_id[$gt]=',
  'audit-logs?status=$where',
  'audit-logs?from=yesterday',
  'audit-logs?cursor=WzFd',
  "trades?maturity_from=2027-01-01';DROP TABLE trades--",
])('GET /%s is 400, and no database is asked', async (path) => {
  const asked = at.trades.filters.length + at.events.filters.length
  const answer = await get(`/api/v1/${path}`)
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'application/problem+json'])
  expect(at.trades.filters.length + at.events.filters.length).toBe(asked)
  expect(at.unexpected).toEqual([])
})

test('an unknown parameter is named', async () => {
  expect((await get('/api/v1/trades?bok=B1')).json().errors).toEqual([{ parameter: 'bok', detail: 'not known here' }])
})

test('audit entries, the newest first, also where many share a moment', async () => {
  at.events.documents = ['c', 'b', 'a'].map((id) => ({ id, timestampMs: 1_000, fields: { trade_id: 'T1', outcome: 'CREATED' } }))
  const first = (await get('/api/v1/audit-logs?limit=2&trade_id=T1&from=1970-01-01T00:00:00Z')).json()
  const second = (await get(`/api/v1/audit-logs?limit=2&cursor=${first.next}`)).json()
  expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(['c', 'b', 'a'])
  expect(first.items[0]).toEqual({ id: 'c', timestamp: '1970-01-01T00:00:01.000Z', trade_id: 'T1', outcome: 'CREATED' })
  expect(at.events.filters.at(-2)).toMatchObject({ tradeId: 'T1', fromMs: 0 })
})

test('a timeline: state, versions and events of one trade', async () => {
  for (let partition = 0; partition < 12; partition++) at.keep(partition, 'T1', '{"trade_id":"T1","version":2}')
  at.trades.rows = [row(1)]
  at.events.documents = [
    { id: 'b', timestampMs: 2_000, fields: { trade_id: 'T1', outcome: 'UPDATED' } },
    { id: 'a', timestampMs: 1_000, fields: { trade_id: 'T1', outcome: 'CREATED' } },
  ]
  const answer = (await get('/api/v1/trades/T1/timeline')).json()
  expect(answer).toMatchObject({ trade_id: 'T1', state: { version: 2 }, repair_case: null, versions: [{ version: 1 }] })
  expect(answer.events.map(({ kind, outcome }: { kind: string; outcome: string }) => [kind, outcome])).toEqual([
    ['audit', 'CREATED'],
    ['audit', 'UPDATED'],
  ])
  expect((await get('/api/v1/trades/T9/timeline')).statusCode).toBe(404)
})

test('a timeline has the row, and names what can be looked up: requests, dead letters, traces', async () => {
  const traced = await GatewayFixture.create({ traceUrl: 'https://traces.test/t/{trace_id}?x' })
  onTestFinished(() => traced.server.close())
  for (const one of [at, traced]) {
    one.trades.rows = [row(1)]
    one.events.documents = [{ id: 'a', timestampMs: 1_000, fields: { trade_id: 'T1', outcome: 'CREATED', request_id: '3-1', trace_id: '0af7' } }]
    one.events.tradeEvents = [
      { id: 'r', timestampMs: 3_000, fields: { trade_id: 'T1', event_type: 'TRADE_REPAIRED', data: { repaired: { outcome: 'INVALID' } } } },
      { id: 'd', timestampMs: 500, fields: { trade_id: 'T1', event_type: 'DEAD_LETTER', data: { dead_letter: '3-42', message: 'no JSON' } } },
    ]
  }
  const url = '/api/v1/trades/T1/timeline'
  const { row: stored, events } = (await get(url)).json()
  expect(stored).toMatchObject({ trade: { trade_id: 'T1', version: 1 }, deleted: false, partition: 3, offset: 42 })
  expect(events.map(({ kind, id, links }: { kind: string; id: string; links: object }) => [kind, id, links])).toEqual([
    ['event', 'd', { dead_letter: '/api/v1/dead-letters/3-42' }],
    ['audit', 'a', { request: '/api/v1/requests/3-1' }],
    ['event', 'r', {}],
  ])
  expect((await traced.server.inject({ url })).json().events[1].links).toEqual({ request: '/api/v1/requests/3-1', trace: 'https://traces.test/t/0af7?x' })
})

test('what a trade says of itself is no link', async () => {
  const own = { trade_id: 'T1', dead_letter: '0-42', request_id: 'x' }
  const event = (n: number, type: string, data: object) => ({ id: `e${n}`, timestampMs: n, fields: { trade_id: 'T1', event_type: type, data } })
  at.events.tradeEvents = [
    event(4, 'DEAD_LETTER_REPLAYED', { dead_letter: '3-42', request_id: '3-1' }),
    event(3, 'DEAD_LETTER', { dead_letter: '3-42' }),
    event(2, 'TRADE_REPAIRED', { ...own, repaired: {} }),
    event(1, 'TRADE_EXPIRED', own),
  ]
  const { events } = (await get('/api/v1/trades/T1/timeline')).json()
  const letter = '/api/v1/dead-letters/3-42'
  expect(events.map(({ links }: { links: object }) => links)).toEqual([{}, {}, { dead_letter: letter }, { request: '/api/v1/requests/3-1', dead_letter: letter }])
})

test('versions from one on, however many there are before', async () => {
  at.trades.rows = Array.from({ length: 700 }, (_, n) => ({ ...row(n + 1), trade_id: 'T1' }))
  const first = (await get('/api/v1/trades/T1/versions?from=650&limit=1')).json()
  expect([first.items[0].version, (await get(`/api/v1/trades/T1/versions?from=650&limit=1&cursor=${first.next}`)).json().items[0].version]).toEqual([650, 651])
  expect((await get('/api/v1/trades/T1/versions?from=701')).statusCode).toBe(404)
})

test('the ids . and .. are asked for in the query: no path holds them', async () => {
  for (const id of ['.', '..']) {
    for (let partition = 0; partition < 12; partition++) at.keep(partition, id, `{"trade_id":"${id}","version":2}`)
    at.trades.rows = [{ ...row(1), trade_id: id, json: `{"trade_id":"${id}"}` }]
    expect((await get(`/api/v1/trades/_?trade_id=${id}`)).json()).toEqual({ trade_id: id, version: 2 })
    expect((await get(`/api/v1/trades/_/versions?trade_id=${id}`)).json().items).toMatchObject([{ trade_id: id }])
    expect((await get(`/api/v1/trades/_/timeline?trade_id=${id}`)).json().trade_id).toBe(id)
    await at.server.inject({ method: 'DELETE', url: `/api/v1/trades/_?trade_id=${id}` })
    expect(String(at.sent.at(-1)?.key)).toBe(id)
    at.produce = async (record) => {
      at.answer(record.headers.find(([name]) => name === 'request-id')?.[1]?.toString() ?? '', { trade_id: id })
      return 1
    }
    const created = await at.server.inject({ method: 'POST', url: '/api/v1/trades', headers: { ...JSON_TYPE, prefer: 'wait=1' }, payload: JSON.stringify({ ...TRADE, trade_id: id }) })
    expect([created.statusCode, created.headers['location']]).toEqual([201, `/api/v1/trades/_?trade_id=${id}`])
  }
  expect((await get('/api/v1/trades/_?trade_id=')).statusCode).toBe(400)
})

test('an id in the query beside one in the path is 400, and nothing is deleted', async () => {
  for (const [method, path] of [['DELETE', 'T1'], ['GET', 'T1'], ['GET', 'T1/versions'], ['GET', 'T1/timeline']] as const) {
    const answer = await at.server.inject({ method, url: `/api/v1/trades/${path}?trade_id=T2` })
    expect([answer.statusCode, answer.json().errors], `${method} ${path}`).toEqual([400, [{ parameter: 'trade_id', detail: 'only where the path has _' }]])
  }
  expect(at.sent).toEqual([])
  for (const url of ['/api/v1/trades/_', '/api/v1/trades/_?trade_id=_']) await at.server.inject({ method: 'DELETE', url })
  expect(at.sent.map(({ key }) => String(key))).toEqual(['_', '_'])
})

test('a timeline that is too long has the newest, and says what was cut', async () => {
  at.trades.rows = Array.from({ length: 501 }, (_, n) => ({ ...row(n + 1), trade_id: 'T1' }))
  at.events.documents = Array.from({ length: 600 }, (_, n) => ({ id: `a${n}`, timestampMs: 600_000 - n * 1_000, fields: { trade_id: 'T1' } }))
  const { versions, events, truncated } = (await get('/api/v1/trades/T1/timeline')).json()
  expect([versions.length, versions[0].version, versions.at(-1).version]).toEqual([500, 2, 501])
  expect([events.length, events[0].id, events.at(-1).id]).toEqual([500, 'a499', 'a0'])
  expect(truncated).toEqual({ audit: true, states: false, events: false, versions: true })
  at.trades.rows.length = 500
  at.events.documents.length = 500
  expect((await get('/api/v1/trades/T1/timeline')).json().truncated).toEqual({ audit: false, states: false, events: false, versions: false })
})

/** A value of 900 KB. */
const FILLING = 'x'.repeat(900_000)
const large = (n: number) => ({ ...row(n), json: `{"version":${n},"filling":"${FILLING}"}` })

test('a page of large values ends early, and the next one goes on; no more is read at a time than fits the heap', async () => {
  const asked = [vi.spyOn(at.trades, 'list'), vi.spyOn(at.trades, 'versions')] as const
  onTestFinished(() => asked.forEach((spy) => spy.mockRestore()))
  const rows = Array.from({ length: 10 }, (_, n) => large(n + 1))
  for (const [path, idOf] of [['trades', (n: number) => `T${n + 100}`], ['trades/T1/versions', () => 'T1']] as const) {
    at.trades.rows = rows.map((one) => ({ ...one, trade_id: idOf(one.version) }))
    const pages: number[][] = []
    for (let cursor = ''; ; ) {
      const answer = await get(`/api/v1/${path}?limit=500${cursor}`)
      expect([answer.statusCode, answer.body.length < 9_000_000]).toEqual([200, true])
      const { items, next } = answer.json<{ items: { version: number }[]; next: string | null }>()
      pages.push(items.map(({ version }) => version))
      if (next === null) break
      cursor = `&cursor=${next}`
    }
    expect(pages.map(({ length }) => length), path).toEqual([8, 2])
    expect(pages.flat()).toEqual(rows.map(({ version }) => version))
  }
  const limits = [...asked[0].mock.calls, ...asked[1].mock.calls].map(([, { limit }]) => limit)
  expect(Math.max(...limits)).toBeLessThanOrEqual(50)
})

test('a timeline of large values has the newest that fit, says what was cut, and reads no more', async () => {
  at.trades.rows = Array.from({ length: 100 }, (_, n) => ({ ...large(n + 1), trade_id: 'T1' }))
  let taken = 0
  const documents = vi.spyOn(at.events, 'ofTrade').mockImplementation(async function* (collection) {
    for (let n = 100; n > 0; n--) {
      if (collection === 'audit' && n < 100) return
      taken++
      yield { id: `${collection}${n}`, timestampMs: n * 1_000, fields: { trade_id: 'T1', filling: FILLING } }
    }
  })
  const versions = vi.spyOn(at.trades, 'newestVersions')
  onTestFinished(() => [documents, versions].forEach((spy) => spy.mockRestore()))
  const answer = await get('/api/v1/trades/T1/timeline')
  expect([answer.statusCode, answer.body.length < 11_000_000]).toEqual([200, true])
  const found = answer.json()
  expect(found.versions.map(({ version }: { version: number }) => version)).toEqual([99, 100])
  expect(found.events.map(({ id }: { id: string }) => id)).toEqual(['trade_history99', 'trade_events99', 'audit100', 'trade_history100', 'trade_events100'])
  expect(found.truncated).toEqual({ audit: false, states: true, events: true, versions: true })
  expect([taken, versions.mock.calls.length]).toEqual([1 + 3 + 3, 1])
})

test('a timeline keeps all digits of the numbers in a trade', async () => {
  const trade = '{"trade_id":"T1","version":2,"notional":12345678901234567890.10}'
  for (let partition = 0; partition < 12; partition++) at.keep(partition, 'T1', trade)
  at.trades.rows = [{ ...row(1), json: trade }]
  const { body } = await get('/api/v1/trades/T1/timeline')
  expect(body.split('"notional":12345678901234567890.10').length - 1).toBe(3)
})

test('a database that is away: 503, health says which, and what does not need it goes on', async () => {
  at.trades.isAway = true
  at.events.isAway = true
  for (const path of ['trades', 'trades/T1/versions', 'audit-logs']) expect((await get(`/api/v1/${path}`)).statusCode, path).toBe(503)
  expect((await get('/api/v1/health')).json()).toMatchObject({ status: 'degraded', parts: { kafka: { up: true }, postgres: { up: false }, mongo: { up: false } } })
  expect((await at.server.inject({ method: 'POST', url: '/api/v1/trades', headers: JSON_TYPE, payload: JSON.stringify(TRADE) })).statusCode).toBe(202)
  expect([(await get('/livez')).statusCode, (await get('/readyz')).statusCode]).toEqual([200, 200])
  at.partitions = () => Promise.reject(new Error('no broker'))
  expect([(await get('/livez')).statusCode, (await get('/readyz')).statusCode]).toEqual([200, 503])
})

test('statistics are made once for all who ask within some seconds', async () => {
  at.trades.rows = [row(1)]
  const first = (await get('/api/v1/statistics')).json()
  expect(first).toEqual({ trades: { live: 1, expired: 0, deleted: 0 }, outcomes_last_minute: { CREATED: 120 }, rates_per_second: { CREATED: 2 }, lag: { trades: 3 } })
  at.trades.rows = [row(1), row(2)]
  expect((await get('/api/v1/statistics')).json()).toEqual(first)
  await at.clock.advance(5_000)
  expect((await get('/api/v1/statistics')).json().trades.live).toBe(2)
})

test('expiry on request answers the total', async () => {
  const expire = () => at.server.inject({ method: 'POST', url: '/api/v1/expire-trades' })
  expect((await expire()).json()).toEqual({ expired: 7 })
  at.expired = { expired: 4, leftOut: ['0_3', '0_5'] }
  const partly = await expire()
  expect([partly.statusCode, partly.headers['retry-after'], partly.json().type]).toEqual([503, '1', 'urn:tradewind:problem:not-all-expired'])
  expect(partly.json().detail).toMatch('4 trades have expired, but not in the tasks 0_3, 0_5')
})

test('OpenAPI 3.1 names every call, and /docs shows it', async () => {
  const api = (await get('/openapi.json')).json()
  expect(api.openapi).toBe('3.1.0')
  const calls = Object.entries<Record<string, { operationId: string }>>(api.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
  expect(calls.toSorted()).toEqual([
    'DELETE /api/v1/trades/{id}',
    'GET /api/v1/audit-logs',
    'GET /api/v1/dead-letters',
    'GET /api/v1/dead-letters/{id}',
    'GET /api/v1/events',
    'GET /api/v1/groups',
    'GET /api/v1/health',
    'GET /api/v1/instances',
    'GET /api/v1/operational-events',
    'GET /api/v1/requests/{id}',
    'GET /api/v1/sinks',
    'GET /api/v1/statistics',
    'GET /api/v1/statistics/history',
    'GET /api/v1/topology',
    'GET /api/v1/trades',
    'GET /api/v1/trades/book/{id}',
    'GET /api/v1/trades/{id}',
    'GET /api/v1/trades/{id}/timeline',
    'GET /api/v1/trades/{id}/versions',
    'POST /api/v1/dead-letters/{id}/replay',
    'POST /api/v1/expire-trades',
    'POST /api/v1/sinks/{group}/pause',
    'POST /api/v1/sinks/{group}/resume',
    'POST /api/v1/trades',
    'POST /api/v1/trades:batch',
  ])
  expect((await get('/docs')).statusCode).toBe(200)
  const { requestBody, responses } = api.paths['/api/v1/trades'].post
  expect(Object.keys(responses['400'].content)).toEqual(['application/problem+json'])
  const { example } = requestBody.content['application/json']
  expect((await at.server.inject({ method: 'POST', url: '/api/v1/trades', headers: JSON_TYPE, payload: JSON.stringify(example) })).statusCode).toBe(202)
})
