import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { Mulberry32 } from '../../bench/workload/workload.ts'
import type { Role } from '../../cli/demo/role.ts'
import type { LoadGenerator, LoadReport } from '../../cli/load-generator.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import { NewTrades } from '../support/new-trades.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { differencesFromModel } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'
const STORED = 20_000
const RATE_PER_S = 300
/** Longer than any machine needs for a start: who is back before it is over has not waited for it. */
const SESSION_TIMEOUT_MS = 600_000
/** The visit to each place is late enough for the processor to have told that all tasks run. */
const FAILPOINTS = [
  'commit:acknowledged@150',
  'commit:ended@150',
  'commit:applied@150',
  'disk:half-appended@300',
  'store.changelog.appended@300',
]
const RANDOM_KILLS = 10
/** Records that may be waiting where the load is kept up with. */
const CAUGHT_UP = RATE_PER_S / 2
const SEED = 4711

/**
 * The load never stops: what is sent while no processor runs is waiting for the next one. Kills at failpoints and kills at random moments take turns, so each
 * start is a recovery from the kill before it.
 */
describe.skipIf(brokersOfRun === undefined)('a processor that is killed again and again', { timeout: 900_000 }, () => {
  const chance = new Mulberry32(SEED)
  const stopLoad = new AbortController()
  let environment: TradeEnvironment
  let generator: LoadGenerator
  let load: Promise<LoadReport>
  let fromMs: number

  beforeAll(async () => {
    environment = await TradeEnvironment.create({
      settings: {
        'business.date': BUSINESS_DATE,
        'topics.partitions': '6',
        'membership.sessionTimeoutMs': String(SESSION_TIMEOUT_MS),
        'membership.rebalanceTimeoutMs': String(SESSION_TIMEOUT_MS),
      },
    })
    fromMs = Date.now()
    await environment.generator({ workload: new NewTrades({ prefix: 'STORED-', maturity: '2030-01-01' }), ratePerS: 0, count: STORED }).run()
    const processor = environment.processor()
    await environment.processed(processor)
    await environment.stop(processor)
    generator = environment.generator({ workload: new MixedWorkload({ seed: SEED, businessDate: BUSINESS_DATE, keys: 200, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } }), ratePerS: RATE_PER_S })
    load = generator.run(stopLoad.signal)
  })
  afterAll(() => environment.close())

  test.each(FAILPOINTS)('at %s', async (failpoint) => {
    const processor = environment.processor({ failpoint: `${failpoint}:kill` })
    await expectRecovery(processor)
    await environment.until(`${failpoint} is passed`, () => processor.exit !== undefined)
    expect(processor.exit).toBe('SIGKILL')
  })

  test.each(Array.from({ length: RANDOM_KILLS }, (_, n) => n + 1))('at random, kill %i', async () => {
    const processor = environment.processor()
    await expectRecovery(processor)
    // What had piled up is one large transaction; a kill in it costs as much as it holds. From here on there is what a running processor has in flight.
    await environment.until('what had piled up is worked off', () => (processor.status?.recordsCommitted ?? 0) > 0 && (processor.status?.lag ?? CAUGHT_UP) < CAUGHT_UP)
    const killAt = generator.report.acknowledged + Math.floor(chance.next() * RATE_PER_S)
    await environment.until('it is time', () => generator.report.acknowledged >= killAt)
    processor.kill()
    await processor.ended
    expect(processor.exit).toBe('SIGKILL')
  })

  test('in the end every record has led to what the rules say, once', async () => {
    stopLoad.abort()
    const { sent, acknowledged } = await load
    expect(acknowledged).toBe(sent)
    const processor = environment.processor()
    await environment.processed(processor)
    const toMs = Date.now()
    await environment.stop(processor)
    const { differences, inputs } = await differencesFromModel(environment, { businessDate: BUSINESS_DATE, processing: { fromMs, toMs } })
    expect(differences).toBe('')
    expect(inputs).toBe(STORED + sent)
    const postgres = environment.sink('postgres')
    const mongo = environment.sink('mongo')
    await environment.written('postgres', postgres)
    await environment.written('mongo', mongo)
    await environment.stop(postgres, mongo)
    expect(await environment.faults()).toBe('')
  })

  /** The tasks are back long before the session of the dead one is over, and little had to be read back. */
  async function expectRecovery(processor: Role<ProcessorStatus>): Promise<void> {
    const startedMs = performance.now()
    try {
      const { recordsRestored } = await environment.running(processor)
      expect(performance.now() - startedMs).toBeLessThan(SESSION_TIMEOUT_MS)
      expect(recordsRestored).toBeLessThan(STORED * 0.05)
    } catch (error) {
      // The tests after this one have a processor of their own.
      processor.kill()
      await processor.ended
      throw error
    }
  }
})
