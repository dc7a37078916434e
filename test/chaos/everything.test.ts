import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { brokersOfRun } from '../support/trade-environment.ts'
import { runChaos } from './run/run-chaos.ts'

/** The short form of `npm run chaos`. */
describe.skipIf(brokersOfRun === undefined)('a minute of everything: three brokers, databases, network, processors, sinks, gateway', { timeout: 1_800_000 }, () => {
  test('leaves nothing lost, nothing doubled, nothing hanging', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'chaos-'))
    const progress: string[] = []
    const { checks, faults, records } = await runChaos({ folder, seed: 1, minutes: 1, ratePerS: 200, partitions: 6, onProgress: (line) => progress.push(line) })
    const failed = checks.filter(({ held }) => !held).map(({ name, detail }) => `${name}: ${detail}`)
    expect(failed, progress.join('\n')).toEqual([])
    expect(faults.length).toBeGreaterThan(0)
    expect(records.acknowledged).toBeGreaterThan(0)
    rmSync(folder, { recursive: true, force: true })
  })
})
