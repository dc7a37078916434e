import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { clientTypes, type OpenApi } from '../../dev/client/client-types.ts'
import { GatewayFixture, TRADE } from '../testing/gateway-fixture.ts'
import { TradewindClient, UnexpectedAnswerError } from 'tradewind/client'

const at = await GatewayFixture.create()
await at.server.listen({ host: '127.0.0.1', port: 0 })
afterAll(() => at.server.close())
// It listens on TCP.
const baseUrl = `http://127.0.0.1:${(at.server.server.address() as AddressInfo).port}`
const client = new TradewindClient({ baseUrl })

test('the client is that of the gateway: if not, npm run client', () => {
  const written = readFileSync(new URL('operations.ts', import.meta.url), 'utf8')
  // The plugin's type leaves open which version it is.
  expect(written).toBe(clientTypes(at.server.swagger() as unknown as OpenApi))
})

test('a call: body, headers, and what it is answered with, by status', async () => {
  const answer = await client.call('postTrade', { body: TRADE, header: { 'idempotency-key': 'k1' } })
  expect([answer.status, answer.headers.get('location')]).toEqual([202, expect.stringContaining('/requests/')])
  if (answer.status !== 202) throw new Error('it was 202 before')
  expect(answer.body.status).toBe('PENDING')
  const refused = await client.call('postTrade', { body: { ...TRADE, version: 0 } })
  if (refused.status !== 400) throw new Error(`found ${refused.status}, expected 400`)
  expect(refused.body.errors?.[0]?.pointer).toBe('/version')
})

test('parameters reach their places', async () => {
  await client.call('listTrades', { query: { book: 'B 1&x', limit: 3 } })
  expect(at.trades.filters.at(-1)).toMatchObject({ bookId: 'B 1&x' })
  await client.call('listBook', { path: { id: 'ä/ö?' }, query: { expired: true } })
  expect(at.trades.filters.at(-1)).toMatchObject({ bookId: 'ä/ö?', expired: true })
})

test('what no gateway has said is no answer', async () => {
  const other = new TradewindClient({ baseUrl, fetch: async () => new Response('<html>', { status: 502, headers: { 'content-type': 'text/html' } }) })
  await expect(other.call('getHealth', {})).rejects.toBeInstanceOf(UnexpectedAnswerError)
})

test('events, over a connection that breaks, each once', async () => {
  const stop = new AbortController()
  const heard: string[] = []
  const listening = (async () => {
    for await (const { event, data } of client.events({ query: { outcome: ['CREATED'] } }, { signal: stop.signal })) {
      heard.push(`${event} ${JSON.parse(data).trade_id}`)
      if (heard.length === 1) at.live.feed.close()
      if (heard.length === 2) stop.abort()
    }
  })()
  while (at.live.feed.listeners === 0) await at.clock.settle()
  await at.clock.settle()
  at.cluster.audit(0, at.clock.now(), { trade_id: 'T1', outcome: 'CREATED' })
  while (heard.length === 0) await at.clock.settle()
  at.cluster.audit(0, at.clock.now(), { trade_id: 'T2', outcome: 'CREATED' })
  await listening
  expect(heard).toEqual(['audit T1', 'audit T2'])
})
