import type { Mulberry32 } from '../../../bench/workload/workload.ts'
import type { ChaosWorld } from './world.ts'

/** Faults of one area are never there at the same time. */
export type Area = 'processors' | 'sinks' | 'brokers' | 'databases' | 'network' | 'gateway'

export interface Fault {
  /** For people: what, to whom, for how long. */
  readonly what: string
  /** From the fault to its end. */
  readonly holdMs: number
  inject(): Promise<void>
  /** Partitions that had lost their processor when `inject` was done. */
  affected?(): readonly number[]
  /** Undoes it, as far as it does not pass by itself. */
  heal(): Promise<void>
}

export interface FaultKind {
  readonly name: string
  readonly area: Area
  /** Why it is made only where it is asked for by its name. */
  readonly onlyByName?: string
  /** Draws one. `undefined`: this machine cannot have it. */
  make(world: ChaosWorld, chance: Mulberry32): Fault | undefined
}
