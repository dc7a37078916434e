import { expect, test } from 'vitest'
import { WorkloadRecord } from '../../../bench/workload/workload.ts'
import { isRefusedByPostgres } from '../../model/storable.ts'
import { ChaosWorkload } from './chaos-workload.ts'

test('the business date of now, and now and then a trade that PostgreSQL cannot keep, each under a key of its own', () => {
  let date = '2026-12-11'
  const workload = new ChaosWorkload({ seed: 1, keys: 100, businessDate: () => date })
  const record = new WorkloadRecord()
  const refused: string[] = []
  const dates = [date, '2026-12-20'].map((now) => {
    date = now
    let earliest = '9999-12-31'
    for (let n = 0; n < 6_000; n++) {
      workload.next(record)
      if (isRefusedByPostgres(record.hasValue ? record.value.copy() : null)) refused.push(record.key.toString())
      const maturity = /"maturity_date":"([\d-]+)"/.exec(record.value.toString())?.[1]
      if (/^(CREATED|UPDATED)/.test(record.kind) && maturity !== undefined && maturity < earliest) earliest = maturity
    }
    return earliest
  })
  expect(dates).toEqual(['2026-12-11', '2026-12-20'])
  expect(refused).toEqual(['UNSTORABLE-1', 'UNSTORABLE-2', 'UNSTORABLE-3', 'UNSTORABLE-4'])
})
