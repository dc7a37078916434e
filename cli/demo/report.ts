import type { LatencyHistogram } from '../../observability/latency-histogram.ts'
import type { Check } from '../self-check/check.ts'
import type { AuditMonitor } from './audit-monitor.ts'
import type { Roles } from './roles.ts'

/** What a run has come to: for people, and as JSON. */
export function report(options: { checks: readonly Check[]; roles: Roles; monitor: AuditMonitor; seconds: number; rate: number }): { text: string; json: object } {
  const { checks, roles, monitor } = options
  const processor = roles.processor?.status
  const sink = roles.postgres?.status
  const latency = {
    audit: percentiles(monitor.all),
    postgres: { p50Ms: rounded(sink?.latencyAllP50Ms), p99Ms: rounded(sink?.latencyAllP99Ms) },
  }
  const json = {
    ok: checks.every(({ held }) => held),
    seconds: Number(options.seconds.toFixed(1)),
    rate: options.rate,
    sent: roles.load?.status?.acknowledged,
    committed: processor?.recordsCommitted,
    outcomes: Object.fromEntries(monitor.outcomes),
    latency,
    rows: sink?.rowsWritten,
    documents: roles.mongo?.status?.rowsWritten,
    deadLettered: (sink?.deadLettered ?? 0) + (roles.mongo?.status?.deadLettered ?? 0),
    transactions: processor?.transactionsCommitted,
    recoveries: processor?.recoveries,
    memoryMb: processor === undefined ? undefined : Math.round(processor.memoryBytes / 1e6),
    checks,
  }
  const outcomes = [...monitor.outcomes].toSorted((a, b) => b[1] - a[1]).map(([outcome, count]) => `  ${outcome.padEnd(16)}${count}`)
  const lines = [
    '',
    `${json.sent} trades sent, ${json.committed} committed in ${json.transactions} transactions`,
    ...outcomes,
    `audit p50 ${latency.audit.p50Ms} ms, p99 ${latency.audit.p99Ms} ms; PostgreSQL p50 ${latency.postgres.p50Ms} ms, p99 ${latency.postgres.p99Ms} ms`,
    '',
    ...checks.map(({ name, held, detail }) => `${held ? 'ok  ' : 'FAIL'} ${name}\n       ${detail}`),
    '',
  ]
  return { text: lines.join('\n'), json }
}

function percentiles(histogram: LatencyHistogram): { p50Ms: number | undefined; p99Ms: number | undefined } {
  return { p50Ms: rounded(histogram.percentileMs(0.5)), p99Ms: rounded(histogram.percentileMs(0.99)) }
}

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.toFixed(1))
}
