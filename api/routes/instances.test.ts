import { createServer } from 'node:net'
import { afterAll, afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { ThreadSnapshot } from '../../engine/thread-statistics.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import type { ProcessorStatus, SinkStatus } from '../queries/instance-status.ts'
import { type QueryAnswers, QueryServer } from '../queries/query-server.ts'
import { recordRebalances } from '../live/recorded-rebalances.ts'
import { GatewayFixture } from '../testing/gateway-fixture.ts'

const at = await GatewayFixture.create()
const servers: QueryServer[] = []
beforeEach(() => at.reset())
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
  // What was learnt in a test is not shared with the next one.
  await at.clock.advance(60_000)
})
afterAll(() => at.server.close())

const { ingested, processed, audit } = TRADE_TOPICS
const figures = { startedAtMs: 1_000, rssBytes: 50_000_000, cpuSeconds: 1.5 }
const THREAD: ThreadSnapshot = {
  name: 'trades-p-0',
  state: 'running',
  recordsCommitted: 10,
  recordsProcessed: 12,
  transactionsCommitted: 3,
  transactionsFailed: 0,
  recordsRestored: 0,
  recoveries: 0,
  deadLetters: 0,
  recordsWritten: { [audit]: 10, [processed]: 6, 'trades-trades-changelog': 6 },
  tasks: [
    { id: '0_0', state: 'running', positions: [], stores: [{ name: 'trades', keys: 5, sizeBytes: 500, position: 9 }, { name: 'requests', keys: 1, sizeBytes: 40, position: 2 }], restoreRemaining: 0 },
    { id: '0_1', state: 'restoring', positions: [], stores: [], restoreRemaining: 77 },
  ],
}
const SINK: SinkStatus = { role: 'sink', ...figures, state: 'running', isPaused: false, circuit: 'closed', rowsWritten: 100, rowsStale: 20, batches: 6, retries: 1, deadLettered: 2, lastError: 'deadlock', writeMs: { p50: 1.23456, p99: 9 } }

async function listen(answers: QueryAnswers): Promise<string> {
  const server = await QueryServer.listen({ host: '127.0.0.1', port: 0, answers })
  servers.push(server)
  return `127.0.0.1:${server.port}`
}

const processor = (thread: Partial<ThreadSnapshot> = {}): ProcessorStatus => ({ role: 'processor', ...figures, thread: { ...THREAD, ...thread } })
const get = async (path: string) => (await at.server.inject({ url: `/api/v1/${path}` })).json()
const post = (path: string) => at.server.inject({ method: 'POST', url: `/api/v1/${path}` })
const ownsInput = (...partitions: number[]) => partitions.map((partition) => ({ topic: ingested, partition }))

