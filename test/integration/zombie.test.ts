import { join } from 'node:path'
import { describe, test } from 'vitest'
import { MixedWorkload } from '../../bench/workload/mixed-workload.ts'
import { brokersOfRun, TradeEnvironment } from '../support/trade-environment.ts'
import { differencesFromModel } from '../support/trade-records.ts'

const BUSINESS_DATE = '2026-12-11'
const SESSION_TIMEOUT_MS = 6_000
const RATE_PER_S = 300

/**
 * A processor is stopped (SIGSTOP) in the middle of a commit, for longer than its session and its transactions live. Another one has its tasks when it wakes up. Where
 * transaction n stands, and n+1 behind it:
 */
const POSITIONS = [
  ['n is acknowledged and not ended, n+1 is being filled', 'commit:acknowledged@100'],
  ['n is ended and not in the stores, n+1 is acknowledged', 'commit:ended@100'],
  ['n is half in the stores, n+1 waits for it', 'disk:half-appended@200'],
] as const

describe.skipIf(brokersOfRun === undefined).concurrent('a processor that wakes up after its session was over', { timeout: 900_000 }, () => {
  test.for(POSITIONS)('writes nothing: %s', async ([, failpoint], { expect, onTestFinished }) => {
    const environment = await TradeEnvironment.create({
      settings: { 'business.date': BUSINESS_DATE, 'topics.partitions': '3', 'membership.sessionTimeoutMs': String(SESSION_TIMEOUT_MS), 'transaction.timeoutMs': '5000' },
    })
    onTestFinished(() => environment.close())
    const fromMs = Date.now()
    const stopLoad = new AbortController()
    const workload = new MixedWorkload({ seed: 6, businessDate: BUSINESS_DATE, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } })
    const load = environment.generator({ workload, ratePerS: RATE_PER_S }).run(stopLoad.signal)
    const zombie = environment.processor({ failpoint: `${failpoint}:stop` })
    await environment.until('it stops', () => environment.stopped(zombie))

    const heir = environment.processor({ settings: { 'data.dir': join(environment.folder, 'heir') } })
    await environment.running(heir)
    const taken = heir.status?.recordsCommitted ?? 0
    await environment.until('the heir commits', () => (heir.status?.recordsCommitted ?? 0) > taken)
    const saidBefore = environment.said.length
    zombie.kill('SIGCONT')
    // It learns that it has lost its tasks, and joins again as a member like any other.
    await environment.until('the zombie knows', () => environment.said.slice(saidBefore).some((line) => /lost:|recovering:/.test(line)))
    const known = zombie.status
    await environment.until('both have tasks', () => zombie.status !== known && [zombie, heir].every(({ status }) => (status?.running.length ?? 0) > 0))

    stopLoad.abort()
    const { sent } = await load
    await environment.processed(heir)
    const toMs = Date.now()
    await environment.stop(zombie, heir)
    const { differences, inputs } = await differencesFromModel(environment, { businessDate: BUSINESS_DATE, processing: { fromMs, toMs } })
    expect(differences).toBe('')
    expect(inputs).toBe(sent)
  })
})
