import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { KafkaAwayError } from '../../ports/kafka-client.ts'
import { GatewayFixture, JSON_TYPE, TRADE } from '../testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
await at.server.listen({ host: '127.0.0.1', port: 0 })
const { port } = at.server.server.address() as AddressInfo // it listens on TCP
beforeEach(() => at.reset())
afterAll(() => at.server.close())

const LINES = { 'content-type': 'application/x-ndjson' }
const trade = (n: number) => ({ ...TRADE, trade_id: `T${n}` })

function post(payload: string, headers: Record<string, string> = JSON_TYPE) {
  return at.server.inject({ method: 'POST', url: '/api/v1/trades:batch', headers, payload })
}

interface Result {
  readonly index: number
  readonly status: number
  readonly request?: { readonly request_id: string }
  readonly problem?: { readonly type: string; readonly errors?: unknown[]; readonly request_id?: string }
}

test('one result an item, in the order given: written, or the faults of that item', async () => {
  const answer = await post(JSON.stringify([trade(0), { trade_id: 'x' }, trade(2), 5]))
  expect(answer.statusCode).toBe(207)
  const { results } = answer.json<{ results: Result[] }>()
  expect(results.map(({ index, status }) => [index, status])).toEqual([
    [0, 202],
    [1, 400],
    [2, 202],
    [3, 400],
  ])
  expect(results[1]?.problem).toMatchObject({ type: 'urn:tradewind:problem:invalid-trade', errors: expect.arrayContaining([expect.objectContaining({ pointer: '/version' })]) })
  expect(at.sent.map(({ key }) => String(key))).toEqual(['T0', 'T2'])
  expect(results[2]?.request?.request_id).toBe(at.header(1, 'request-id'))
})

test('NDJSON in, NDJSON out', async () => {
  const answer = await post(`${JSON.stringify(trade(0))}\n\n{"a":\n${JSON.stringify(trade(2))}`, LINES)
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([207, 'application/x-ndjson'])
  const results: Result[] = answer.body.trim().split('\n').map((line) => JSON.parse(line))
  expect(results.map(({ status }) => status)).toEqual([202, 400, 202])
})

test.each([
  ['[]', JSON_TYPE, 'empty-batch'],
  ['', LINES, 'empty-batch'],
  ['', {}, 'empty-batch'],
  ['{"trade_id":"T1"}', JSON_TYPE, 'broken-batch'],
  ['[', JSON_TYPE, 'broken-batch'],
])('the body %j is 400', async (body, headers, name) => {
  const answer = await post(body, headers)
  expect([answer.statusCode, answer.json().type]).toEqual([400, `urn:tradewind:problem:${name}`])
})

test('an array that breaks off: what was read of it is answered, and then why it goes no further', async () => {
  const { results } = (await post(`[${JSON.stringify(trade(0))},${JSON.stringify(trade(1))}`)).json<{ results: Result[] }>()
  expect(results.map(({ index, status, problem }) => [index, status, problem?.type])).toEqual([
    [0, 202, undefined],
    [1, 400, 'urn:tradewind:problem:broken-batch'],
  ])
})

test('Kafka away in the middle: the items that met it say so, each with its request id', async () => {
  at.produce = async ({ key }) => (String(key) === 'T1' ? Promise.reject(new KafkaAwayError('no answer', true)) : 1)
  const { results } = (await post(JSON.stringify([trade(0), trade(1), trade(2)]))).json<{ results: Result[] }>()
  expect(results.map(({ status }) => status)).toEqual([202, 503, 202])
  expect(results[1]?.problem?.request_id).toBe(at.header(1, 'request-id'))
})

test('with an idempotency key each item is claimed by its position', async () => {
  const headers = { ...JSON_TYPE, 'idempotency-key': 'k' }
  const ids = async (...trades: object[]) => (await post(JSON.stringify(trades), headers)).json<{ results: Result[] }>().results.map(({ request: of, status }) => of?.request_id ?? status)
  const first = await ids(trade(0), trade(1))
  expect(await ids(trade(0), trade(1))).toEqual(first)
  expect(await ids(trade(0), trade(5), trade(6))).toEqual([first[0], 422, expect.any(String)])
})

test('with Prefer: wait each item has its outcome', async () => {
  at.lookUp = async (_store, _partition, key) => at.answer(key, key === at.header(1, 'request-id') ? { outcome: 'STALE_VERSION', status: 'FAILED', reason: 'old' } : {})
  const { results } = (await post(JSON.stringify([trade(0), trade(1)]), { ...JSON_TYPE, prefer: 'wait=2' })).json<{ results: Result[] }>()
  expect(results.map(({ status, problem }) => [status, problem?.type])).toEqual([
    [201, undefined],
    [400, 'urn:tradewind:problem:stale-version'],
  ])
})