test('instances: what they run, how far they are, and one that does not answer', async () => {
  const gone = await listen({ status: () => SINK })
  await servers.pop()?.close()
  at.cluster.members.set('trades', [
    { instanceId: 'trades-p-0', address: await listen({ status: () => processor() }), tasks: ['0_0', '0_1'], partitions: ownsInput(0, 1), generation: 4 },
    { instanceId: 'trades-q-0', address: gone, partitions: [] },
    { instanceId: 'foreign', partitions: [] },
  ])
  at.cluster.committed.set(`trades ${ingested}-0`, 40)
  const { instances, rebalances } = await get('instances')
  expect(instances).toEqual([
    expect.objectContaining({ instance_id: 'foreign', reachable: false, error: 'it does not say where it can be asked', tasks: [], started_at: null }),
    {
      instance_id: 'trades-p-0',
      role: 'processor',
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      reachable: true,
      started_at: '1970-01-01T00:00:01.000Z',
      rss_bytes: 50_000_000,
      cpu_seconds: 1.5,
      state: 'running',
      tasks: [
        { task: '0_0', state: 'running', restore_remaining: 0, committed_offset: 40, records_per_second: null, stores: [{ name: 'trades', entries: 5, size_bytes: 500 }, { name: 'requests', entries: 1, size_bytes: 40 }] },
        { task: '0_1', state: 'restoring', restore_remaining: 77, committed_offset: null, records_per_second: null, stores: [] },
      ],
    },
    expect.objectContaining({ instance_id: 'trades-q-0', reachable: false, error: expect.stringContaining('ECONNREFUSED'), rss_bytes: null }),
  ])
  const rebalance = { group: 'trades', generation: 4, owners: { foreign: [], 'trades-p-0': ['0_0', '0_1'], 'trades-q-0': [] } }
  expect(rebalances).toEqual([{ at: expect.any(String), ...rebalance }])
  // Another gateway sees it, too: it is told once.
  const other = await GatewayFixture.create()
  onTestFinished(() => other.server.close())
  recordRebalances(other.live.groups.rebalances, at.events)
  for (const [group, members] of at.cluster.members) other.cluster.members.set(group, members)
  await other.server.inject({ url: '/api/v1/instances' })
  const { items } = await get('operational-events?event_type=REBALANCED&severity=info&limit=10')
  expect(items).toMatchObject([{ event_type: 'REBALANCED', severity: 'info', data: rebalance }])
  expect((await get('operational-events?event_type=SINK_PAUSED')).items).toEqual([])
  at.cluster.committed.set(`trades ${ingested}-0`, 60)
  await at.clock.advance(2_000)
  expect((await get('instances')).instances[1].tasks[0]).toMatchObject({ committed_offset: 60, records_per_second: 10 })
})

test('an instance that hangs is not reachable, and holds the answer up for a second only', async () => {
  const silent = createServer((socket) => socket.resume())
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening))
  const { port } = silent.address() as { port: number } // it listens on TCP
  at.cluster.members.set('trades', [{ instanceId: 'hangs', address: `127.0.0.1:${port}`, partitions: [] }])
  const { instances } = await get('instances')
  expect(instances).toMatchObject([{ reachable: false, error: expect.stringContaining('did not answer within 1000 ms') }])
  await new Promise((closed) => silent.close(closed))
})

test('nobody is asked when nobody wants to know', async () => {
  let asked = 0
  const address = await listen({
    status: () => {
      asked++
      return SINK
    },
  })
  at.cluster.members.set('trades-sink-postgres', [{ instanceId: 's', address, partitions: [] }])
  await get('groups')
  await get('statistics/history')
  expect(asked).toBe(0)
  await Promise.all([get('sinks'), get('sinks'), get('instances')])
  expect(asked).toBe(1)
})

test('sinks: figures, rates between two looks, and how the group is', async () => {
  let status = SINK
  const address = await listen({ status: () => status })
  at.cluster.members.set('trades-sink-postgres', [{ instanceId: 's', address, partitions: [{ topic: processed, partition: 0 }] }])
  const { sinks } = await get('sinks')
  expect(sinks.map(({ group, state }: Record<string, string>) => [group, state])).toEqual([['trades-sink-postgres', 'running'], ['trades-sink-mongo', 'stopped']])
  expect(sinks[0]).toEqual({
    group: 'trades-sink-postgres',
    role: 'sink-postgres',
    state: 'running',
    lag: 0,
    instances: [{ instance_id: 's', reachable: true, paused: false, circuit: 'closed', rows_total: 100, rows_per_second: null, batch_rows_mean: 20, write_ms: { p50: 1.235, p99: 9 }, retries_total: 1, dead_letters_total: 2, last_error: 'deadlock' }],
  })
  status = { ...SINK, circuit: 'open', rowsWritten: 400 }
  await at.clock.advance(1_000)
  expect((await get('sinks')).sinks[0]).toMatchObject({ state: 'retrying', instances: [{ circuit: 'open', rows_per_second: 300 }] })
})

