import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { Mulberry32 } from '../../bench/workload/workload.ts'
import type { Role } from '../../cli/demo/role.ts'
import type { LoadGenerator, LoadReport } from '../../cli/load-generator.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { brokersOfRun, type SinkKind, TradeEnvironment } from '../support/trade-environment.ts'
import { differencesFromModel } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'
const RATE_PER_S = 400
const FAILPOINTS = ['sink-before-write@20', 'sink-after-write@20', 'sink-before-group-commit@2']
const RANDOM_KILLS = 10
const SEED = 99

/** Both sinks at a time, under load. With an instance id, a sink that comes back has its partitions at once. */
describe.skipIf(brokersOfRun === undefined)('sinks that are killed again and again', { timeout: 900_000 }, () => {
  const stopLoad = new AbortController()
  let environment: TradeEnvironment
  let processor: Role<ProcessorStatus>
  let generator: LoadGenerator
  let load: Promise<LoadReport>
  let fromMs: number

  beforeAll(async () => {
    environment = await TradeEnvironment.create({ settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '4', 'sink.instanceId': 'one' } })
    fromMs = Date.now()
    processor = environment.processor()
    await environment.running(processor)
    generator = environment.generator({ workload: new MixedWorkload({ seed: SEED, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } }), ratePerS: RATE_PER_S })
    load = generator.run(stopLoad.signal)
  })
  afterAll(() => environment.close())

  test('at each failpoint, and ten times at random', async () => {
    await Promise.all([killAll('postgres', 1), killAll('mongo', 2)])
  })

  test('in the end the databases hold what the topics hold, and the topics what the rules say', async () => {
    stopLoad.abort()
    const { sent, acknowledged } = await load
    expect(acknowledged).toBe(sent)
    await environment.processed(processor)
    const toMs = Date.now()
    const sinks = [environment.sink('postgres'), environment.sink('mongo')] as const
    await environment.written('postgres', sinks[0])
    await environment.written('mongo', sinks[1])
    await environment.stop(processor, ...sinks)
    const { differences } = await differencesFromModel(environment, { businessDate: BUSINESS_DATE, processing: { fromMs, toMs } })
    expect(differences).toBe('')
    expect(await environment.faults()).toBe('')
  })

  async function killAll(kind: SinkKind, seed: number): Promise<void> {
    const chance = new Mulberry32(seed)
    for (const failpoint of FAILPOINTS) {
      const sink = environment.sink(kind, { failpoint: `${failpoint}:kill` })
      await environment.until(`sink ${kind} passes ${failpoint}`, () => sink.exit !== undefined)
      expect(sink.exit).toBe('SIGKILL')
    }
    for (let n = 0; n < RANDOM_KILLS; n++) {
      const sink = environment.sink(kind)
      await environment.until(`sink ${kind} writes again`, () => sink.exit === undefined && (sink.status?.rowsWritten ?? 0) > 0)
      const killAt = generator.report.acknowledged + Math.floor((chance.next() * RATE_PER_S) / 2)
      await environment.until('it is time', () => generator.report.acknowledged >= killAt)
      sink.kill()
      await sink.ended
      expect(sink.exit).toBe('SIGKILL')
    }
  }
})
