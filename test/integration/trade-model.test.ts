import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { faultsInTheEnd } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'
const RECORDS = 200_000
const SEED = 20_261_211

describe.skipIf(brokersOfRun === undefined)('200,000 mixed records', () => {
  let environment: TradeEnvironment

  beforeEach(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': BUSINESS_DATE } })
  })
  afterEach(() => environment.close())

  test('lead to what the rules say, record by record, and to the same rows, documents and stored states', { timeout: 900_000 }, async () => {
    const fromMs = Date.now()
    const processor = environment.processor()
    const postgres = environment.sink('postgres')
    const mongo = environment.sink('mongo')
    const load = await environment.generator({ workload: new MixedWorkload({ seed: SEED, businessDate: BUSINESS_DATE }), ratePerS: 0, count: RECORDS }).run()
    expect(load).toMatchObject({ sent: RECORDS, acknowledged: RECORDS })
    const { faults, inputs } = await faultsInTheEnd(environment, { businessDate: BUSINESS_DATE, fromMs, processor, sinks: { postgres, mongo } })
    expect(faults).toBe('')
    expect(inputs).toBe(RECORDS)
  })
})
