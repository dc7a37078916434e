import type { KafkaClient } from '../../ports/kafka-client.ts'
import type { Broker, NewTopic } from '../../ports/broker.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Random } from '../../ports/random.ts'
import type { Topology } from '../topology.ts'
import type { Companion } from './companion.ts'
import type { SeededRandom } from './seeded-random.ts'

/** A record as it is written to an input topic, or read (read committed) from any. */
export interface SimulatedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
}

/** A record of the workload. Without a partition it goes where Kafka's partitioner sends its key. */
export interface InputRecord {
  readonly topic: string
  readonly partition?: number
  /** How long before it is written it is stamped. Default 0. */
  readonly ageMs?: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: readonly { readonly key: string; readonly value: Buffer | null }[]
}

/** Everything that was written and has been read again when a run is over. */
export interface RunResult {
  /** Of the input topics: by partition and offset. */
  readonly inputs: readonly SimulatedRecord[]
  /** Of the topics that the topology writes, changelogs not included: by topic, partition and offset. Committed records only. */
  readonly outputs: readonly SimulatedRecord[]
  /** The wall clock of the run, that of the instances included. */
  readonly processing: { readonly fromMs: number; readonly toMs: number }
}

/** An application to be rehearsed: its topology, its input and what must come of it. */
export interface SimulatedApplication {
  readonly name: string
  readonly applicationId: string
  /** Made anew for each process. */
  readonly topology: () => Topology
  /** Input and output topics, as they are created. */
  readonly topics: readonly Omit<NewTopic, 'replicationFactor'>[]
  /** The next record of the workload; the seed decides all of it. */
  readonly workload: (random: SeededRandom) => () => InputRecord
  /** What is wrong with the outputs, one line each; none: nothing. */
  readonly check: (result: RunResult) => readonly string[]
  /** Whether its input topics may grow, now and then. The application ends with that, and `check` gets the inputs that were processed until then. Default: they do not. */
  readonly mayGrow?: boolean
  /** Another program in the same world, such as a sink. */
  readonly companion?: Companion | undefined
}

/** How a process talks to Kafka: `kafka/` builds it, on any `Broker`. */
export type ClientFactory = (broker: Broker, clock: Clock, random: Random) => KafkaClient