test('a sender that waits for results before it sends more gets them', async () => {
  const call = request({ port, host: '127.0.0.1', method: 'POST', path: '/api/v1/trades:batch', headers: LINES })
  const answered = Promise.withResolvers<import('node:http').IncomingMessage>()
  call.on('response', answered.resolve)
  call.write(`${JSON.stringify(trade(0))}\n`)
  const answer = await answered.promise
  const results = answer.setEncoding('utf8')[Symbol.asyncIterator]()
  expect(JSON.parse((await results.next()).value)).toMatchObject({ index: 0, status: 202 })
  call.end(`${JSON.stringify(trade(1))}\n`)
  expect(JSON.parse((await results.next()).value)).toMatchObject({ index: 1, status: 202 })
  expect((await results.next()).done).toBe(true)
})

test('who does not read is not read from for ever: what is under way is bounded', async () => {
  let most = 0
  let now = 0
  at.produce = async () => {
    most = Math.max(most, ++now)
    await new Promise((resolve) => setImmediate(resolve))
    return --now
  }
  const items = Array.from({ length: 6_000 }, (_, n) => JSON.stringify(trade(n)))
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/trades:batch`, { method: 'POST', headers: LINES, body: items.join('\n') })
  const statuses = (await answer.text()).trim().split('\n').map((line) => JSON.parse(line).status)
  expect(statuses.length).toBe(items.length)
  expect(statuses.every((status) => status === 202)).toBe(true)
  // A window, and what one piece of the body holds.
  expect(most).toBeLessThan(4_000)
})

test('the bytes under way are bounded too: a body of large trades is read no further while they wait', async () => {
  const gate = Promise.withResolvers<void>()
  let bytes = 0
  at.produce = async ({ value }) => {
    bytes += value?.length ?? 0
    await gate.promise
    return 1
  }
  const items = Array.from({ length: 40 }, (_, n) => JSON.stringify({ ...trade(n), blob: 'x'.repeat(500_000) }))
  const call = request({ port, host: '127.0.0.1', method: 'POST', path: '/api/v1/trades:batch', headers: LINES })
  const answered = new Promise<string[]>((resolve, reject) => {
    call.on('error', reject).on('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => resolve(text.trim().split('\n')))
    })
  })
  for (const item of items) call.write(`${item}\n`)
  call.end()
  // As much is read, and then no more, whatever the connection brings.
  while (bytes < 7_500_000) await at.clock.settle()
  for (let turn = 0; turn < 2_000; turn++) await at.clock.settle()
  expect(bytes).toBeLessThan(9_000_000)
  gate.resolve()
  const statuses = (await answered).map((line) => JSON.parse(line).status)
  expect(statuses).toEqual(items.map(() => 202))
})

test('an error of an item that nobody reckoned with is noted', async () => {
  at.produce = async ({ key }) => (String(key) === 'T1' ? Promise.reject(new Error('secret')) : 1)
  const answer = await post(JSON.stringify([trade(0), trade(1)]))
  expect(answer.json<{ results: Result[] }>().results.map(({ status }) => status)).toEqual([202, 500])
  expect([at.unexpected.map(({ message }) => message), answer.body.includes('secret')]).toEqual([['secret'], false])
})

test('the claim of an item is never that of a single trade', async () => {
  const { results } = (await post(JSON.stringify([trade(0), trade(1)]), { ...JSON_TYPE, 'idempotency-key': 'k' })).json<{ results: Result[] }>()
  const keys = [...at.claims.claimed.values()].map(({ key }) => key)
  expect(results.map(({ status }) => status)).toEqual([202, 202])
  expect(new Set(keys).size).toBe(2)
  // What a header can hold is of one byte a character.
  for (const key of keys) expect(key).toMatch(/[^\u0000-\u00ff]/)
  const single = await at.server.inject({ method: 'POST', url: '/api/v1/trades', headers: { ...JSON_TYPE, 'idempotency-key': 'k#1' }, payload: JSON.stringify(trade(7)) })
  expect(single.statusCode).toBe(202)
})

test('who waits for a result is not silent, however long it takes; who sends nothing after it is', async () => {
  const gate = Promise.withResolvers<number>()
  at.produce = () => gate.promise
  const call = request({ port, host: '127.0.0.1', method: 'POST', path: '/api/v1/trades:batch', headers: LINES })
  const answered = Promise.withResolvers<import('node:http').IncomingMessage>()
  call.on('response', answered.resolve).on('error', answered.reject)
  call.write(`${JSON.stringify(trade(0))}\n`)
  while (at.sent.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await at.clock.advance(100_000)
  gate.resolve(1)
  const results = (await answered.promise).setEncoding('utf8')[Symbol.asyncIterator]()
  expect(JSON.parse((await results.next()).value)).toMatchObject({ index: 0, status: 202 })
  await at.clock.advance(29_000)
  call.write(`${JSON.stringify(trade(1))}\n`)
  expect(JSON.parse((await results.next()).value)).toMatchObject({ index: 1, status: 202 })
  await at.clock.advance(31_000)
  expect(JSON.parse((await results.next()).value)).toMatchObject({ index: 2, status: 408 })
  expect((await results.next()).done).toBe(true)
  call.destroy()
})
