import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { KafkaAwayError } from '../ports/kafka-client.ts'
import { OwnerUnavailableError } from './queries/owner-queries.ts'
import { GatewayFixture, JSON_TYPE, TRADE } from './testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
beforeEach(() => at.reset())
afterAll(() => at.server.close())

function post(body: unknown, headers: Record<string, string> = {}) {
  return at.server.inject({ method: 'POST', url: '/api/v1/trades', headers: { ...JSON_TYPE, ...headers }, payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) })
}

test('a trade is written as it came, with its request id and trace, and accepted with a Location', async () => {
  const text = '{"trade_id":"T1", "version":1.0,"counter_party_id":"CP","book_id":"B","maturity_date":"2027-05-20","created_date":"2026-12-11","big":12345678901234567890.10}'
  const answer = await post(text, { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' })
  expect(answer.statusCode).toBe(202)
  const { request_id: id } = answer.json()
  expect(answer.headers['location']).toBe(`/api/v1/requests/${id}`)
  expect(answer.json()).toEqual({ request_id: id, status: 'PENDING', trade_id: null, version: null, outcome: null, reason: null })
  expect(at.sent.length).toBe(1)
  expect(at.sent[0]).toMatchObject({ topic: 'trade.ingested', partition: Number(id.split('-')[0]), timestamp: at.clock.now(), key: Buffer.from('T1'), value: Buffer.from(text) })
  expect([at.header(0, 'request-id'), at.header(0, 'traceparent')]).toEqual([id, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'])
})

test('every fault of a body is named with a pointer, and nothing is written', async () => {
  const answer = await post({ trade_id: '', version: '1', counterparty_id: 'CP', maturity_date: '2027-02-29' })
  expect(answer.statusCode).toBe(400)
  expect(answer.headers['content-type']).toContain('application/problem+json')
  expect(answer.json()).toMatchObject({ type: 'urn:tradewind:problem:invalid-trade', status: 400 })
  expect(answer.json().errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(['/trade_id', '/version', '/maturity_date', '/book_id', '/created_date'])
  expect(at.sent).toEqual([])
})

test.each([
  ['nothing', ''],
  ['no JSON', '{"trade_id":'],
  ['another JSON value', '[]'],
  ['JSON null', 'null'],
  ['U+0000 in a string', JSON.stringify({ ...TRADE, note: 'a\u0000b' })],
  ['half a surrogate pair', JSON.stringify(TRADE).replace('"B1"', '"\\ud800"')],
  ['a known field twice', JSON.stringify(TRADE).replace('{', '{"version":1,')],
  ['a version beyond 2^53', JSON.stringify(TRADE).replace('"version":1', '"version":9007199254740993')],
  ['a version beyond 2^31', JSON.stringify(TRADE).replace('"version":1', '"version":2147483648')],
  ['two names for the counterparty that differ', JSON.stringify({ ...TRADE, counter_party_id: 'CP-2' })],
  ['an operator for a value', JSON.stringify({ ...TRADE, trade_id: { $ne: null } })],
  ['65 levels', JSON.stringify(TRADE).replace('{', `{"deep":${'['.repeat(65)}${']'.repeat(65)},`)],
  ['bytes that are not UTF-8', Buffer.concat([Buffer.from('{"trade_id":"'), Buffer.from([0xff]), Buffer.from('"}')])],
  ['a byte order mark', `\ufeff${JSON.stringify(TRADE)}`],
])('a body with %s is a problem, and nothing is written', async (_, body) => {
  const answer = await post(body)
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'application/problem+json'])
  expect(at.sent).toEqual([])
  expect(at.unexpected).toEqual([])
})

test('a body that is too large, and one of another type, are told so', async () => {
  const large = await post({ ...TRADE, blob: 'x'.repeat(1_000_000) })
  expect([large.statusCode, large.json().type]).toEqual([413, 'urn:tradewind:problem:too-large'])
  const text = await post(TRADE, { 'content-type': 'text/plain' })
  expect([text.statusCode, text.json().type]).toEqual([415, 'urn:tradewind:problem:media-type'])
})

test.each([
  ['CREATED', 'SUCCESS', 201],
  ['UPDATED', 'SUCCESS', 200],
  ['REPLACED', 'SUCCESS', 200],
  ['DUPLICATE', 'SUCCESS', 200],
  ['STALE_VERSION', 'FAILED', 400],
  ['PAST_MATURITY', 'FAILED', 400],
] as const)('Prefer: wait is answered with the outcome: %s', async (outcome, status, code) => {
  at.lookUp = async (_store, _partition, key) => at.answer(key, { outcome, status, reason: status === 'FAILED' ? 'the rule' : null })
  const answer = await post(TRADE, { prefer: 'respond-async, wait=2' })
  expect(answer.statusCode).toBe(code)
  expect(answer.headers['preference-applied']).toBe('wait=2')
  expect(answer.json()).toMatchObject({ outcome, trade_id: 'T1', version: 1, ...(status === 'FAILED' && { detail: 'the rule', type: `urn:tradewind:problem:${outcome.toLowerCase().replace('_', '-')}` }) })
  expect(answer.headers['location']).toBe(code === 201 ? '/api/v1/trades/T1' : code === 200 ? `/api/v1/requests/${at.header(0, 'request-id')}` : undefined)
})

test('Prefer: wait that is not done in time, or whose owner cannot be asked, is 202', async () => {
  const waits: number[] = []
  at.lookUp = async (_store, _partition, _key, waitMs) => void waits.push(waitMs)
  expect((await post(TRADE, { prefer: 'wait=3' })).statusCode).toBe(202)
  expect(waits).toEqual([3_000])
  at.lookUp = () => Promise.reject(new OwnerUnavailableError('on its way'))
  expect((await post(TRADE, { prefer: 'wait=3' })).statusCode).toBe(202)
})

test('a request: pending, then answered; one that was never issued is not found', async () => {
  const { location = '' } = (await post(TRADE)).headers
  const get = async (url: string) => at.server.inject({ url })
  expect((await get(location)).json()).toMatchObject({ status: 'PENDING', outcome: null })
  at.answer(location.split('/').at(-1) ?? '', { outcome: 'STALE_VERSION', status: 'FAILED', reason: 'version: found 1, stored 2' })
  expect((await get(location)).json()).toMatchObject({ status: 'FAILED', outcome: 'STALE_VERSION', trade_id: 'T1', version: 1, reason: 'version: found 1, stored 2' })
  const forged = location.replace(/-(.)([^-]*)$/, (_, first: string, rest: string) => `-${first === '0' ? '1' : '0'}${rest}`)
  for (const url of [forged, '/api/v1/requests/x', '/api/v1/requests/0-1-2-3', `/api/v1/requests/${location.split('/').at(-1)?.replace(/^\d+/, '7')}`]) expect((await get(url)).statusCode, url).toBe(404)
})

test('a request of yesterday is gone, whether it was answered or not', async () => {
  const first = (await post(TRADE)).headers.location ?? ''
  const second = (await post(TRADE)).headers.location ?? ''
  at.answer(first.split('/').at(-1) ?? '')
  await at.clock.advance(24 * 60 * 60 * 1000)
  for (const url of [first, second]) expect((await at.server.inject({ url })).statusCode).toBe(410)
})

test('an owner that cannot be asked is 503 with Retry-After, never a guess', async () => {
  const { location = '' } = (await post(TRADE)).headers
  at.lookUp = () => Promise.reject(new OwnerUnavailableError('task 0_3 cannot be asked now'))
  for (const url of [location, '/api/v1/trades/T1']) {
    const answer = await at.server.inject({ url })
    expect([answer.statusCode, answer.headers['retry-after'], answer.json().type]).toEqual([503, '1', 'urn:tradewind:problem:state-away'])
  }
})

test('the latest state of a trade, with all its digits; deleted or unknown: not found', async () => {
  const json = '{"trade_id":"ä/ö","version":1,"n":12345678901234567890.10,"expired":false,"last_updated":"2026-12-11T00:00:00.000Z"}'
  for (let partition = 0; partition < 12; partition++) at.keep(partition, 'ä/ö', json)
  const found = await at.server.inject({ url: `/api/v1/trades/${encodeURIComponent('ä/ö')}` })
  expect([found.statusCode, found.body, found.headers['content-type']]).toEqual([200, json, 'application/json; charset=utf-8'])
  expect((await at.server.inject({ url: '/api/v1/trades/T1' })).statusCode).toBe(404)
})

test.each(['%00', '%ff', '%F0%9F', 'x'.repeat(51), encodeURIComponent('🚢'.repeat(51)), '..%2f..%2fetc%2fpasswd', "'%20OR%201=1--", '%7B%22$ne%22:null%7D'])('the trade id %s is a problem or not found', async (id) => {
  const answer = await at.server.inject({ url: `/api/v1/trades/${id}` })
  expect([400, 404]).toContain(answer.statusCode)
  expect(answer.headers['content-type']).toContain('application/problem+json')
  expect(at.unexpected).toEqual([])
})

test('a trade id of 50 code points beyond the basic plane is one', async () => {
  const answer = await at.server.inject({ url: `/api/v1/trades/${encodeURIComponent('🚢'.repeat(50))}` })
  expect(answer.json().detail).toContain('unknown')
})

test('a delete is a null value', async () => {
  const answer = await at.server.inject({ method: 'DELETE', url: '/api/v1/trades/T%201' })
  expect(answer.statusCode).toBe(202)
  expect(at.sent[0]).toMatchObject({ key: Buffer.from('T 1'), value: undefined })
  at.lookUp = async (_store, _partition, key) => at.answer(key, { outcome: 'NOT_FOUND', status: 'FAILED', version: null, reason: 'there is no such trade: nothing to delete' })
  const waited = await at.server.inject({ method: 'DELETE', url: '/api/v1/trades/T1', headers: { prefer: 'wait=1' } })
  expect([waited.statusCode, waited.json().outcome]).toEqual([404, 'NOT_FOUND'])
})

test('an idempotency key: the same request again, another payload refused', async () => {
  const key = { 'idempotency-key': 'k1' }
  const first = await post(TRADE, key)
  const again = await post(TRADE, key)
  expect(again.json().request_id).toBe(first.json().request_id)
  // Nobody knows whether the first one arrived: it is written again under the same id, and processed once.
  expect(at.sent.map((_, index) => at.header(index, 'request-id'))).toEqual([first.json().request_id, first.json().request_id])
  at.answer(first.json().request_id, { outcome: 'CREATED' })
  const answered = await post(TRADE, key)
  expect([answered.statusCode, answered.json().outcome, at.sent.length]).toEqual([201, 'CREATED', 2])
  const other = await post({ ...TRADE, trade_id: 'T2' }, key)
  expect([other.statusCode, other.json().type]).toEqual([422, 'urn:tradewind:problem:idempotency-key-reused'])
  expect(at.sent.length).toBe(2)
})

test('a claim of a gateway with another secret is the same request, and is written under its id each time', async () => {
  const other = await GatewayFixture.create({ secret: 'y'.repeat(32), claims: at.claims, clock: at.clock })
  onTestFinished(() => other.server.close())
  const key = { 'idempotency-key': 'k1' }
  const { request_id: id } = (await other.server.inject({ method: 'POST', url: '/api/v1/trades', headers: { ...JSON_TYPE, ...key }, payload: JSON.stringify(TRADE) })).json()
  expect([(await post(TRADE, key)).json().request_id, (await post(TRADE, key)).json().request_id]).toEqual([id, id])
  expect(at.sent.map((_, index) => at.header(index, 'request-id'))).toEqual([id, id])
  at.answer(id, { outcome: 'CREATED' })
  expect([(await post(TRADE, key)).statusCode, at.sent.length]).toEqual([201, 2])
})

test('the claims away: 503 for requests with a key, and nothing written; those without go on', async () => {
  at.claims.isAway = true
  const answer = await post(TRADE, { 'idempotency-key': 'k1' })
  expect([answer.statusCode, answer.headers['retry-after'], at.sent.length]).toEqual([503, '1', 0])
  expect((await post(TRADE)).statusCode).toBe(202)
})

test('Kafka away: 503 with Retry-After and the request id; before it was ever there, without', async () => {
  at.produce = () => Promise.reject(new KafkaAwayError('no answer', true))
  const answer = await post(TRADE)
  expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
  expect(answer.json()).toMatchObject({ type: 'urn:tradewind:problem:kafka-away', request_id: at.header(0, 'request-id') })
  at.partitions = () => Promise.reject(new Error('no broker'))
  expect((await post(TRADE)).json()).toMatchObject({ status: 503, type: 'urn:tradewind:problem:kafka-away' })
})

test('what nobody reckoned with is a problem that tells nothing, and is noted', async () => {
  at.produce = () => Promise.reject(new Error('secret'))
  const answer = await post(TRADE)
  expect([answer.statusCode, answer.body.includes('secret')]).toEqual([500, false])
  expect(at.unexpected.map(({ message }) => message)).toEqual(['secret'])
})

test('a method that a path does not take is told which it takes', async () => {
  for (const [method, url, allow] of [
    ['PATCH', '/api/v1/trades', 'GET, HEAD, POST'],
    ['PUT', '/api/v1/trades/T1', 'DELETE, GET, HEAD'],
    ['GET', '/api/v1/trades:batch', 'POST'],
    ['TRACE', '/api/v1/health', 'GET, HEAD'],
    ['QUERY', '/api/v1/groups', 'GET, HEAD'],
    ['POST', '/livez', 'GET, HEAD'],
  ] as const) {
    const answer = await at.server.inject({ method: method as 'GET', url }) // the type does not know all that Node does
    expect([answer.statusCode, answer.headers['allow'], answer.headers['content-type']], `${method} ${url}`).toEqual([405, allow, 'application/problem+json'])
  }
})

test('what is not there is a problem', async () => {
  for (const url of ['/nothing', '/api/v1/nothing', '/api/v1/trades/%zz']) {
    const answer = await at.server.inject({ url })
    expect([400, 404]).toContain(answer.statusCode)
    expect(answer.headers['content-type']).toContain('application/problem+json')
  }
})

test('a sender that takes too long for its body is told so and let go; one that was answered long ago and still sends is cut off', async () => {
  const slow = await GatewayFixture.create({ bodyTimeoutMs: 100 })
  onTestFinished(() => slow.server.close())
  await slow.server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = slow.server.server.address() as AddressInfo // it listens on TCP
  const answerTo = (text: string, endless?: Buffer) =>
    new Promise<string>((resolve) => {
      let answer = ''
      const more = () => {
        while (endless !== undefined && !socket.destroyed && socket.write(endless));
      }
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(text)
        more()
      })
      socket.on('drain', more)
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk
      })
      socket.on('error', () => resolve(answer))
      socket.on('close', () => resolve(answer))
    })
  const head = 'POST /api/v1/trades HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
  expect(await answerTo(`${head}content-length: 100\r\n\r\n{"trade_id":`)).toMatch(/^HTTP\/1.1 408 .*urn:tradewind:problem:too-slow/s)
  expect(await answerTo(`${head}content-length: 1000000000\r\n\r\n{"trade_id":`)).toMatch(/^HTTP\/1.1 413 /)
  // A body without an end: what is over the limit is thrown away, not kept, and after a while no longer taken.
  const piece = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`)
  expect(await answerTo(`${head}transfer-encoding: chunked\r\n\r\n`, piece)).toMatch(/^HTTP\/1.1 413 /)
  expect(slow.sent).toEqual([])
})
