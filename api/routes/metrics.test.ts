import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { GatewayFixture, JSON_TYPE, TRADE } from '../testing/gateway-fixture.ts'

const at = await GatewayFixture.create({ writesPerSecond: 3 })
afterAll(() => at.server.close())

const metrics = async () => (await at.server.inject({ url: '/metrics' })).body
const post = (headers: Record<string, string> = {}) => at.server.inject({ method: 'POST', url: '/api/v1/trades', headers: { ...JSON_TYPE, ...headers }, payload: JSON.stringify(TRADE) })

test('lag and durations, by the names that others use', async () => {
  at.cluster.write(TRADE_TOPICS.ingested, 1, { key: 'T1', value: '{}', timestamp: at.clock.now() - 2_000 })
  at.cluster.committed.set(`trades ${TRADE_TOPICS.ingested}-0`, 0)
  at.cluster.members.set('trades', [{ instanceId: 'p-0', partitions: [] }])
  await at.server.inject({ url: '/api/v1/trades?limit=1' })
  await at.server.inject({ url: '/api/v1/trades?limit=0' })
  await at.server.inject({ url: '/nowhere/at/all' })
  const text = await metrics()
  for (const line of [
    `kafka_consumergroup_lag{consumergroup="trades",topic="${TRADE_TOPICS.ingested}",partition="1"} 1`,
    `kafka_consumergroup_lag_sum{consumergroup="trades",topic="${TRADE_TOPICS.ingested}"} 1`,
    `kafka_consumergroup_current_offset{consumergroup="trades",topic="${TRADE_TOPICS.ingested}",partition="0"} 0`,
    `kafka_consumergroup_group_lag_seconds{group="trades",topic="${TRADE_TOPICS.ingested}",partition="1"} 2`,
    'kafka_consumergroup_members{consumergroup="trades"} 1',
    'tradewind_instance_up{instance="p-0",role="processor"} 0',
    'tradewind_kafka_up 1',
    'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/api/v1/trades",http_response_status_code="200"} 1',
    'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/api/v1/trades",http_response_status_code="400"} 1',
  ])
    expect(text.split('\n')).toContain(line)
  expect(text).not.toContain('/nowhere')
  // Each name is explained once, before its samples.
  const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const line of text.trim().split('\n')) expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[\d.e+-]+)$/)
})

test('Kafka away: what is left, and that it is away', async () => {
  await at.clock.advance(2_000)
  at.cluster.ask = async () => {
    throw new Error('no broker')
  }
  const text = await metrics()
  expect(text).toContain('\ntradewind_kafka_up 0\n')
  expect(text).not.toContain('kafka_consumergroup')
  at.cluster.reset()
})

test('writing calls are limited by a setting, reads are not; who waits goes on', async () => {
  // The limiter asks the machine for the time.
  vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
  onTestFinished(() => void vi.useRealTimers())
  const codes: number[] = []
  for (let n = 0; n < 4; n++) codes.push((await post()).statusCode)
  expect(codes).toEqual([202, 202, 202, 429])
  const refused = await at.server.inject({ method: 'POST', url: '/api/v1/expire-trades' })
  expect([refused.statusCode, refused.headers['content-type'], refused.json().type, refused.headers['retry-after']]).toEqual([429, 'application/problem+json', 'urn:tradewind:problem:too-many-requests', '1'])
  for (let n = 0; n < 10; n++) expect((await at.server.inject({ url: '/api/v1/trades' })).statusCode).toBe(200)
  expect((await at.server.inject({ method: 'POST', url: '/api/v1/trades', remoteAddress: '10.0.0.9', headers: JSON_TYPE, payload: JSON.stringify(TRADE) })).statusCode).toBe(202)
  vi.setSystemTime(1_800_000_001_001)
  expect((await post()).statusCode).toBe(202)
})
