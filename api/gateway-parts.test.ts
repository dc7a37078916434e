import { afterAll, beforeEach, expect, test } from 'vitest'
import type { Security } from './callers.ts'
import { ProblemError } from './problem.ts'
import { GatewayFixture, JSON_TYPE, TRADE } from './testing/gateway-fixture.ts'

let isKnown = true
const security: Security = {
  callerOf() {
    if (!isKnown) throw new ProblemError({ status: 401, name: 'unknown-caller', title: 'Who is asking?' })
    return { name: 'somebody' }
  },
  authorise: () => {},
}
const at = await GatewayFixture.create({ security })
beforeEach(() => {
  at.reset()
  isKnown = true
})
afterAll(() => at.server.close())

const host = 'trades.example:8080'
const WRITES = [
  ['POST', '/api/v1/expire-trades', ''],
  ['POST', '/api/v1/sinks/trades-sink-postgres/pause', ''],
  ['POST', '/api/v1/trades', JSON.stringify(TRADE)],
  ['POST', '/api/v1/trades:batch', JSON.stringify([TRADE])],
  ['DELETE', '/api/v1/trades/T1', ''],
] as const

function call(method: 'GET' | 'POST' | 'DELETE', url: string, payload: string, headers: Record<string, string>) {
  return at.server.inject({ method, url, headers: { host, ...headers, ...(payload !== '' && JSON_TYPE) }, ...(payload !== '' && { payload }) })
}

test.each([
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'cross-site', origin: 'http://trades.example:8080' },
  { origin: 'http://evil.example' },
  { origin: 'http://trades.example' },
  { origin: 'http://trades.example:8081' },
  { origin: 'http://trades.example:8080.evil.example' },
  { origin: 'null' },
  { origin: 'x' },
])('a writing call that a page of another site makes (%j) is 403, and nothing is done', async (headers) => {
  for (const [method, url, payload] of WRITES) {
    const answer = await call(method, url, payload, headers)
    expect([answer.statusCode, answer.json().type], url).toEqual([403, 'urn:tradewind:problem:other-site'])
    expect(answer.json().detail).toContain('expected that of Host: trades.example:8080 ')
  }
  expect(at.sent).toEqual([])
  expect((await call('GET', '/api/v1/statistics', '', headers)).statusCode).toBe(200)
})

test.each([{}, { 'sec-fetch-site': 'same-origin', origin: 'http://trades.example:8080' }, { 'sec-fetch-site': 'none' }, { origin: 'https://trades.example:8080' }])('one of this page or of a program (%j) is taken', async (headers) => {
  expect((await call('POST', '/api/v1/trades', JSON.stringify(TRADE), headers)).statusCode).toBe(202)
  expect((await call('POST', '/api/v1/expire-trades', '', headers)).statusCode).toBe(200)
})

test('the default port of a scheme may be left out', async () => {
  for (const [origin, named] of [['http://a', 'a:80'], ['https://a', 'a:443'], ['http://a:80', 'a'], ['http://[::1]:8080', '[::1]:8080']] as const) {
    const answer = await at.server.inject({ method: 'POST', url: '/api/v1/expire-trades', headers: { host: named, origin } })
    expect(answer.statusCode, origin).toBe(200)
  }
})

test('who is not known is told so before his body, his parameters or his headers are looked at', async () => {
  isKnown = false
  for (const [method, url, payload] of [
    ['POST', '/api/v1/trades', 'x'.repeat(2_000_000)],
    ['POST', '/api/v1/trades', '{"trade_id":'],
    ['POST', '/api/v1/trades:batch', '{'],
    ['DELETE', `/api/v1/trades/${'x'.repeat(60)}`, ''],
    ['GET', '/api/v1/trades?limit=0', ''],
    ['GET', '/api/v1/audit-logs?limit=0', ''],
    ['GET', '/api/v1/statistics', ''],
  ] as const) {
    const answer = await call(method, url, payload, {})
    expect([answer.statusCode, answer.json().type], url).toEqual([401, 'urn:tradewind:problem:unknown-caller'])
  }
})
