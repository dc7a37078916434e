import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { TRADE_TOPICS } from '../topology/trade-topics.ts'
import { type QueryAnswers, QueryServer } from './queries/query-server.ts'
import { GatewayFixture, JSON_TYPE, TRADE } from './testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
const servers: QueryServer[] = []
beforeEach(() => at.reset())
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
  await at.clock.advance(60_000)
})
afterAll(() => at.server.close())

const { processed, audit, repaired, deadLetter } = TRADE_TOPICS
type Asked = Parameters<NonNullable<QueryAnswers['reached']>>[0]

/** A sink that has these partitions, and answers as it is told. */
async function sink(name: string, topics: readonly string[], reached: QueryAnswers['reached']): Promise<void> {
  const answers: QueryAnswers = { status: () => ({ role: 'sink', startedAtMs: 0, rssBytes: 0, cpuSeconds: 0, state: 'running', isPaused: false, circuit: 'closed', rowsWritten: 0, rowsStale: 0, batches: 0, retries: 0, deadLettered: 0, lastError: undefined, writeMs: undefined }), ...(reached && { reached }) }
  const server = await QueryServer.listen({ host: '127.0.0.1', port: 0, answers })
  servers.push(server)
  at.cluster.members.set(`trades-sink-${name}`, [{ instanceId: name, address: `127.0.0.1:${server.port}`, partitions: topics.flatMap((topic) => [0, 1].map((partition) => ({ topic, partition }))) }])
}

/** A request that has its answer, and its records in Kafka. Answers its id. */
async function request(): Promise<string> {
  const answer = await at.server.inject({ method: 'POST', url: '/api/v1/trades', headers: JSON_TYPE, payload: JSON.stringify(TRADE) })
  const { request_id: id } = answer.json()
  for (const partition of [0, 1]) {
    for (const topic of [processed, audit, repaired, deadLetter]) {
      at.cluster.write(topic, partition, { key: 'T1', value: '{}', timestamp: 1 })
      // The end of its transaction is still on its way.
      at.cluster.model.log(topic, partition).writeOpen([{ key: 'T1', value: '{}' }], 7)
    }
  }
  return id
}

const read = (path: string, consistency: string) => at.server.inject({ url: `/api/v1/${path}`, headers: { consistency } })
const READS = ['trades', 'trades/book/B1', 'trades/T1/versions', 'audit-logs', 'trades/T1/timeline']

test('a read waits until the sinks have what the request has written', async () => {
  const asked: Asked[] = []
  const gate = Promise.withResolvers<boolean>()
  await sink('postgres', [processed], (question) => {
    asked.push(question)
    return gate.promise
  })
  const id = await request()
  at.answer(id)
  at.trades.rows = []
  const answer = read('trades', `read-your-write; request=${id}`)
  while (asked.length === 0) await at.clock.settle()
  // Behind all that is in the log, committed or about to be.
  expect(asked).toEqual([{ topic: processed, partition: expect.any(Number), offset: 2 }])
  at.trades.rows = [{ trade_id: 'T1', version: 1, bookId: 'B1', json: '{"trade_id":"T1"}' }]
  gate.resolve(true)
  expect((await answer).json().items.length).toBe(1)
})

test('each read waits for the sinks that it reads', async () => {
  const asked: string[] = []
  await sink('postgres', [processed], async ({ topic }) => asked.push(`postgres ${topic}`) > 0)
  await sink('mongo', [audit, processed, repaired, deadLetter], async ({ topic }) => asked.push(`mongo ${topic}`) > 0)
  const id = await request()
  at.answer(id)
  const found: Record<string, string[]> = {}
  for (const path of READS) {
    await read(path, `read-your-write;request=${id}`)
    found[path] = asked.splice(0).toSorted()
  }
  const postgres = [`postgres ${processed}`]
  // A letter may lie in any partition, of which there are two.
  const mongo = [processed, audit, repaired, deadLetter, deadLetter].map((topic) => `mongo ${topic}`).toSorted()
  expect(found).toEqual({ trades: postgres, 'trades/book/B1': postgres, 'trades/T1/versions': postgres, 'audit-logs': mongo, 'trades/T1/timeline': [...mongo, ...postgres] })
})

test('a partition on its way to another sink is asked for there', async () => {
  await sink('postgres', [processed], async () => undefined)
  const id = await request()
  at.answer(id)
  const answer = read('trades', `read-your-write; request=${id}`)
  await at.clock.advance(500)
  await sink('postgres', [processed], async () => true)
  let isAnswered = false
  void answer.then(() => {
    isAnswered = true
  })
  while (!isAnswered) await at.clock.advance(100)
  expect((await answer).statusCode).toBe(200)
})

test('what is not there in time is 503 with Retry-After: a pending request, a sink that is behind, no sink at all', async () => {
  const id = await request()
  const pending = await read('trades', `read-your-write; request=${id}`)
  expect([pending.statusCode, pending.headers['retry-after'], pending.json().type]).toEqual([503, '1', 'urn:tradewind:problem:not-written-yet'])
  at.answer(id)
  await sink('postgres', [processed], async () => false)
  for (const path of ['trades', 'audit-logs']) {
    const answer = read(path, `read-your-write; request=${id}`)
    let isAnswered = false
    void answer.then(() => {
      isAnswered = true
    })
    const startMs = at.clock.monotonicMs()
    while (!isAnswered) await at.clock.advance(100)
    expect((await answer).statusCode).toBe(503)
    expect(at.clock.monotonicMs() - startMs).toBeLessThanOrEqual(6_000)
  }
})

test.each(['', 'read-your-write', 'eventual', 'read-your-write; request=', 'read-your-write; request=0-1-2-3; more=1', `read-your-write; request=${'1'.repeat(500)}`, "read-your-write; request='OR 1=1"])(
  'Consistency: %s is 400',
  async (header) => {
    for (const path of READS) {
      const answer = await read(path, header)
      expect([answer.statusCode, answer.json().errors[0].header], path).toEqual([400, 'consistency'])
    }
    expect(at.unexpected).toEqual([])
  },
)

test('Kafka that does not tell where its logs end: 503 within the time of the wait', async () => {
  const id = await request()
  at.answer(id)
  at.cluster.ask = () => new Promise(() => {})
  const startMs = at.clock.monotonicMs()
  let isAnswered = false
  const answer = read('trades', `read-your-write; request=${id}`).finally(() => {
    isAnswered = true
  })
  while (!isAnswered && at.clock.monotonicMs() - startMs < 20_000) await at.clock.advance(100)
  expect(isAnswered).toBe(true)
  expect([(await answer).statusCode, (await answer).json().type]).toEqual([503, 'urn:tradewind:problem:kafka-away'])
  expect(at.clock.monotonicMs() - startMs).toBeLessThanOrEqual(6_000)
})

test('a request that never was is not found', async () => {
  for (const path of READS) expect((await read(path, 'read-your-write; request=0-1-2-3')).statusCode, path).toBe(404)
})
