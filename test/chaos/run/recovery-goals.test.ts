import { expect, test } from 'vitest'
import type { FaultRecord } from './nemesis.ts'
import { describeGoal, KILLED, KILLED_FOR_LONG, recoveryGoals } from './recovery-goals.ts'

function fault(kind: string, affectedMs: number | undefined, more: Partial<FaultRecord> = {}): FaultRecord {
  const times = { firstCommitMs: 1, processedMs: 1, affectedMs, postgresMs: 1, mongoMs: 1, gatewayMs: 1 }
  return { kind, what: kind, atS: 0, lastedMs: 0, together: undefined, hasAffected: true, answersLost: 0, wholeAgainMs: 1, ...times, ...more }
}

test('the medians of the two goals, of faults without company that took partitions from somebody', () => {
  const faults = [
    ...[2_000, 2_500, 9_000].map((ms) => fault(KILLED, ms)),
    ...[8_000, 9_600, undefined].map((ms) => fault(KILLED_FOR_LONG, ms)),
    fault(KILLED, 60_000, { together: 'broker killed' }),
    fault(KILLED, undefined, { hasAffected: false }),
    fault('broker killed', 50_000),
  ]
  expect(recoveryGoals(faults, 6_000).map(describeGoal)).toEqual([
    'a killed instance is back on the same disk: median 2.5 s of 3, goal 3.0 s at most: reached',
    'another instance takes over, after the session timeout of 6 s: median 3.6 s of 3, goal 3.0 s at most: MISSED',
  ])
})

test('what never came back misses the goal; no fault is no figure', () => {
  expect(recoveryGoals([fault(KILLED, undefined)], 6_000).map(describeGoal)).toEqual([
    'a killed instance is back on the same disk: median never of 1, goal 3.0 s at most: MISSED',
    'another instance takes over, after the session timeout of 6 s: goal 3.0 s at most; no such fault without company in this run',
  ])
})
