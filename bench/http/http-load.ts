import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import { HttpCalls, tradeOf } from './http-calls.ts'

// Started with: url, kind (single or batch), calls a second (batch: 0, as fast as it goes), seconds to warm up, seconds that count. Tells its parent one `LoadResult`.

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

const [url = '', kind = '', rate = '', warmSeconds = '', seconds = ''] = process.argv.slice(2)
const calls = new HttpCalls(url)
const latencies = new LatencyHistogram()
const statuses: Record<string, number> = {}
const startMs = performance.now()
const countFromMs = startMs + Number(warmSeconds) * 1000
const endMs = countFromMs + Number(seconds) * 1000
let counted = 0
await (kind === 'batch' ? batches() : singles(Number(rate)))
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
async function singles(callsPerSecond: number): Promise<void> {
  const underWay = new Set<Promise<void>>()
  for (let n = 0; ; ) {
    const due = Math.min(performance.now(), endMs)
    for (let dueMs = startMs + (n * 1000) / callsPerSecond; dueMs < due; dueMs = startMs + (++n * 1000) / callsPerSecond) {
      const call: Promise<void> = timed('/api/v1/trades', 'application/json', Buffer.from(tradeOf('H', n).body), dueMs).finally(() => underWay.delete(call))
      underWay.add(call)
    }
    if (performance.now() >= endMs) break
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(underWay)
}

async function batches(): Promise<void> {
  let n = 0
  const sendUntilEnd = async () => {
    while (performance.now() < endMs) {
      const lines = Array.from({ length: BATCH_TRADES }, () => tradeOf('B', n++).body)
      await timed('/api/v1/trades:batch', 'application/x-ndjson', Buffer.from(`${lines.join('\n')}\n`), performance.now())
    }
  }
  await Promise.all(Array.from({ length: BATCHES_UNDER_WAY }, sendUntilEnd))
}

async function timed(path: string, contentType: string, body: Buffer, dueMs: number): Promise<void> {
  const status = await calls.post(path, contentType, body)
  statuses[status] = (statuses[status] ?? 0) + 1
  if (dueMs < countFromMs) return
  counted++
  latencies.record(performance.now() - dueMs)
}
