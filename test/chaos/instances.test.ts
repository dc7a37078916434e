import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import type { Role } from '../../cli/demo/role.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { differencesFromModel } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'
const PARTITIONS = 6

describe.skipIf(brokersOfRun === undefined)('instances that come and go', { timeout: 900_000 }, () => {
  let environment: TradeEnvironment

  beforeEach(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': String(PARTITIONS) } })
  })
  afterEach(() => environment.close())

  test('share the tasks, hand them over under load, and nothing is done twice or not at all', async () => {
    const fromMs = Date.now()
    const stopLoad = new AbortController()
    const workload = new MixedWorkload({ seed: 12, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } })
    const load = environment.generator({ workload, ratePerS: 500 }).run(stopLoad.signal)

    const first = instance('first')
    await environment.running(first)
    const second = instance('second')
    await halves(first, second)
    await environment.stop(first)
    await environment.running(second)
    const back = instance('first', { threads: '2' })
    await environment.until('three threads share the tasks', () => [back, second].every(({ status }) => (status?.running.length ?? 0) >= 2) && tasksOf(back, second) === PARTITIONS)
    second.kill('SIGTERM')
    await second.ended
    expect(second.exit).toBe('exit code 0')
    await environment.running(back)

    stopLoad.abort()
    const { sent } = await load
    await environment.processed(back)
    const toMs = Date.now()
    await environment.stop(back)
    const { differences, inputs } = await differencesFromModel(environment, { businessDate: BUSINESS_DATE, processing: { fromMs, toMs } })
    expect(differences).toBe('')
    expect(inputs).toBe(sent)
  })

  function instance(folder: string, settings: Record<string, string> = {}): Role<ProcessorStatus> {
    return environment.processor({ settings: { 'data.dir': join(environment.folder, folder), ...settings } })
  }

  async function halves(...processors: readonly Role<ProcessorStatus>[]): Promise<void> {
    await environment.until('each has half of the tasks', () => processors.every(({ status }) => status?.running.length === PARTITIONS / 2))
  }

  function tasksOf(...processors: readonly Role<ProcessorStatus>[]): number {
    return new Set(processors.flatMap(({ status }) => status?.running ?? [])).size
  }
})
