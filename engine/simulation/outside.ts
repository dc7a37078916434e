import type { TopicPartition } from '../../ports/broker.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import type { SimulatedCluster } from './cluster/simulated-cluster.ts'
import type { Scheduler } from './scheduler.ts'
import type { InputRecord, SimulatedRecord } from './simulated-application.ts'

/** Where a partition has no leader, the writer waits so long. */
const NO_LEADER_PAUSE_MS = 50

/** The rest of the world: it writes the input and looks at what comes out. It needs no network: what it sees is what is in the logs, whatever a client would make of it. */
export class Outside {
  readonly #cluster: SimulatedCluster
  readonly #scheduler: Scheduler
  readonly #partitionCounts: ReadonlyMap<string, number>
  /** Topics that have more partitions by now than the application knows. */
  readonly #grown = new Map<string, number>()

  constructor({ cluster, scheduler, partitionCounts }: { cluster: SimulatedCluster; scheduler: Scheduler; partitionCounts: ReadonlyMap<string, number> }) {
    this.#cluster = cluster
    this.#scheduler = scheduler
    this.#partitionCounts = partitionCounts
  }

  /** Writes records, in this order within each partition; with an outcome in a transaction. Those of an aborted one must never be seen. */
  async write(records: readonly InputRecord[], outcome?: 'commit' | 'abort'): Promise<void> {
    const byPartition = new Map<string, TopicPartition & { records: InputRecord[] }>()
    for (const record of records) {
      const { topic, key } = record
      const partition = record.partition ?? (key === null ? 0 : this.#partitionOf(topic, key))
      const at = byPartition.get(`${topic}-${partition}`)
      if (at === undefined) byPartition.set(`${topic}-${partition}`, { topic, partition, records: [record] })
      else at.records.push(record)
    }
    for (const part of byPartition.values()) await this.#append(part, outcome)
  }

  /** Every committed record of the topics, by topic, partition and offset; partitions that were added are left out. */
  read(topics: readonly string[]): SimulatedRecord[] {
    return this.partitionsOf(topics).flatMap(({ topic, partition }) =>
      this.#cluster
        .log(topic, partition)
        .committed()
        .map(({ offset, timestamp, key = null, value = null, headers }) => ({ topic, partition, offset, timestamp, key, value, headers: headers.map((header) => ({ key: header.key, value: header.value ?? null })) })),
    )
  }

  /** From now on keys that belong to one of the partitions that were added go there. The others stay where they are: what the application commits before it stops is still what the model says. */
  grown(topic: string, partitions: number): void {
    this.#grown.set(topic, partitions)
  }

  #partitionOf(topic: string, key: Buffer): number {
    const hash = murmur2(key, 0, key.length)
    const known = this.#partitionCounts.get(topic) ?? 1
    const now = partitionOf(hash, this.#grown.get(topic) ?? known)
    return now < known ? partitionOf(hash, known) : now
  }

  pause(forMs: number): Promise<void> {
    return this.#scheduler.wait(forMs)
  }

  partitionsOf(topics: readonly string[]): TopicPartition[] {
    return topics.flatMap((topic) => Array.from({ length: this.#partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
  }

  async #append({ topic, partition, records }: TopicPartition & { records: readonly InputRecord[] }, outcome: 'commit' | 'abort' | undefined): Promise<void> {
    for (;;) {
      const nowMs = this.#scheduler.now()
      const foreign = records.map(({ key, value, ageMs = 0, headers = [] }) => ({
        key: key ?? undefined,
        value: value ?? undefined,
        timestamp: nowMs - ageMs,
        headers: headers.map((header) => ({ key: header.key, value: header.value ?? undefined })),
      }))
      if (this.#cluster.append(topic, partition, foreign, outcome === undefined ? {} : { transaction: outcome }) !== undefined) return
      await this.pause(NO_LEADER_PAUSE_MS)
    }
  }
}
