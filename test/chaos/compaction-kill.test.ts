import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import type { LoadReport } from '../../cli/load-generator.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { faultsInTheEnd } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'
const SEED = 815

/** Few trades that change all the time, and small segments: the stores are being compacted all the time. */
describe.skipIf(brokersOfRun === undefined)('a processor that is killed in the middle of a compaction', { timeout: 900_000 }, () => {
  const stopLoad = new AbortController()
  let environment: TradeEnvironment
  let load: Promise<LoadReport>
  let fromMs: number

  beforeAll(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '1', 'state.segmentBytes': '65536' } })
    fromMs = Date.now()
    const workload = new MixedWorkload({ seed: SEED, businessDate: BUSINESS_DATE, keys: 30, rates: { INVALID: 1, LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 }, wrongPartitions: false, requestShare: 0 })
    load = environment.generator({ workload, ratePerS: 500 }).run(stopLoad.signal)
  })
  afterAll(() => environment.close())

  test.each(['store.copied.appended@2', 'store.compaction.synced@2', 'store.compaction.retired@2'])('at %s', async (failpoint) => {
    const processor = environment.processor({ failpoint: `${failpoint}:kill` })
    await environment.until(`${failpoint} is passed`, () => processor.exit !== undefined)
    expect(processor.exit).toBe('SIGKILL')
  })

  test('in the end every record has led to what the rules say, once, and the store holds the last states', async () => {
    stopLoad.abort()
    const { sent } = await load
    const processor = environment.processor()
    const postgres = environment.sink('postgres')
    const mongo = environment.sink('mongo')
    const { faults, inputs } = await faultsInTheEnd(environment, { businessDate: BUSINESS_DATE, fromMs, processor, sinks: { postgres, mongo } })
    expect(faults).toBe('')
    expect(inputs).toBe(sent)
  })
})
