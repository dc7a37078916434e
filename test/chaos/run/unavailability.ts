import type { CommitWatch } from './commit-watch.ts'
import type { ForeignLoad } from './foreign-load.ts'

/** What waits longer than this is waiting for something that is not there. */
const PATIENCE_MS = 1_000
const SAMPLE_MS = 100

export interface UnavailabilityReport {
  /** Time in which the oldest acknowledged record of every partition had waited more than a second for its commit. */
  readonly processingMs: number
  /** The same of a partition, on average over all of them. */
  readonly processingOfAPartitionMs: number
  /** Time in which the batch under way of every partition had waited more than a second for Kafka's acknowledgement. */
  readonly ingestMs: number
  readonly ingestOfAPartitionMs: number
  /** The longest that a record waited from its acknowledgement to its commit. */
  readonly longestWaitMs: number
}

/** Looks ten times a second who is kept waiting. */
export class Unavailability {
  readonly #watch: CommitWatch
  readonly #load: ForeignLoad
  /** Of each partition, the first acknowledged record that is not committed. */
  readonly #next: number[]
  readonly #timer: NodeJS.Timeout
  readonly #processing = { allMs: 0, partitionMs: 0 }
  readonly #ingest = { allMs: 0, partitionMs: 0 }
  #longestWaitMs = 0
  #lastMs = performance.now()

  constructor(watch: CommitWatch, load: ForeignLoad) {
    this.#watch = watch
    this.#load = load
    this.#next = load.acknowledged.map(() => 0)
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS)
  }

  stop(): UnavailabilityReport {
    clearInterval(this.#timer)
    const partitions = this.#load.acknowledged.length
    return {
      processingMs: this.#processing.allMs,
      processingOfAPartitionMs: this.#processing.partitionMs / partitions,
      ingestMs: this.#ingest.allMs,
      ingestOfAPartitionMs: this.#ingest.partitionMs / partitions,
      longestWaitMs: this.#longestWaitMs,
    }
  }

  #sample(): void {
    const nowMs = performance.now()
    const elapsedMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    const waits = this.#load.acknowledged.map((_, partition) => this.#waitMs(partition, nowMs))
    this.#longestWaitMs = Math.max(this.#longestWaitMs, ...waits)
    add(this.#processing, waits, elapsedMs)
    add(this.#ingest, this.#load.acknowledged.map((_, partition) => this.#load.waitedMs(partition)), elapsedMs)
  }

  #waitMs(partition: number, nowMs: number): number {
    const { offsets = [], atMs = [] } = this.#load.acknowledged[partition] ?? {}
    const front = this.#watch.processed[partition] ?? 0
    let next = this.#next[partition] ?? 0
    while ((offsets[next] ?? Number.POSITIVE_INFINITY) < front) next++
    this.#next[partition] = next
    const since = atMs[next]
    return since === undefined ? 0 : nowMs - since
  }
}

function add(sum: { allMs: number; partitionMs: number }, waits: readonly number[], elapsedMs: number): void {
  const late = waits.filter((wait) => wait > PATIENCE_MS).length
  sum.partitionMs += late * elapsedMs
  if (late === waits.length) sum.allMs += elapsedMs
}
