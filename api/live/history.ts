import { type Clock, sleep } from '../../ports/clock.ts'
import type { AuditSample, AuditSamples } from './audit-sample.ts'
import type { GroupLook, GroupWatch, Look } from './group-watch.ts'

export interface HistorySample {
  readonly atMs: number
  readonly inPerSecond: number
  readonly committedPerSecond: number
  readonly outcomesPerSecond: Readonly<Record<string, number>>
  /** By group. */
  readonly lag: Readonly<Record<string, number>>
  readonly latencyMs: { readonly p50: number; readonly p99: number } | undefined
}

export const HISTORY_STEP_MS = 5_000
const KEPT = (15 * 60_000) / HISTORY_STEP_MS

/**
 * The last 15 minutes, sampled by this gateway whether somebody looks or not. A sample costs what a look at the groups costs, and a fetch of the audit entries since the last one, 5,000 at most (some 2 MB), looked through
 * for 250 ms; the processor and the databases are not asked.
 */
export class History {
  readonly #groups: Pick<GroupWatch, 'look'>
  readonly #audit: Pick<AuditSamples, 'take'>
  readonly #clock: Clock
  readonly #input: string
  readonly #stop = new AbortController()
  #samples: readonly HistorySample[] = []
  #before: { readonly atMs: number; readonly sums: { readonly end: number; readonly committed: number } } | undefined
  #running: Promise<void> | undefined

  constructor(options: { groups: Pick<GroupWatch, 'look'>; audit: Pick<AuditSamples, 'take'>; clock: Clock; input: string }) {
    this.#groups = options.groups
    this.#audit = options.audit
    this.#clock = options.clock
    this.#input = options.input
  }

  /** The oldest first. */
  get samples(): readonly HistorySample[] {
    return this.#samples
  }

  start(): void {
    this.#running ??= this.#run()
  }

  close(): void {
    this.#stop.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const startMs = this.#clock.monotonicMs()
      // While Kafka is away there is a gap, and the rates after it are those of all the time since.
      await this.#sample().catch(() => {})
      await sleep(this.#clock, Math.max(0, startMs + HISTORY_STEP_MS - this.#clock.monotonicMs()), signal)
    }
  }

  async #sample(): Promise<void> {
    const look = await this.#groups.look()
    const audit = await this.#audit.take()
    const sums = this.#sumsOf(look)
    const before = this.#before
    this.#before = { atMs: look.atMs, sums }
    const seconds = before === undefined ? 0 : (look.atMs - before.atMs) / 1_000
    if (before === undefined || seconds <= 0) return
    const sample: HistorySample = {
      atMs: look.atMs,
      inPerSecond: Math.max(0, (sums.end - before.sums.end) / seconds),
      committedPerSecond: Math.max(0, (sums.committed - before.sums.committed) / seconds),
      outcomesPerSecond: outcomes(audit),
      lag: Object.fromEntries(look.groups.map(({ group, lag }) => [group, lag])),
      latencyMs: latencies(audit),
    }
    this.#samples = [...this.#samples, sample].slice(-KEPT)
  }

  #sumsOf({ groups }: Look): { end: number; committed: number } {
    const processor: GroupLook | undefined = groups.find(({ role }) => role === 'processor')
    const partitions = processor?.partitions.filter(({ topic }) => topic === this.#input) ?? []
    return { end: partitions.reduce((sum, { end }) => sum + end, 0), committed: partitions.reduce((sum, { committed = 0 }) => sum + committed, 0) }
  }
}

/** The time they came in is not always that between two samples. */
function outcomes(audit: AuditSample | undefined): Record<string, number> {
  if (audit === undefined || audit.seconds <= 0) return {}
  return Object.fromEntries(Object.entries(audit.outcomes).map(([outcome, count]) => [outcome, count / audit.seconds]))
}

function latencies(audit: AuditSample | undefined): { p50: number; p99: number } | undefined {
  const p50 = audit?.latency?.percentileMs(0.5)
  const p99 = audit?.latency?.percentileMs(0.99)
  return p50 === undefined || p99 === undefined ? undefined : { p50, p99 }
}
