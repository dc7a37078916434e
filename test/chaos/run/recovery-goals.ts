import type { FaultRecord } from './nemesis.ts'

/** How long partitions may be without a processor. */
export interface RecoveryGoal {
  /** For people. */
  readonly name: string
  readonly goalMs: number
  /** Of the faults without company; `undefined`: there was none. */
  readonly medianMs: number | undefined
  readonly times: number
}

/** On the same disk, and by another instance; the latter counted from the end of the session. */
const GOAL_MS = 3_000

export const KILLED = 'processor killed'
export const KILLED_FOR_LONG = 'processor killed, back after its session'

/** From the moment of a kill until every partition of the one that was killed has committed output of records that came later. */
export function recoveryGoals(faults: readonly FaultRecord[], sessionTimeoutMs: number): RecoveryGoal[] {
  const medianOf = (kind: string, from: number) => {
    const times = faults.filter((fault) => fault.kind === kind && fault.together === undefined && fault.hasAffected).map(({ affectedMs }) => (affectedMs ?? Number.POSITIVE_INFINITY) - from)
    return { medianMs: median(times), times: times.length }
  }
  return [
    { name: 'a killed instance is back on the same disk', goalMs: GOAL_MS, ...medianOf(KILLED, 0) },
    { name: `another instance takes over, after the session timeout of ${sessionTimeoutMs / 1000} s`, goalMs: GOAL_MS, ...medianOf(KILLED_FOR_LONG, sessionTimeoutMs) },
  ]
}

/** One line, for people. */
export function describeGoal({ name, goalMs, medianMs, times }: RecoveryGoal): string {
  const goal = `goal ${seconds(goalMs)} at most`
  if (medianMs === undefined) return `${name}: ${goal}; no such fault without company in this run`
  return `${name}: median ${seconds(medianMs)} of ${times}, ${goal}: ${medianMs <= goalMs ? 'reached' : 'MISSED'}`
}

function median(times: readonly number[]): number | undefined {
  return times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) / 2)]
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : 'never'
}
