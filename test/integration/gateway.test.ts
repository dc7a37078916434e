import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Role } from '../../cli/demo/role.ts'
import type { GatewayStatus } from '../../cli/gateway-status.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { HeaderBlockBuilder } from '../../records/headers.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { type OpenApi, type PastedCall, pastedCalls } from '../support/openapi-examples.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'

const BUSINESS_DATE = '2026-12-11'
const TRADE = { version: 1, counterparty_id: 'CP-1', book_id: 'B1', maturity_date: '2027-05-20', created_date: '2026-12-11' }
const JSON_TYPE = { 'content-type': 'application/json' }

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Headers
}

describe.skipIf(brokersOfRun === undefined)('tradewind gateway, on processor, sinks and databases', { timeout: 120_000 }, () => {
  let environment: TradeEnvironment
  let processor: Role<ProcessorStatus>
  let gateway: Role<GatewayStatus>
  let url = ''

  beforeAll(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '4' } })
    processor = environment.processor()
    environment.sink('postgres')
    environment.sink('mongo')
    gateway = environment.gateway()
    await environment.running(processor)
    url = await environment.listening(gateway)
  }, 120_000)
  afterAll(() => environment.close())

  async function call(method: string, path: string, options: { body?: unknown; headers?: Record<string, string> } = {}): Promise<Answer> {
    const body = options.body === undefined ? undefined : typeof options.body === 'string' ? options.body : JSON.stringify(options.body)
    const answer = await fetch(`${url}${path}`, { method, headers: { ...(body !== undefined && JSON_TYPE), ...options.headers }, ...(body !== undefined && { body }) })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text), headers: answer.headers }
  }

  const post = (tradeId: string, fields: object = {}, headers: Record<string, string> = {}) => call('POST', '/api/v1/trades', { body: { trade_id: tradeId, ...TRADE, ...fields }, headers })
  const WAIT = { prefer: 'wait=20' }

  test('a trade posted is answered with its outcome, and stands in the store at once', async () => {
    const outcomes = [await post('G1', {}, WAIT), await post('G1', {}, WAIT), await post('G1', { version: 3 }, WAIT), await post('G1', { version: 2 }, WAIT), await post('G2', { maturity_date: '2020-01-01' }, WAIT)]
    expect(outcomes.map(({ status, body }) => [status, body['outcome']])).toEqual([
      [201, 'CREATED'],
      [200, 'DUPLICATE'],
      [200, 'UPDATED'],
      [400, 'STALE_VERSION'],
      [400, 'PAST_MATURITY'],
    ])
    expect((await call('GET', '/api/v1/trades/G1')).body).toMatchObject({ trade_id: 'G1', version: 3, expired: false })
    expect((await call('DELETE', '/api/v1/trades/G1', { headers: WAIT })).body).toMatchObject({ outcome: 'DELETED', version: 3 })
    expect((await call('GET', '/api/v1/trades/G1')).status).toBe(404)
    expect((await call('DELETE', '/api/v1/trades/G1', { headers: WAIT })).status).toBe(404)
  })

  test('a request is followed from its Location', async () => {
    const accepted = await post('G3')
    const location = accepted.headers.get('location') ?? ''
    expect([accepted.status, accepted.body['status']]).toEqual([202, 'PENDING'])
    expect((await call('GET', location, { headers: WAIT })).body).toMatchObject({ status: 'SUCCESS', outcome: 'CREATED', trade_id: 'G3', version: 1 })
  })

  test('lists, versions, audit and timeline: page by page, of what the sinks have written', async () => {
    for (let n = 0; n < 7; n++) await post(`L${n}`, { book_id: 'BOOK', note: 1.5 })
    await post('L3', { version: 2, book_id: 'BOOK' }, WAIT)
    const all = async (path: string): Promise<Record<string, unknown>[]> => {
      const found: Record<string, unknown>[] = []
      for (let cursor: unknown = ''; cursor !== null; ) {
        const { body } = await call('GET', `${path}limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)
        found.push(...(body['items'] as Record<string, unknown>[])) // as the schema says
        cursor = body['next']
      }
      return found
    }
    await environment.until('the rows are there', async () => (await call('GET', '/api/v1/trades/L3/versions')).status === 200 && (await all('/api/v1/trades/L3/versions?')).length === 2)
    expect((await all('/api/v1/trades/book/BOOK?')).map((trade) => [trade['trade_id'], trade['version']])).toEqual(Array.from({ length: 7 }, (_, n) => [`L${n}`, n === 3 ? 2 : 1]))
    expect((await all('/api/v1/trades?book=BOOK&expired=false&maturity_from=2027-05-20&')).at(0)).toEqual({ trade_id: 'L0', ...TRADE, book_id: 'BOOK', note: 1.5, expired: false, last_updated: expect.any(String) })
    expect(await all('/api/v1/trades?maturity_from=2027-05-21&')).toEqual([])
    const audit = await environment.until('the audit is there', async () => {
      const entries = await all('/api/v1/audit-logs?trade_id=L3&')
      return entries.length === 2 && entries
    })
    expect(audit.map((entry) => entry['outcome'])).toEqual(['UPDATED', 'CREATED'])
    expect((await all('/api/v1/audit-logs?')).length).toBeGreaterThan(8)
    const { body: timeline } = await call('GET', '/api/v1/trades/L3/timeline')
    expect(timeline).toMatchObject({ trade_id: 'L3', state: { version: 2 }, versions: [{ version: 1 }, { version: 2 }] })
    expect((await call('GET', '/api/v1/health')).body).toMatchObject({ status: 'up' })
    expect((await call('GET', '/api/v1/statistics')).body).toMatchObject({ trades: { expired: 0 } })
    expect((await call('POST', '/api/v1/expire-trades')).body).toEqual({ expired: 0 })
  })

  test('a read waits for a write, with a request id', async () => {
    for (let n = 1; n <= 5; n++) {
      const { body } = await post('RYW', { version: n })
      const headers = { consistency: `read-your-write; request=${body['request_id']}` }
      const versions = await call('GET', '/api/v1/trades/RYW/versions', { headers })
      expect([versions.status, (versions.body['items'] as unknown[]).length]).toEqual([200, n])
      const audit = await call('GET', '/api/v1/audit-logs?trade_id=RYW', { headers })
      expect((audit.body['items'] as unknown[]).length).toBe(n)
    }
  })

  test('events of a trade while they happen; at another gateway, what came meanwhile', async () => {
    const stop = new AbortController()
    onTestFinished(() => stop.abort())
    const hear = async (address: string, wanted: number, lastId?: string) => {
      const answer = await fetch(`${address}/api/v1/events?trade_id=LIVE`, { signal: stop.signal, ...(lastId !== undefined && { headers: { 'last-event-id': lastId } }) })
      let text = ''
      return async () => {
        for await (const chunk of answer.body ?? []) {
          text += Buffer.from(chunk).toString()
          if ((text.match(/^data: .*$/gm)?.length ?? 0) >= wanted) break
        }
        return { data: [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json)), lastId: [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] }
      }
    }
    const first = await hear(url, 2)
    // The consumer begins with the first listener, at what is committed then: an event shows that it has.
    let version = 0
    const heard = first()
    let isHeard = false
    void heard.then(() => {
      isHeard = true
    })
    while (!isHeard) await post('LIVE', { version: ++version }, WAIT)
    const { data, lastId } = await heard
    expect(data.every((event) => event.trade_id === 'LIVE')).toBe(true)
    expect(data.find((event) => 'outcome' in event)).toMatchObject({ status: 'success', e2e_ms: expect.any(Number) })
    expect(data.find((event) => 'deleted' in event)).toMatchObject({ deleted: false, trade: { trade_id: 'LIVE' } })
    await call('DELETE', '/api/v1/trades/LIVE', { headers: WAIT })
    const other = environment.gateway()
    onTestFinished(() => environment.stop(other))
    const missed = await (await hear(await environment.listening(other), 2, lastId))()
    expect(missed.data.some((event) => event.deleted === true || event.outcome === 'DELETED')).toBe(true)
  })

  test('a sink that is paused falls behind, keeps its partitions, and catches up', async () => {
    const name = `${environment.applicationId}-sink-postgres`
    const sink = async () => ((await call('GET', '/api/v1/sinks')).body['sinks'] as { group: string; state: string; lag: number }[]).find(({ group }) => group === name)
    const owners = async () => ((await call('GET', '/api/v1/groups')).body['groups'] as { group: string; lag: number; partitions: { owner: string | null }[] }[]).find(({ group }) => group === name)
    const before = await environment.until('the sink has its partitions', async () => {
      const group = await owners()
      return group?.partitions.every(({ owner }) => owner !== null) && group
    })
    expect((await call('POST', `/api/v1/sinks/${name}/pause`)).body).toMatchObject({ state: 'paused', instances: [{ paused: true }] })
    await post('PAUSED', {}, WAIT)
    await environment.until('lag shows', async () => ((await sink())?.lag ?? 0) > 0)
    expect((await call('GET', '/api/v1/trades/PAUSED/versions')).status).toBe(404)
    expect((await owners())?.partitions.map(({ owner }) => owner)).toEqual(before.partitions.map(({ owner }) => owner))
    expect((await call('POST', `/api/v1/sinks/${name}/resume`)).body).toMatchObject({ state: 'running' })
    await environment.until('the row is there', async () => (await call('GET', '/api/v1/trades/PAUSED/versions')).status === 200)
    await environment.until('lag is gone', async () => (await sink())?.lag === 0)
    const happened = async (query: string) => ((await call('GET', `/api/v1/operational-events?${query}`)).body['items'] as { event_type: string; data: object; timestamp: string }[])
    const events = await happened('limit=500')
    expect(events.filter(({ event_type: type }) => /^SINK_(PAUSED|RESUMED)$/.test(type)).map(({ event_type: type, data }) => [type, data])).toEqual([
      ['SINK_RESUMED', { group: name, by: 'anonymous', told: [expect.any(String)], failed: {} }],
      ['SINK_PAUSED', { group: name, by: 'anonymous', told: [expect.any(String)], failed: {} }],
    ])
    expect(events.map(({ event_type: type }) => type)).toEqual(expect.arrayContaining(['REBALANCED', 'SINK_STARTED']))
    const until = events.at(-1)?.timestamp ?? ''
    expect((await happened(`event_type=SINK_PAUSED&severity=info&to=${until}`)).length).toBe(0)
    expect((await happened(`event_type=SINK_PAUSED&severity=info&from=${until}`)).length).toBe(1)
  })

  test('a dead letter, mended and sent again, becomes a trade; who did it is told', async () => {
    const key = Buffer.from('MENDED')
    const builder = new BatchBuilder({ transactional: false })
    const headers = new HeaderBlockBuilder()
    headers.reset()
    headers.add('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
    builder.append(Date.now(), new ByteView(key), ByteView.of('{"trade_id":"MENDED",'), headers.into(new ByteView()))
    const producer = environment.client.producer()
    await producer.produce([{ topic: environment.topics.ingested, partition: partitionOf(murmur2(key, 0, key.length), 4), bytes: builder.seal(), recordCount: 1 }])
    await producer.close()
    const find = async () => ((await call('GET', '/api/v1/dead-letters?limit=10')).body['items'] as { id: string; trade_id: string; value_text: string; replays: unknown[] }[]).find((item) => item.trade_id === 'MENDED')
    const letter = await environment.until('the letter is there', find)
    expect(letter).toMatchObject({ value_text: '{"trade_id":"MENDED",', replayable: true, error: { exception: 'InvalidTrade', topic: environment.topics.ingested }, replays: [] })
    const accepted = await call('POST', `/api/v1/dead-letters/${letter.id}/replay`, { body: { confirm: true, value_text: JSON.stringify({ trade_id: 'MENDED', ...TRADE }) } })
    expect(accepted.status).toBe(202)
    expect((await call('GET', accepted.headers.get('location') ?? '', { headers: WAIT })).body).toMatchObject({ outcome: 'CREATED', trade_id: 'MENDED' })
    expect((await find())?.replays).toEqual([{ at: expect.any(String), by: 'anonymous', edited: true, request_id: accepted.body['request_id'] }])
    // The support desk's question, in one call.
    const told = await environment.until('its story is told', async () => {
      const { body } = await call('GET', '/api/v1/trades/MENDED/timeline')
      const found = body['events'] as { event_type?: string; outcome?: string; trace_id?: string; links: { dead_letter?: string; request?: string } }[]
      return found.some(({ event_type: type }) => type === 'TRADE_REPAIRED') && body['row'] !== null && found.length >= 6 && { row: body['row'], found }
    })
    expect(told.found.map(({ event_type: type, outcome }) => type ?? outcome ?? 'state').toSorted()).toEqual(['CREATED', 'DEAD_LETTER', 'DEAD_LETTER_REPLAYED', 'INVALID', 'TRADE_REPAIRED', 'state'])
    expect(told.row).toMatchObject({ deleted: false, trade: { trade_id: 'MENDED' } })
    const dead = told.found.find(({ event_type: type }) => type === 'DEAD_LETTER')
    expect([dead?.trace_id, dead?.links]).toEqual(['0af7651916cd43dd8448eb211c80319c', { dead_letter: `/api/v1/dead-letters/${letter.id}` }])
    expect((await call('GET', dead?.links.dead_letter ?? '')).body).toMatchObject({ id: letter.id, replays: [{ edited: true }] })
  })

  test('who runs what, what flows where, and all of it for Prometheus', async () => {
    const instances = (await call('GET', '/api/v1/instances')).body['instances'] as { role: string; reachable: boolean; tasks: { state: string; stores: { name: string; entries: number; size_bytes: number }[] }[] }[]
    expect(instances.map(({ role, reachable }) => [role, reachable]).toSorted()).toEqual([['processor', true], ['sink-mongo', true], ['sink-postgres', true]])
    const tasks = instances.flatMap((instance) => instance.tasks)
    expect(tasks.map(({ state }) => state)).toEqual(['running', 'running', 'running', 'running'])
    const stores = (await call('GET', '/api/v1/topology')).body['stores'] as { name: string; entries: number; size_bytes: number; tasks: number }[]
    expect(stores.map(({ name, tasks: count }) => [name, count])).toEqual([['requests', 4], ['trades', 4]])
    expect(stores.every(({ entries, size_bytes: bytes }) => entries > 0 && bytes > 0)).toBe(true)
    const [part] = (await call('GET', '/api/v1/topology')).body['sub_topologies'] as { nodes: { type: string; topics: string[]; records_total: number }[] }[]
    const total = (topic: string) => part?.nodes.find(({ topics }) => topics.includes(topic))?.records_total ?? 0
    // Each record has its audit entry.
    expect(total(environment.topics.audit)).toBe(total(environment.topics.ingested))
    expect(total(environment.topics.processed)).toBeGreaterThan(10)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(new RegExp(`^kafka_consumergroup_lag\\{consumergroup="${environment.applicationId}",topic="${environment.topics.ingested}",partition="3"\\} 0$`, 'm'))
    const samples = await environment.until('the history has begun', async () => {
      const found = (await call('GET', '/api/v1/statistics/history')).body['samples'] as unknown[]
      return found.length > 0 && found
    })
    expect(samples[0]).toMatchObject({ in_per_second: expect.any(Number), lag: { [environment.applicationId]: expect.any(Number) } })
  })

  test('owners killed, moved and started again: no answer is wrong', async () => {
    const accepted = await Promise.all(Array.from({ length: 40 }, (_, n) => post(`M${n}`, {}, WAIT)))
    const paths = accepted.map(({ body }) => `/api/v1/requests/${body['request_id']}`)
    expect(accepted.map(({ status }) => status)).toEqual(accepted.map(() => 201))
    let asking = true
    const counts = { right: 0, unavailable: 0 }
    const wrong: Answer[] = []
    const ask = async (): Promise<void> => {
      for (let n = 0; asking; n++) {
        const answer = await call('GET', paths[n % paths.length] ?? '')
        if (answer.status === 503) counts.unavailable++
        else if (answer.status === 200 && answer.body['status'] === 'SUCCESS') counts.right++
        else wrong.push(answer)
      }
    }
    const askers = Promise.all(Array.from({ length: 2 }, ask))
    onTestFinished(() => {
      asking = false
      return askers.then(() => {})
    })
    const second = environment.processor({ settings: { 'data.dir': join(environment.folder, 'second') } })
    await environment.until('tasks move', () => (second.status?.running.length ?? 0) >= 2)
    processor.kill()
    await processor.ended
    processor = environment.processor()
    await environment.until('the killed one is back', () => (processor.status?.running.length ?? 0) >= 2)
    const before = counts.right
    await environment.stop(second)
    await environment.running(processor)
    await environment.until('everything is answered', () => counts.right > before + 200)
    asking = false
    await askers
    expect(wrong).toEqual([])
    expect(counts.right).toBeGreaterThan(200)
  })

  test('the examples of the OpenAPI work when they are pasted', async () => {
    const before = await post('T1', {}, WAIT)
    await call('GET', '/api/v1/trades/T1/versions', { headers: { consistency: `read-your-write; request=${before.body['request_id']}` } })
    const calls = pastedCalls((await call('GET', '/openapi.json')).body as unknown as OpenApi).filter(({ operationId }) => operationId !== 'streamEvents') // as its own test says
    // What they name is not there: requests with a signature of nobody, sinks and dead letters of others.
    const isElsewhere = ({ operationId, headers }: PastedCall) => 'consistency' in headers || ['getRequest', 'pauseSink', 'resumeSink', 'getDeadLetter', 'replayDeadLetter'].includes(operationId)
    const answers: (readonly [string, number])[] = []
    for (const pasted of calls.toSorted((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'))) {
      const answer = await fetch(`${url}${pasted.path}`, { method: pasted.method, headers: pasted.headers, ...(pasted.body !== undefined && { body: pasted.body }) })
      await answer.arrayBuffer()
      expect(pasted.statuses, pasted.name).toContain(answer.status)
      // It is deleted once.
      const expected = isElsewhere(pasted) || pasted.name === 'deleteTrade prefer' ? 404 : 200
      answers.push([pasted.name, answer.status === 404 ? 404 : answer.status < 300 ? 200 : answer.status])
      expect(answers.at(-1)).toEqual([pasted.name, expected])
    }
    expect(answers.length).toBeGreaterThan(30)
  })

  test('a gateway that dies between Kafka and its answer: the retry has the first outcome, and it is processed once', async () => {
    const headers = { 'idempotency-key': 'crash-1', ...WAIT }
    const dying = environment.gateway({ failpoint: 'gateway:written@1:kill' })
    const address = await environment.listening(dying)
    const lost = await fetch(`${address}/api/v1/trades`, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify({ trade_id: 'G4', ...TRADE }) }).catch(() => 'lost')
    expect(lost).toBe('lost')
    const retried = await post('G4', {}, headers)
    expect([retried.status, retried.body['outcome']]).toEqual([201, 'CREATED'])
    expect((await post('G4', {}, headers)).body).toEqual(retried.body)
    expect((await post('G5', {}, headers)).status).toBe(422)
  })

  test('what is no HTTP, headers without end, and a body without end are answered, and cost nothing', async () => {
    const { hostname, port } = new URL(url)
    const raw = (text: string) =>
      new Promise<string>((resolve) => {
        let answer = ''
        const socket = connect(Number(port), hostname, () => socket.write(text))
        socket.on('data', (chunk) => (answer += chunk))
        socket.on('error', () => resolve(answer))
        socket.on('close', () => resolve(answer))
      })
    expect(await raw('nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*application\/problem\+json/s)
    expect(await raw(`GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 .*application\/problem\+json/s)
    expect((await call('POST', '/api/v1/trades', { body: 'x'.repeat(5_000_000) })).status).toBe(413)
  })
})
