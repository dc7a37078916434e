import { expect, test } from 'vitest'
import { runSimulation, type SimulationOutcome } from '../../engine/simulation/simulation.ts'
import { simulatedClient } from '../../testing/simulated-client.ts'
import { pickApplication } from './applications/pick-application.ts'
import { FAILED_SEEDS } from './failed-seeds.ts'
import { runSeeds } from './run-seeds.ts'

const SEEDS = 200
/** Away from the seeds that people look at first. */
const FIRST_SEED = 10_001

async function trace(seed: number): Promise<{ lines: string[]; outcome: SimulationOutcome }> {
  const lines: string[] = []
  const outcome = await runSimulation({ seed, application: pickApplication, connect: simulatedClient, write: (line) => lines.push(line) })
  return { lines, outcome }
}

test('the same seed gives the same trace, byte for byte, in another process too', { timeout: 900_000 }, async () => {
  const first = await trace(7)
  const second = await trace(7)
  expect(second.lines).toEqual(first.lines)
  expect(first.lines.length).toBeGreaterThan(20)
  expect((await trace(8)).outcome.digest).not.toBe(first.outcome.digest)
  const elsewhere: SimulationOutcome[] = []
  await runSeeds({ from: 7, count: 1, done: (outcome) => elsewhere.push(outcome) < 0 })
  expect(elsewhere).toEqual([first.outcome])
})

test(`${SEEDS} seeds: whatever happens, each input record has its effect once`, { timeout: 900_000 }, async () => {
  const failed: string[] = []
  let done = 0
  await runSeeds({
    from: FIRST_SEED,
    count: SEEDS,
    done: ({ seed, violations }) => {
      done++
      if (violations.length > 0) failed.push(`seed ${seed}: ${violations.join('; ')}`)
      return false
    },
  })
  expect(failed).toEqual([])
  expect(done).toBe(SEEDS)
})

test('every seed that ever failed', { timeout: 900_000 }, async () => {
  const failed: string[] = []
  for (const { seed, was, least, faults } of FAILED_SEEDS) {
    const outcome = await runSimulation({ seed, least, application: pickApplication, connect: simulatedClient, ...(faults && { faults }) })
    if (outcome.violations.length > 0) failed.push(`seed ${seed} (${was}): ${outcome.violations.join('; ')}`)
  }
  expect(failed).toEqual([])
})