test('pause and resume reach every instance; one that cannot be told is named', async () => {
  const paused = [false, false]
  const addresses = await Promise.all(paused.map((_, n) => listen({ status: () => ({ ...SINK, isPaused: paused[n] ?? false }), pause: () => void (paused[n] = true), resume: () => void (paused[n] = false) })))
  const members = addresses.map((address, n) => ({ instanceId: `s${n}`, address, partitions: [] }))
  at.cluster.members.set('trades-sink-postgres', members)
  const answer = await post('sinks/trades-sink-postgres/pause')
  expect([answer.statusCode, answer.json().state, answer.json().instances.map((one: { paused: boolean }) => one.paused)]).toEqual([200, 'paused', [true, true]])
  expect((await post('sinks/trades-sink-postgres/resume')).json().state).toBe('running')
  expect(paused).toEqual([false, false])
  await at.clock.advance(1_000)
  await servers.pop()?.close()
  const failed = await post('sinks/trades-sink-postgres/pause')
  expect([failed.statusCode, failed.json().detail]).toEqual([503, expect.stringMatching(/^1 of 2 instances could not be told \(s1: /)])
  expect(paused).toEqual([true, false])
})

test('a sink is paused first, and the answer waits for MongoDB two seconds at most', async () => {
  const asked = Promise.withResolvers<void>()
  const record = vi.spyOn(at.events, 'record').mockImplementation(({ eventType }) => {
    if (eventType === 'SINK_PAUSED') asked.resolve()
    return new Promise(() => {})
  })
  onTestFinished(() => record.mockRestore())
  const done: string[] = []
  const answers = { status: () => SINK, pause: () => void done.push('paused'), resume: () => void done.push('resumed') }
  at.cluster.members.set('trades-sink-postgres', [{ instanceId: 's', address: await listen(answers), partitions: [] }])
  const answer = post('sinks/trades-sink-postgres/pause')
  await asked.promise
  expect(done).toEqual(['paused'])
  await at.clock.advance(2_000)
  expect((await answer).statusCode).toBe(200)
  record.mockRejectedValue(new Error('no primary'))
  expect((await post('sinks/trades-sink-postgres/resume')).statusCode).toBe(200)
})

test('a pause is on record with whom it has reached, and not where it has reached nobody', async () => {
  const pausable = await listen({ status: () => SINK, pause: () => {} })
  const odd = await listen({ status: () => processor() })
  const put = (...addresses: string[]) => at.cluster.members.set('trades-sink-postgres', addresses.map((address, n) => ({ instanceId: `s${n}`, address, partitions: [] })))
  put(odd)
  expect((await post('sinks/trades-sink-postgres/pause')).statusCode).toBe(503)
  await at.clock.advance(1_000)
  put(pausable, odd)
  expect((await post('sinks/trades-sink-postgres/pause')).statusCode).toBe(503)
  await at.clock.advance(1_000)
  put(pausable)
  expect((await post('sinks/trades-sink-postgres/pause')).statusCode).toBe(200)
  const noted = at.events.recordedEvents.flatMap(({ eventType, severity, data }) => (eventType === 'SINK_PAUSED' ? [{ severity, data }] : []))
  const of = { group: 'trades-sink-postgres', by: expect.any(String), told: ['s0'] }
  expect(noted).toEqual([
    { severity: 'warning', data: { ...of, failed: { s1: expect.stringContaining('pause means nothing here') } } },
    { severity: 'info', data: { ...of, failed: {} } },
  ])
})

const member = async (n: number, status: Partial<SinkStatus>) => ({ instanceId: `s${n}`, address: await listen({ status: () => ({ ...SINK, ...status }) }), partitions: [] })

test('a sink of which one instance stands still does not run, whatever the others do', async () => {
  const circuitOpen = { state: 'paused', circuit: 'open' } as const
  at.cluster.members.set('trades-sink-postgres', [await member(0, { isPaused: true, state: 'paused' }), await member(1, {})])
  at.cluster.members.set('trades-sink-mongo', [await member(2, { isPaused: true, state: 'paused' }), await member(3, circuitOpen)])
  expect((await get('sinks')).sinks.map(({ state }: { state: string }) => state)).toEqual(['partly-paused', 'partly-paused'])
  const states = (await get('instances')).instances.map((one: { instance_id: string; state: string }) => [one.instance_id, one.state])
  expect(Object.fromEntries(states)).toEqual({ s0: 'paused', s1: 'running', s2: 'paused', s3: 'retrying' })
})

test('a sink whose instances do not answer is not known to run', async () => {
  at.cluster.members.set('trades-sink-postgres', [{ instanceId: 'foreign', partitions: [] }])
  expect((await get('sinks')).sinks[0]).toMatchObject({ state: 'unknown', instances: [{ reachable: false }] })
})

test('who pauses a sink is told how it is after that, also where somebody looked meanwhile', async () => {
  let looks = 0
  const address = await listen({
    // The first look began before the pause.
    status: () => ({ ...SINK, isPaused: looks++ > 0 }),
    pause: () => void at.live.instances.look(),
  })
  at.cluster.members.set('trades-sink-postgres', [{ instanceId: 's', address, partitions: [] }])
  expect((await post('sinks/trades-sink-postgres/pause')).json()).toMatchObject({ state: 'paused', instances: [{ paused: true }] })
})

test.each([
  ['sinks/nobody/pause', 404],
  ['sinks/trades/pause', 404],
  ['sinks/trades-sink-mongo/resume', 409],
  [`sinks/${'x'.repeat(256)}/pause`, 400],
  ['sinks/%00/pause', 404],
  ['sinks/%ff/pause', 400],
  ["sinks/'%20OR%201=1--/resume", 404],
])('POST /%s is %i', async (path, code) => {
  const answer = await post(path)
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([code, 'application/problem+json'])
  expect(at.unexpected).toEqual([])
})

test('a processor cannot be paused', async () => {
  at.cluster.members.set('trades-sink-mongo', [{ instanceId: 'odd', address: await listen({ status: () => processor() }), partitions: [] }])
  const answer = await post('sinks/trades-sink-mongo/pause')
  expect([answer.statusCode, answer.json().detail]).toEqual([503, expect.stringContaining('pause means nothing here')])
})

test('the topology: rates of what is committed, totals, stores and lag', async () => {
  let thread: Partial<ThreadSnapshot> = {}
  at.cluster.members.set('trades', [{ instanceId: 'trades-p-0', address: await listen({ status: () => processor(thread) }), partitions: ownsInput(0, 1) }])
  at.cluster.write(ingested, 0, { key: 'T', value: '{}', timestamp: 1 })
  await get('topology')
  thread = { recordsCommitted: 30, recordsWritten: { [audit]: 30, [processed]: 10, 'trades-trades-changelog': 16 } }
  at.cluster.committed.set(`trades ${ingested}-0`, 8)
  at.cluster.committed.set(`trades ${ingested}-1`, 4)
  await at.clock.advance(2_000)
  const { sub_topologies: parts, lag, stores } = await get('topology')
  const node = (pick: (one: { name: string; topics: string[] }) => boolean) => parts[0].nodes.find(pick)
  const source = node(({ topics }) => topics.includes(ingested))
  const sink = node(({ topics }) => topics.includes(audit))
  expect(source).toMatchObject({ type: 'source', successors: ['trade-rules'], records_per_second: 6, records_total: 30 })
  expect(node(({ name }) => name === 'trade-rules')).toMatchObject({ type: 'processor', stores: ['trades', 'requests'], records_per_second: 6, records_total: 30 })
  expect(node(({ name }) => name === 'trade-rules')).toMatchObject({ successors: expect.arrayContaining([sink.name]) })
  expect(sink).toMatchObject({ type: 'sink', successors: [], records_per_second: 10, records_total: 30 })
  expect(node(({ name }) => name === 'trades')).toMatchObject({ type: 'store', records_per_second: 5, records_total: 16 })
  expect(lag).toEqual({ [ingested]: 0 })
  expect(stores).toEqual([{ name: 'requests', entries: 1, size_bytes: 40, tasks: 1 }, { name: 'trades', entries: 5, size_bytes: 500, tasks: 1 }])
})

test('without instances the graph is there all the same', async () => {
  const { sub_topologies: parts, stores } = await get('topology')
  expect([parts[0].nodes.length, stores]).toEqual([9, []])
  expect((await get('instances')).instances).toEqual([])
})
