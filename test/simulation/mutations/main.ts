import { parseArgs } from 'node:util'
import { runSeeds } from '../run-seeds.ts'
import { MUTATIONS, type Mutation } from './mutations.ts'

/**
 * npm run simulate:mutations -- [--seeds 300] [--from 1] [--only part-of-a-name] [--processes 2]
 *
 * Puts one defect after the other into the runtime and looks how many seeds it takes to find it. A defect that is not found is a gap.
 */
const { values } = parseArgs({ options: { seeds: { type: 'string' }, only: { type: 'string' }, from: { type: 'string' }, processes: { type: 'string' } } })
const MUTATE = new URL('mutate.ts', import.meta.url).href

const count = Number(values.seeds ?? 300)
const chosen = MUTATIONS.filter(({ name }) => name.includes(values.only ?? ''))
let survivors = 0
for (const mutation of chosen) {
  const { seeds, violation } = await hunt(mutation)
  if (violation === undefined) survivors++
  process.stdout.write(`${violation === undefined ? `SURVIVES ${seeds} seeds` : `caught after ${seeds}`.padEnd(18)}  ${mutation.name}${violation === undefined ? '' : `\n                      ${violation.slice(0, 200)}`}\n`)
}
process.stdout.write(`${chosen.length - survivors} of ${chosen.length} mutations caught\n`)
process.exitCode = survivors === 0 ? 0 : 1

async function hunt(mutation: Mutation): Promise<{ seeds: number; violation: string | undefined }> {
  let done = 0
  let found: { seed: number; violation: string } | undefined
  await runSeeds({
    from: Number(values.from ?? 1),
    count,
    hangMs: 60_000,
    ...(values.processes !== undefined && { processes: Number(values.processes) }),
    preload: [MUTATE],
    environment: { SIMULATION_MUTATION: mutation.name },
    done: ({ seed, violations }) => {
      done++
      const [violation] = violations
      if (violation !== undefined) found ??= { seed, violation }
      return found !== undefined
    },
  })
  return { seeds: done, violation: found?.violation }
}
