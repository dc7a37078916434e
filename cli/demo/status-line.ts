import type { AuditMonitor } from './audit-monitor.ts'
import type { Roles } from './roles.ts'

/** 80 columns. Rates a second: trades in, committed, and what became of them; latencies in ms from when a trade was due; what waits; rows written. */
export const HEADER = [
  '            what became of them, a second   latency ms p50/p99   waiting',
  ' in/s   c/s    ok  dup  ref  inv  del  exp     audit  postgres   lag sinks  rows',
].join('\n')

const OUTCOME_COLUMNS: readonly { readonly width: number; readonly outcomes: readonly string[] }[] = [
  { width: 6, outcomes: ['CREATED', 'UPDATED', 'REPLACED'] },
  { width: 5, outcomes: ['DUPLICATE'] },
  { width: 5, outcomes: ['STALE_VERSION', 'PAST_MATURITY'] },
  { width: 5, outcomes: ['INVALID'] },
  { width: 5, outcomes: ['DELETED', 'NOT_FOUND'] },
  { width: 5, outcomes: ['EXPIRED'] },
]

/** Turns counters into the line of the last second. */
export class StatusLine {
  #atMs = performance.now()
  #sent = 0
  #committed = 0
  #outcomes: number[] = OUTCOME_COLUMNS.map(() => 0)

  next(roles: Roles, monitor: AuditMonitor): string {
    const nowMs = performance.now()
    const seconds = (nowMs - this.#atMs) / 1000
    this.#atMs = nowMs
    const sent = roles.load?.status?.acknowledged ?? 0
    const committed = roles.processor?.status?.recordsCommitted ?? 0
    const counts = OUTCOME_COLUMNS.map(({ outcomes }) => outcomes.reduce((sum, outcome) => sum + (monitor.outcomes.get(outcome) ?? 0), 0))
    const perSecond = (now: number, before: number) => Math.round((now - before) / seconds)
    const pg = roles.postgres?.status
    const line = [
      column(perSecond(sent, this.#sent), 5),
      column(perSecond(committed, this.#committed), 6),
      ...OUTCOME_COLUMNS.map(({ width }, i) => column(perSecond(counts[i] ?? 0, this.#outcomes[i] ?? 0), width)),
      pair(monitor.lastSecond.percentileMs(0.5), monitor.lastSecond.percentileMs(0.99), 10),
      pair(pg?.latencyP50Ms, pg?.latencyP99Ms, 10),
      column(roles.processor?.status?.lag, 6),
      column((pg?.lag ?? 0) + (roles.mongo?.status?.lag ?? 0), 6),
      column(pg?.rowsWritten, 6),
    ].join('')
    this.#sent = sent
    this.#committed = committed
    this.#outcomes = counts
    return line
  }
}

function pair(p50: number | undefined, p99: number | undefined, width: number): string {
  return `${milliseconds(p50)}/${milliseconds(p99)}`.padStart(width)
}

function milliseconds(value: number | undefined): string {
  if (value === undefined) return '-'
  return value >= 100_000 ? `${Math.round(value / 1000)}s` : value.toFixed(0)
}

function column(value: number | undefined, width: number): string {
  if (value === undefined) return '-'.padStart(width)
  return (value >= 10 ** (width - 1) ? `${Math.round(value / 1000)}k` : String(value)).padStart(width)
}

