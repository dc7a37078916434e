import { expect, test } from 'vitest'
import { MixedWorkload } from './mixed-workload.ts'
import { WorkloadRecord } from './workload.ts'

const NEAR_DAYS = 4

test('when the date turns, trades mature on the days that follow it', () => {
  const workload = new MixedWorkload({ seed: 1, businessDate: '2026-12-11' })
  const near = (from: string) => {
    const dates = new Set<string>()
    const record = new WorkloadRecord()
    for (let n = 0; n < 1_000; n++) {
      workload.next(record)
      const maturity = /"maturity_date":"(2026-12-\d\d)"/.exec(record.value.toString())?.[1]
      if (maturity !== undefined && /^(CREATED|UPDATED)/.test(record.kind)) dates.add(maturity)
    }
    return [...dates].toSorted().slice(0, NEAR_DAYS).map((date) => (Date.parse(date) - Date.parse(from)) / 86_400_000)
  }
  expect(near('2026-12-11')).toEqual([0, 1, 2, 3])
  workload.turnTo('2026-12-20')
  expect(near('2026-12-20')).toEqual([0, 1, 2, 3])
})
