import { describeFault, type Fault } from '../engine/simulation/faults.ts'
import { shrink } from '../engine/simulation/shrink.ts'
import { runSimulation, type SimulationOutcome } from '../engine/simulation/simulation.ts'
import type { SeededRandom } from '../engine/simulation/seeded-random.ts'
import type { InputRecord, RunResult } from '../engine/simulation/simulated-application.ts'
import type { Topology } from '../engine/topology.ts'
import { simulatedClient } from './simulated-client.ts'

export type { InputRecord, RunResult, SimulatedRecord } from '../engine/simulation/simulated-application.ts'
export type { SeededRandom } from '../engine/simulation/seeded-random.ts'

export interface SimulateOptions {
  /** Makes the topology: called for each process that is started, because a process remembers nothing of the one before. */
  readonly topology: () => Topology
  /** Partitions of each input and output topic. Changelogs are created by themselves. */
  readonly topics: Readonly<Record<string, number>>
  /** Makes the input: what it answers is called for each record. Take all chance from `random`. */
  readonly input: (random: SeededRandom) => () => InputRecord
  /** What has to hold when all input is processed; one line for each thing that is wrong. */
  readonly check: (result: RunResult) => readonly string[]
  /** Default `app`. */
  readonly applicationId?: string
  /** How many seeds. Default 20. */
  readonly seeds?: number
  /** The first seed. Default 1. */
  readonly from?: number
  /** Input records of each seed. Default: drawn by the seed, some 200 to 3,000. */
  readonly records?: number
  /** Called with each line of the trace of a failing seed, its faults shrunk. */
  readonly write?: (line: string) => void
}

/** A seed that failed, with the faults that it takes. */
export interface SimulationFailure {
  readonly seed: number
  readonly violations: readonly string[]
  readonly faults: readonly string[]
}

/**
 * Rehearses a topology: the real runtime on a simulated cluster, disk and network, with processes that are killed and paused, connections that break and brokers that come and go, all of it drawn
 * from a seed. It looks for itself that each store holds what its changelog says, that offsets never go back and that nothing hangs; `check` looks at what came out. It ends with the first seed that fails,
 * which is the same in every run.
 *
 * ```ts
 * import { simulate } from 'tradewind/testing'
 *
 * const failure = await simulate({ topology, topics: { orders: 2, totals: 2 }, input, check })
 * expect(failure).toBeUndefined()
 * ```
 */
export async function simulate(options: SimulateOptions): Promise<SimulationFailure | undefined> {
  const { seeds = 20, from = 1 } = options
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = await run(options, seed)
    if (outcome.violations.length > 0) return shrunk(options, outcome)
  }
  return undefined
}

async function shrunk(options: SimulateOptions, { seed, faults }: SimulationOutcome): Promise<SimulationFailure> {
  const left = await shrink(faults, async (some) => (await run(options, seed, some)).violations.length > 0)
  const { violations } = await run(options, seed, left, options.write)
  return { seed, violations, faults: left.map(describeFault) }
}

function run(options: SimulateOptions, seed: number, faults?: readonly Fault[], write?: (line: string) => void): Promise<SimulationOutcome> {
  const { applicationId = 'app', topology, topics, input, check, records } = options
  const application = {
    name: applicationId,
    applicationId,
    topology,
    topics: Object.entries(topics).map(([name, partitions]) => ({ name, partitions, configs: new Map<string, string>() })),
    workload: input,
    check,
  }
  return runSimulation({ seed, application: () => application, connect: simulatedClient, ...(faults && { faults }), ...(records !== undefined && { records }), ...(write && { write }) })
}
