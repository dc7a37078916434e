import { afterAll, beforeEach, expect, test } from 'vitest'
import { ConnectionLostError } from '../../ports/broker.ts'
import { GatewayFixture, JSON_TYPE, TRADE } from '../testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
beforeEach(() => at.reset())
afterAll(() => at.server.close())

const NEVER = new Promise<never>(() => {})
const PROBES = ['/readyz', '/startupz', '/api/v1/health']

/** The answer, and how long it took. */
async function timed(url: string) {
  const startMs = at.clock.monotonicMs()
  let isAnswered = false
  const answer = at.server.inject({ url }).finally(() => {
    isAnswered = true
  })
  while (!isAnswered) await at.clock.advance(50)
  return { answer: await answer, tookMs: at.clock.monotonicMs() - startMs }
}

test('a broker that answers nothing is seen within a second, although the partitions are known', async () => {
  at.askKafka = () => NEVER
  for (const url of PROBES) {
    const { answer, tookMs } = await timed(url)
    expect(tookMs, url).toBeLessThan(1_000)
    if (url.startsWith('/api')) expect(answer.json()).toMatchObject({ status: 'degraded', parts: { kafka: { up: false } } })
    else expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'down', up: false, detail: expect.stringContaining('Kafka') }])
  }
})

test.each<[string, () => void]>([
  ['brokers that cannot be reached', () => void (at.askKafka = () => Promise.reject(new ConnectionLostError('connect ECONNREFUSED')))],
  ['records that wait for Kafka too long', () => void (at.isKafkaAway = true)],
  ['a topic that is not there', () => void (at.partitions = () => Promise.reject(new Error('topic in is not there')))],
])('%s: not ready, and health says so', async (_, away) => {
  expect((await at.server.inject({ url: '/readyz' })).statusCode).toBe(200)
  away()
  expect((await at.server.inject({ url: '/readyz' })).statusCode).toBe(503)
  expect((await at.server.inject({ url: '/livez' })).statusCode).toBe(200)
  expect((await at.server.inject({ url: '/api/v1/health' })).json().parts.kafka.up).toBe(false)
})

test('lags that Kafka does not tell: 503 within some seconds', async () => {
  at.lags = () => NEVER
  const { answer, tookMs } = await timed('/api/v1/statistics')
  expect([answer.statusCode, answer.json().type]).toEqual([503, 'urn:tradewind:problem:kafka-away'])
  expect(tookMs).toBeLessThan(4_000)
})

test('a connection that is lost is 503, whoever asked', async () => {
  at.partitions = () => Promise.reject(new ConnectionLostError('connect ECONNREFUSED'))
  const answer = await at.server.inject({ url: '/api/v1/trades/T1' })
  expect([answer.statusCode, answer.headers['retry-after'], answer.json().type]).toEqual([503, '1', 'urn:tradewind:problem:kafka-away'])
  const written = await at.server.inject({ method: 'POST', url: '/api/v1/trades', headers: JSON_TYPE, payload: JSON.stringify(TRADE) })
  expect([written.statusCode, written.json().type]).toEqual([503, 'urn:tradewind:problem:kafka-away'])
  expect(at.unexpected).toEqual([])
})
