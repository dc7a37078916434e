import type { Broker } from '../../ports/broker.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { SimulatedDatabase } from './simulated-database.ts'
import type { RunResult, SimulatedRecord } from './simulated-application.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What a process of a companion is given. */
export interface CompanionPorts {
  /** Also its clock. */
  readonly process: SimulatedProcess
  readonly broker: Broker
  readonly random: SeededRandom
  readonly database: SimulatedDatabase
}

export interface RunningCompanion {
  /** Resolves when it has ended: with the error that stopped it, or `undefined` after `stop`. */
  readonly ended: Promise<Error | undefined>
  stop(): void
}

/** Another program in the world of an application, such as a sink that copies what comes out into a database. What it has in the database outlives its processes. */
export interface Companion {
  readonly name: string
  /** How many processes of it run at a time. */
  readonly processes: number
  /** Topics that it reads beside the outputs. The workload writes them too, the application does not know them, and they may be deleted and made anew. */
  readonly ownTopics?: readonly string[]
  start(ports: CompanionPorts): RunningCompanion
  /** The database does now what one of its processes, perhaps dead since, asked for some time before. */
  lateClaim?(pick: number): void
  /** What it still has to do when these are all the outputs there will be, with what is in its own topics; none: nothing. */
  left(outputs: readonly SimulatedRecord[]): readonly string[]
  /** What is wrong in the end, one line each. The outputs are those of `left`. */
  check(result: RunResult): readonly string[]
}
