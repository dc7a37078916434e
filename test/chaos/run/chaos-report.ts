import type { Check } from '../../../cli/self-check/check.ts'
import { seconds } from './draw.ts'
import type { UnaskedExit } from './fleet.ts'
import type { HttpReport } from './http-load.ts'
import type { FaultRecord } from './nemesis.ts'
import type { RecoveryTimes } from './recovery.ts'
import { describeGoal, type RecoveryGoal } from './recovery-goals.ts'
import type { UnavailabilityReport } from './unavailability.ts'
import { TIMES } from './world.ts'

export interface ChaosReport {
  readonly seed: number
  /** That it was to last. */
  readonly minutes: number
  /** Since the first fault could be, where somebody ended the faults before their time. */
  readonly endedEarlyMs: number | undefined
  readonly ratePerS: number
  readonly partitions: number
  readonly folder: string
  readonly startedAt: string
  readonly elapsedS: number
  /** Whether every check held. */
  readonly held: boolean
  readonly checks: readonly Check[]
  readonly records: {
    readonly sent: number
    readonly acknowledged: number
    /** In the log or not: nobody knows. */
    readonly givenUp: number
    readonly committedAuditEntries: number
  }
  readonly faults: readonly FaultRecord[]
  readonly goals: readonly RecoveryGoal[]
  /** Kinds of faults that this machine cannot have. */
  readonly impossible: readonly string[]
  /** By proxies, after the server had acted. */
  readonly answersLost: number
  readonly http: HttpReport
  readonly unavailability: UnavailabilityReport
  /** Roles that ended by themselves. */
  readonly restarts: readonly UnaskedExit[]
}

/** One line, for people. */
export function describeFault({ what, atS, together, answersLost, ...times }: FaultRecord): string {
  const { firstCommitMs, processedMs, postgresMs, mongoMs, gatewayMs } = times
  const recovery = `first commit ${shown(firstCommitMs)}, every partition ${shown(processedMs)}, PostgreSQL ${shown(postgresMs)}, MongoDB ${shown(mongoMs)}, gateway ${shown(gatewayMs)}`
  const lost = answersLost === 0 ? '' : `, ${answersLost} answers lost`
  return `${atS.toFixed(1).padStart(7)} s  ${what}: ${recovery}${lost}${together === undefined ? '' : ` (with: ${together})`}`
}

export function markdownOf(report: ChaosReport): string {
  const { seed, minutes, endedEarlyMs, ratePerS, partitions, records, faults, http, unavailability, checks } = report
  return `# Chaos: seed ${seed}, ${minutes} min

${report.held ? 'Every check held.' : '**Some checks did not hold.**'} Begun ${report.startedAt}; ${report.elapsedS.toFixed(0)} s in all, with starting, draining and comparing.${endedEarlyMs === undefined ? '' : `\n**Ended early**, after ${seconds(endedEarlyMs)} of faults.`}

Three brokers (KRaft, replication 3, min.insync.replicas 2), three processors, two sinks of each kind, a gateway, PostgreSQL, MongoDB (a replica set of three), on loopback, behind proxies. Load by kafkajs:
${ratePerS} records/s over ${partitions} partitions. Session ${TIMES.sessionTimeoutMs / 1000} s (sinks 10 s), transactions ${TIMES.transactionTimeoutMs / 1000} s.

## Checks
| check | held | |
|---|---|---|
${checks.map(({ name, held, detail }) => `| ${name} | ${held ? 'yes' : '**no**'} | ${cell(detail)} |`).join('\n')}

## Records
${records.sent} sent, ${records.acknowledged} acknowledged, ${records.givenUp} given up by the client (in the log or not), ${records.committedAuditEntries} audit entries committed.
${http.accepted} more came through the gateway, which told the outcome of ${http.settled}; ${http.repeated} of its requests failed and were repeated, one trade for ${seconds(http.longestMs)}.
${report.answersLost} answers were lost after the server had acted.

## Goals
Medians of the faults without company: from the kill until every partition of the one that was killed had committed output of records that came later.
${report.goals.map((goal) => `- ${describeGoal(goal)}`).join('\n')}

## Recovery by kind of fault
From the fault until a trade that was sent after it was committed (first: of any partition; all: of every partition), until both databases had something of every partition that was committed later,
and until the gateway had taken a later trade and told that it succeeded. Median / longest of the faults without company, in seconds.

| fault | times | alone | first commit | all partitions | PostgreSQL | MongoDB | gateway |
|---|---|---|---|---|---|---|---|
${byKind(faults).join('\n')}
${report.impossible.length > 0 ? `\nNot to be had on this machine: ${report.impossible.join(', ')}.\n` : ''}
## Unavailability
| | every partition | a partition, on average |
|---|---|---|
| processing: an acknowledged record waited more than 1 s | ${seconds(unavailability.processingMs)} | ${seconds(unavailability.processingOfAPartitionMs)} |
| Kafka: a batch waited more than 1 s for its acknowledgement | ${seconds(unavailability.ingestMs)} | ${seconds(unavailability.ingestOfAPartitionMs)} |

The longest wait from acknowledgement to commit was ${seconds(unavailability.longestWaitMs)}.

## Faults
| at | fault | together with | lasted | answers lost | first commit | all partitions | PostgreSQL | MongoDB | gateway | whole after its end |
|---|---|---|---|---|---|---|---|---|---|---|
${faults.map(faultRow).join('\n')}

## Roles that ended by themselves
${report.restarts.length === 0 ? 'None.' : report.restarts.map(({ name, exit, excuse, lastWords }) => `- ${name}, ${exit}: ${excuse ?? '**no reason for it**'}. ${cell(lastWords)}`).join('\n')}
`
}

function byKind(faults: readonly FaultRecord[]): string[] {
  const kinds = [...new Set(faults.map(({ kind }) => kind))].toSorted()
  return kinds.map((kind) => {
    const all = faults.filter((fault) => fault.kind === kind)
    const alone = all.filter(({ together }) => together === undefined)
    const column = (pick: (fault: RecoveryTimes) => number | undefined) => medianAndLongest(alone.map(pick))
    return `| ${kind} | ${all.length} | ${alone.length} | ${column((f) => f.firstCommitMs)} | ${column((f) => f.processedMs)} | ${column((f) => f.postgresMs)} | ${column((f) => f.mongoMs)} | ${column((f) => f.gatewayMs)} |`
  })
}

function medianAndLongest(times: readonly (number | undefined)[]): string {
  if (times.length === 0) return ''
  const sorted = times.map((ms) => ms ?? Number.POSITIVE_INFINITY).toSorted((a, b) => a - b)
  const median = sorted[Math.floor((sorted.length - 1) / 2)]
  return `${inSeconds(median)} / ${inSeconds(sorted.at(-1))}`
}

function faultRow({ what, atS, lastedMs, together, answersLost, firstCommitMs, processedMs, postgresMs, mongoMs, gatewayMs, wholeAgainMs }: FaultRecord): string {
  const times = [firstCommitMs, processedMs, postgresMs, mongoMs, gatewayMs, wholeAgainMs].map(shown)
  return `| ${atS.toFixed(1)} s | ${what} | ${together ?? ''} | ${shown(lastedMs)} | ${answersLost} | ${times.join(' | ')} |`
}

function shown(ms: number | undefined): string {
  return ms === undefined ? 'never' : seconds(ms)
}

function inSeconds(ms: number | undefined): string {
  return ms === undefined || ms === Number.POSITIVE_INFINITY ? 'never' : (ms / 1000).toFixed(1)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', '<br>')
}
