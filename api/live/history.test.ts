import { expect, onTestFinished, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { LiveCluster } from '../testing/live-cluster.ts'
import { AuditSamples } from './audit-sample.ts'
import { GroupWatch } from './group-watch.ts'
import { History, HISTORY_STEP_MS } from './history.ts'

const { ingested, audit } = TRADE_TOPICS

async function setUp() {
  const clock = new VirtualClock()
  const cluster = new LiveCluster()
  const history = new History({ groups: new GroupWatch({ kafka: cluster.kafka, clock, groups: cluster.groups }), audit: new AuditSamples({ kafka: cluster.kafka, clock, topic: audit }), clock, input: ingested })
  onTestFinished(() => history.close())
  history.start()
  await clock.advance(1_000)
  return { clock, cluster, history }
}

test('a sample: rates since the one before, outcomes, lag, and the latency of what came while it was measured', async () => {
  const { clock, cluster, history } = await setUp()
  for (let n = 0; n < 50; n++) cluster.write(ingested, 0, { key: `T${n}`, value: '{}', timestamp: clock.now() })
  cluster.committed.set(`trades ${ingested}-0`, 40)
  for (let n = 0; n < 40; n++) cluster.audit(0, clock.now() - 999, { trade_id: `T${n}`, outcome: n % 4 === 0 ? 'UPDATED' : 'CREATED' })
  // The sample is under way for 250 ms from 5 s on.
  await clock.advance(4_100)
  cluster.audit(1, clock.now() - 8, { trade_id: 'LIVE', outcome: 'CREATED' })
  await clock.advance(1_000)
  expect(history.samples).toEqual([
    {
      atMs: clock.now() - 1_100,
      inPerSecond: 10,
      committedPerSecond: 8,
      outcomesPerSecond: { CREATED: 31 / 5, UPDATED: 2 },
      lag: { trades: 10, 'trades-sink-postgres': 0, 'trades-sink-mongo': 41 - 1 },
      latencyMs: { p50: 8, p99: 8 },
    },
  ])
  await clock.advance(HISTORY_STEP_MS)
  expect(history.samples[1]).toMatchObject({ inPerSecond: 0, outcomesPerSecond: {}, latencyMs: undefined })
})

test('what is too much for one sample is estimated from the newest', async () => {
  const { clock, cluster, history } = await setUp()
  cluster.model.write(audit, 0, Array.from({ length: 20_000 }, (_, n) => ({ key: `T${n}`, value: `{"outcome":"${n % 2 === 0 ? 'CREATED' : 'DUPLICATE'}"}` })))
  await clock.advance(HISTORY_STEP_MS)
  expect(history.samples[0]?.outcomesPerSecond).toEqual({ CREATED: 2_000, DUPLICATE: 2_000 })
})

test('outcomes are divided by the time they came from, also after a look at them has failed', async () => {
  const { clock, cluster, history } = await setUp()
  let failing = true
  const { fetcher } = cluster.model
  cluster.model.fetcher = (options) => {
    if (failing) throw new Error('no broker')
    return fetcher.call(cluster.model, options)
  }
  cluster.audit(0, clock.now(), { trade_id: 'LOST', outcome: 'CREATED' })
  await clock.advance(HISTORY_STEP_MS)
  failing = false
  expect(history.samples).toEqual([])
  for (let n = 0; n < 10; n++) cluster.audit(0, clock.now(), { trade_id: `T${n}`, outcome: 'UPDATED' })
  await clock.advance(HISTORY_STEP_MS)
  expect(history.samples.map(({ outcomesPerSecond }) => outcomesPerSecond)).toEqual([{ UPDATED: 2 }])
})

test('fifteen minutes are kept, and Kafka away leaves a gap', async () => {
  const { clock, cluster, history } = await setUp()
  await clock.advance(HISTORY_STEP_MS * 4)
  const before = history.samples.length
  let away = true
  cluster.ask = async () => {
    if (away) throw new Error('no broker')
  }
  await clock.advance(HISTORY_STEP_MS * 3)
  expect(history.samples.length).toBe(before)
  away = false
  await clock.advance(HISTORY_STEP_MS * 200)
  expect(history.samples.length).toBe(180)
  expect((history.samples.at(-1)?.atMs ?? 0) - (history.samples[0]?.atMs ?? 0)).toBe(179 * HISTORY_STEP_MS)
})
