import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import { HttpCalls, tradeOf } from './http-calls.ts'

// Started with: url, kind (single, batch or status), calls a second (batch: 0, as fast as it goes), seconds to warm up, seconds that count. Tells its parent one `LoadResult`.

export interface LoadResult {
  readonly calls: number
  /** By status; 0: no answer. */
  readonly statuses: Readonly<Record<string, number>>
  /** From when a call was due to its answer. */
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Of the stretch that counts. */
  readonly tradesPerSecond: number
}

/** Trades of one batch, and batches under way: enough that the gateway never waits for us. */
const BATCH_TRADES = 5_000
const BATCHES_UNDER_WAY = 3
/** Requests whose status is asked for: so many from before, and the newest of those that come in at this rate meanwhile. */
const OLD_REQUESTS = 2_000
const NEWEST_REQUESTS = 100
const REQUESTS_PER_SECOND = 50
const AT_A_TIME = 50

const [url = '', kind = '', rate = '', warmSeconds = '', seconds = ''] = process.argv.slice(2)
const calls = new HttpCalls(url)
const latencies = new LatencyHistogram()
const statuses: Record<string, number> = {}
/** Where the status of requests can be asked for. */
const locations: string[] = []
if (kind === 'status') await requestsBefore()
const startMs = performance.now()
const countFromMs = startMs + Number(warmSeconds) * 1000
const endMs = countFromMs + Number(seconds) * 1000
let counted = 0
await (kind === 'batch' ? batches() : kind === 'status' ? statusCalls(Number(rate)) : atRate(Number(rate), (n) => timed(() => postTrade('H', n), n, Number(rate))))
calls.close()
process.send?.({
  calls: counted,
  statuses,
  p50Ms: latencies.percentileMs(0.5) ?? 0,
  p95Ms: latencies.percentileMs(0.95) ?? 0,
  p99Ms: latencies.percentileMs(0.99) ?? 0,
  maxMs: latencies.maxMs,
  tradesPerSecond: (counted * (kind === 'batch' ? BATCH_TRADES : 1)) / Number(seconds),
} satisfies LoadResult)

/** Each call is due at a moment that the rate fixes, whether those before it have been answered or not; the wait for a late start counts. */
async function atRate(callsPerSecond: number, start: (n: number) => Promise<void>): Promise<void> {
  const underWay = new Set<Promise<void>>()
  for (let n = 0; ; ) {
    const due = Math.min(performance.now(), endMs)
    for (; dueMs(n, callsPerSecond) < due; n++) {
      const call: Promise<void> = start(n).finally(() => underWay.delete(call))
      underWay.add(call)
    }
    if (performance.now() >= endMs) break
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(underWay)
}

function dueMs(n: number, callsPerSecond: number): number {
  return startMs + (n * 1000) / callsPerSecond
}

async function batches(): Promise<void> {
  let n = 0
  const sendUntilEnd = async () => {
    while (performance.now() < endMs) {
      const lines = Array.from({ length: BATCH_TRADES }, () => tradeOf('B', n++).body)
      const body = Buffer.from(`${lines.join('\n')}\n`)
      await count(async () => (await calls.post('/api/v1/trades:batch', 'application/x-ndjson', body)).status, performance.now())
    }
  }
  await Promise.all(Array.from({ length: BATCHES_UNDER_WAY }, sendUntilEnd))
}

/** Half of the calls are for the newest requests, some of which are still pending. */
async function statusCalls(callsPerSecond: number): Promise<void> {
  const posts = atRate(REQUESTS_PER_SECOND, async (n) => noteStatus(await postTrade('S', OLD_REQUESTS + n)))
  const one = (n: number) => locations[n % 2 === 0 ? Math.max(0, locations.length - 1 - ((n >> 1) % NEWEST_REQUESTS)) : (n * 7919) % locations.length] ?? ''
  await Promise.all([posts, atRate(callsPerSecond, (n) => timed(() => calls.get(one(n)), n, callsPerSecond))])
}

async function requestsBefore(): Promise<void> {
  for (let n = 0; n < OLD_REQUESTS; n += AT_A_TIME) await Promise.all(Array.from({ length: AT_A_TIME }, async (_, k) => noteStatus(await postTrade('S', n + k))))
}

/** Of a call that is not measured: only where it went wrong. */
function noteStatus(status: number): void {
  if (status !== 202) statuses[status] = (statuses[status] ?? 0) + 1
}

async function postTrade(prefix: string, n: number): Promise<number> {
  const { status, location } = await calls.post('/api/v1/trades', 'application/json', Buffer.from(tradeOf(prefix, n).body))
  if (status === 202 && location !== undefined && kind === 'status') locations.push(location)
  return status
}

function timed(call: () => Promise<number>, n: number, callsPerSecond: number): Promise<void> {
  return count(call, dueMs(n, callsPerSecond))
}

async function count(call: () => Promise<number>, atMs: number): Promise<void> {
  const status = await call()
  statuses[status] = (statuses[status] ?? 0) + 1
  if (atMs < countFromMs) return
  counted++
  latencies.record(performance.now() - atMs)
}
