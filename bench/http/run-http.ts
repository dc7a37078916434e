import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { AuditMonitor } from '../../cli/demo/audit-monitor.ts'
import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { BenchStack, until } from '../harness/bench-stack.ts'
import { CoreShares } from './core-shares.ts'
import { HttpCalls, tradeOf } from './http-calls.ts'
import type { LoadResult } from './http-load.ts'

export interface HttpOptions {
  /** Calls a second, one after the other. */
  readonly rates: readonly number[]
  readonly warmSeconds: number
  readonly seconds: number
}

const LOAD = fileURLToPath(new URL('http-load.ts', import.meta.url))
const BATCH_SECONDS = 20
/** Trades a second whose way to the row is followed. */
const SAMPLES_PER_SECOND = 20
const LOOK_EVERY_MS = 2
/** Calls a second for the status of a request, and what 99 of 100 should take at most. */
const STATUS_CALLS_PER_SECOND = 1_000
const STATUS_GOAL_P99_MS = 10

/** The gateway under load from another process: to the 202, to the outcome, to the row in PostgreSQL; then with as many calls again for the status of requests; then batches as fast as they are taken. Answers the exit code: 0 without an error. */
export async function runHttp({ rates, warmSeconds, seconds }: HttpOptions): Promise<number> {
  const stack = await BenchStack.start()
  const pool = new pg.Pool({ connectionString: stack.postgres, max: 2 })
  try {
    await stack.freshTopics({ input: true })
    const roles = { processor: stack.processor('http'), sink: stack.sink('http'), gateway: stack.gateway('http') }
    await until(roles.processor, ({ running }) => running.length === 12)
    await until(roles.sink, ({ state }) => state === 'running')
    const { url } = await until(roles.gateway, () => true)
    const parts = partsOf({ ...roles, Kafka: { pid: stack.brokerPid }, PostgreSQL: { pid: stack.postgresPid } })
    const cores: string[] = []
    let errors = 0
    process.stdout.write(`| load | to 202: p50, p95, p99, ms | to the outcome: p50, p95, p99, ms | to the row: p50, p95, p99, ms | errors |\n|---|---:|---:|---:|---:|\n`)
    for (const rate of rates) {
      const monitor = await AuditMonitor.start(stack.client, TRADE_TOPICS.audit)
      const load = inAnotherProcess(url, ['single', rate, warmSeconds, seconds])
      await new Promise((resolve) => setTimeout(resolve, warmSeconds * 1000))
      monitor.all.reset()
      const shares = new CoreShares(parts)
      const rows = await rowLatencies(pool, url, seconds, rate)
      cores.push(`at ${rate.toLocaleString('en')}/s: ${shares.end()}`)
      const result = await load
      const failed = failures(result, ['202'])
      errors += failed + rows.failed
      process.stdout.write(`| ${rate.toLocaleString('en')}/s | ${figures(result)} | ${percentiles(monitor.all)} | ${percentiles(rows.latencies)} | ${failed + rows.failed} |\n`)
      await monitor.close()
    }
    process.stdout.write(`\ncores used, of ${availableParallelism()}\n${cores.map((line) => `- ${line}\n`).join('')}`)
    errors += await statusStretch(url, rates[0] ?? STATUS_CALLS_PER_SECOND, warmSeconds, seconds)
    const batch = await inAnotherProcess(url, ['batch', 0, 5, BATCH_SECONDS])
    const failed = failures(batch, ['207'])
    process.stdout.write(`\nbatches of NDJSON: ${Math.round(batch.tradesPerSecond).toLocaleString('en')} trades/s, ${failed} errors\n`)
    return errors + failed === 0 ? 0 : 3
  } finally {
    await pool.end()
    await stack.close()
  }
}

/** Both loads at the same time, each from a process of its own. Answers the errors. */
async function statusStretch(url: string, rate: number, warmSeconds: number, seconds: number): Promise<number> {
  const [posts, gets] = await Promise.all([inAnotherProcess(url, ['single', rate, warmSeconds, seconds]), inAnotherProcess(url, ['status', STATUS_CALLS_PER_SECOND, warmSeconds, seconds])])
  const failed = failures(posts, ['202']) + failures(gets, ['200'])
  process.stdout.write(`\n| status of requests, beside ${rate.toLocaleString('en')} trades/s | p50, p95, p99, ms | goal: p99, ms | to 202 meanwhile: p50, p95, p99, ms | errors |\n|---|---:|---:|---:|---:|\n`)
  process.stdout.write(`| ${Math.round(gets.calls / seconds).toLocaleString('en')}/s | ${figures(gets)} | ${STATUS_GOAL_P99_MS} | ${figures(posts)} | ${failed} |\n`)
  return failed
}

function partsOf(processes: Readonly<Record<string, { readonly pid: number | undefined }>>): Map<string, number> {
  return new Map(Object.entries(processes).flatMap(([name, { pid }]) => (pid === undefined ? [] : [[name, pid] as const])))
}

function inAnotherProcess(url: string, args: readonly (string | number)[]): Promise<LoadResult> {
  const child = fork(LOAD, [url, ...args.map(String)])
  return new Promise((resolve, reject) => {
    child.once('message', (result) => resolve(result as LoadResult)) // it tells nothing else
    child.once('exit', (code) => reject(new Error(`the load has ended with code ${code} and no result`)))
  })
}

/** Some calls of our own beside the load, each followed until its row is there. */
async function rowLatencies(pool: pg.Pool, url: string, seconds: number, rate: number): Promise<{ latencies: LatencyHistogram; failed: number }> {
  const calls = new HttpCalls(url)
  const latencies = new LatencyHistogram()
  const underWay: Promise<void>[] = []
  let failed = 0
  const follow = async (n: number) => {
    const { tradeId, version, body } = tradeOf(`R${rate}`, n)
    const sentMs = performance.now()
    if ((await calls.post('/api/v1/trades', 'application/json', Buffer.from(body))).status !== 202) {
      failed++
      return
    }
    for (;;) {
      const { rowCount } = await pool.query('SELECT 1 FROM trades WHERE trade_id = $1 AND version = $2', [tradeId, version])
      if (rowCount === 1) break
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
    latencies.record(performance.now() - sentMs)
  }
  for (let n = 0; n < seconds * SAMPLES_PER_SECOND; n++) {
    underWay.push(follow(n))
    await new Promise((resolve) => setTimeout(resolve, 1000 / SAMPLES_PER_SECOND))
  }
  await Promise.all(underWay)
  calls.close()
  return { latencies, failed }
}

function failures({ statuses }: LoadResult, good: readonly string[]): number {
  return Object.entries(statuses).reduce((sum, [status, count]) => sum + (good.includes(status) ? 0 : count), 0)
}

function figures({ p50Ms, p95Ms, p99Ms }: LoadResult): string {
  return [p50Ms, p95Ms, p99Ms].map((value) => value.toFixed(1)).join(', ')
}

function percentiles(latencies: LatencyHistogram): string {
  return [0.5, 0.95, 0.99].map((share) => (latencies.percentileMs(share) ?? 0).toFixed(1)).join(', ')
}
