import { parseArgs } from 'node:util'
import { describeFault, type Fault } from '../../engine/simulation/faults.ts'
import { runSimulation, type SimulationOutcome } from '../../engine/simulation/simulation.ts'
import { simulatedClient } from '../../testing/simulated-client.ts'
import { applicationNamed } from './applications/pick-application.ts'
import { runSeeds } from './run-seeds.ts'
import { shrink } from '../../engine/simulation/shrink.ts'

/**
 * npm run simulate -- --seed N [--only 3,7] [--quiet]    one seed, with its trace; of its faults only those with these numbers
 * npm run simulate -- --seeds 1000 --from K              many, in processes of their own; the first one that fails is shrunk
 * --records 2000 --faults 20                             with either: seeds of so many records and faults at least
 * --application windows                                  with either: one application (counter, trades, windows, join) in place of what the seeds pick
 */
const { values } = parseArgs({
  options: { seed: { type: 'string' }, only: { type: 'string' }, quiet: { type: 'boolean' }, seeds: { type: 'string' }, from: { type: 'string' }, processes: { type: 'string' }, records: { type: 'string' }, faults: { type: 'string' }, application: { type: 'string' } },
})

const least = values.records === undefined && values.faults === undefined ? undefined : { records: Number(values.records ?? 200), faults: Number(values.faults ?? 5) }

process.exitCode = values.seed === undefined ? await many(Number(values.from ?? 1), Number(values.seeds ?? 100)) : await one(Number(values.seed))

async function one(seed: number): Promise<number> {
  const faults = values.only === undefined ? undefined : await chosen(seed, values.only.split(',').filter(Boolean).map(Number))
  const outcome = await run(seed, { ...(faults && { faults }), ...(!values.quiet && { write: (line: string) => process.stdout.write(`${line}\n`) }) })
  process.stdout.write(`${summary(outcome)}\n`)
  return outcome.violations.length === 0 ? 0 : 1
}

async function many(from: number, count: number): Promise<number> {
  const startedMs = performance.now()
  const failing: SimulationOutcome[] = []
  let done = 0
  let virtualMs = 0
  let records = 0
  await runSeeds({
    from,
    count,
    least,
    application: values.application,
    ...(values.processes !== undefined && { processes: Number(values.processes) }),
    done: (outcome) => {
      done++
      virtualMs += outcome.virtualMs
      records += outcome.records
      if (outcome.violations.length > 0) {
        failing.push(outcome)
        process.stdout.write(`${summary(outcome)}\n`)
      }
      return false
    },
  })
  const seconds = (performance.now() - startedMs) / 1000
  process.stdout.write(
    `${done} seeds in ${seconds.toFixed(1)} s: ${(done / seconds).toFixed(1)} seeds/s, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours (${(virtualMs / 3_600_000 / seconds).toFixed(2)}/s), ${records} records; ${failing.length} failed${failing.length > 0 ? `: ${failing.map(({ seed }) => seed).join(' ')}` : ''}\n`,
  )
  const [first] = failing.sort((a, b) => a.seed - b.seed)
  if (first !== undefined && first.faults.length > 0) await shrunk(first)
  return failing.length === 0 ? 0 : 1
}

async function shrunk({ seed, faults }: SimulationOutcome): Promise<void> {
  const left = await shrink(faults, async (some) => (await run(seed, { faults: some })).violations.length > 0)
  const numbers = left.map((fault) => faults.indexOf(fault))
  process.stdout.write(`seed ${seed} fails with ${left.length} of its ${faults.length} faults:\n${left.map((fault) => `  ${describeFault(fault)}\n`).join('')}`)
  const wanted = `${values.application === undefined ? '' : ` --application ${values.application}`}${least === undefined ? '' : ` --records ${least.records} --faults ${least.faults}`}`
  process.stdout.write(`to see it: npm run simulate -- --seed ${seed}${wanted} --only ${numbers.join(',') || "''"}\n`)
}

async function chosen(seed: number, numbers: readonly number[]): Promise<Fault[]> {
  const { faults } = await run(seed, {})
  return faults.filter((_, i) => numbers.includes(i))
}

function run(seed: number, more: { faults?: readonly Fault[]; write?: (line: string) => void }): Promise<SimulationOutcome> {
  return runSimulation({ seed, least, application: applicationNamed(values.application), connect: simulatedClient, ...more })
}

function summary({ seed, application, violations, faults, records, virtualMs, digest }: SimulationOutcome): string {
  const head = `seed ${seed} (${application}): ${records} records, ${faults.length} faults, ${(virtualMs / 1000).toFixed(1)} s, ${digest.slice(0, 16)}`
  return violations.length === 0 ? `${head}: nothing wrong` : `${head}: FAILED\n${violations.slice(0, 10).map((violation) => `  ${violation.slice(0, 400)}\n`).join('')}`
}
