import { RecentLatencies } from '../observability/recent-latencies.ts'
import type { Clock } from '../ports/clock.ts'
import type { PartitionWrite, WriteResult } from './sink-database.ts'

/** The writes of a snapshot are those of the last half minute or so. */
const WINDOW_MS = 30_000

/** What a connector has done, counted. */
export class ConnectorFigures {
  readonly counters = { recordsRead: 0, rowsWritten: 0, rowsStale: 0, deadLettered: 0, batches: 0, retries: 0, fenced: 0 }
  lastError: string | undefined
  /** From the timestamp of the last record written to the answer of the database. */
  lastLatencyMs: number | undefined
  readonly #clock: Clock
  readonly #writes: RecentLatencies

  constructor(clock: Clock) {
    this.#clock = clock
    this.#writes = new RecentLatencies({ windowMs: WINDOW_MS, nowMs: clock.monotonicMs() })
  }

  /** A write has been answered, after so long. */
  wrote({ rowsWritten, rowsStale }: WriteResult, tookMs: number): void {
    this.counters.batches++
    this.counters.rowsWritten += rowsWritten
    this.counters.rowsStale += rowsStale
    this.#writes.record(tookMs, this.#clock.monotonicMs())
  }

  applied({ records }: PartitionWrite): void {
    const last = records.at(-1)
    if (last !== undefined) this.lastLatencyMs = this.#clock.now() - last.timestampMs
  }

  retried(error: Error): void {
    this.counters.retries++
    this.lastError = error.message
  }

  /** How long the database took for a write; `undefined`: there was none. */
  writeMs(): { readonly p50: number; readonly p99: number } | undefined {
    const recent = this.#writes.take(this.#clock.monotonicMs())
    const p50 = recent.percentileMs(0.5)
    const p99 = recent.percentileMs(0.99)
    return p50 === undefined || p99 === undefined ? undefined : { p50, p99 }
  }
}
