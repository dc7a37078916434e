import { type Clock, sleep } from '../ports/clock.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import { passesByItself } from './passing-error.ts'
import { type Claim, type SinkDatabase, SinkRetriableError } from './sink-database.ts'
import type { SinkPartition } from './sink-partition.ts'
import type { SinkSource } from './sink-record.ts'

export interface PartitionClaimerOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly database: SinkDatabase
  readonly breaker: CircuitBreaker
  readonly signal: AbortSignal
  /** The partitions that wait for a claim now. */
  waiting(): readonly SinkPartition[]
  claimed(partition: SinkPartition, claim: Claim): void
  retried(error: Error): void
}

/** Between two looks for a topic that is not there. */
const MISSING_TOPIC_MS = 1_000
const KAFKA_AWAY_MS = 500

/** Claims partitions in the database, as long as there are some that wait for it. One run at a time: what comes while one is under way is claimed behind it. */
export class PartitionClaimer {
  readonly #options: PartitionClaimerOptions
  #clusterId: string | undefined
  #run: Promise<void> | undefined

  constructor(options: PartitionClaimerOptions) {
    this.#options = options
  }

  /** Rejects with a fatal error. */
  async claim(): Promise<void> {
    if (this.#run !== undefined) return
    this.#run = this.#claimAll()
    try {
      await this.#run
    } finally {
      this.#run = undefined
    }
    // what came between its last look and its end found it still running
    if (this.#options.waiting().length > 0 && !this.#options.signal.aborted) await this.claim()
  }

  async #claimAll(): Promise<void> {
    const { clock, database, breaker, signal } = this.#options
    while (this.#options.waiting().length > 0 && !signal.aborted) {
      const found = await this.#sources()
      if (found.length === 0) {
        await sleep(clock, MISSING_TOPIC_MS, signal)
        continue
      }
      await breaker.admit(signal)
      if (signal.aborted) return breaker.unused()
      try {
        const claims = await database.claim(found.map(({ source }) => source))
        breaker.succeeded()
        for (const [index, { partition }] of found.entries()) {
          const claim = claims[index]
          // it may have been taken from us meanwhile: then the claim lies unused until the new owner's, which fences it
          if (claim !== undefined && partition.state === 'claiming') this.#options.claimed(partition, claim)
        }
      } catch (error) {
        if (!(error instanceof SinkRetriableError)) throw error
        breaker.failed()
        this.#options.retried(error)
      }
    }
  }

  /** The waiting partitions whose topics are there, with the ids that the topics have now. */
  async #sources(): Promise<{ partition: SinkPartition; source: SinkSource }[]> {
    const waiting = this.#options.waiting()
    try {
      const clusterId = (this.#clusterId ??= (await this.#options.client.broker.metadata([])).clusterId)
      // asked of the broker itself: what a cache says of a topic made anew is its former id
      const { topics } = await this.#options.client.broker.metadata([...new Set(waiting.map(({ topic }) => topic))])
      return waiting.flatMap((partition) => {
        const topic = topics.find(({ name }) => name === partition.topic)
        if (topic === undefined || topic.errorCode !== 0) return []
        return [{ partition, source: { clusterId, topic: partition.topic, partition: partition.partition, topicId: topic.topicId } }]
      })
    } catch (error) {
      if (!passesByItself(error)) throw error
      this.#options.retried(error)
      await sleep(this.#options.clock, KAFKA_AWAY_MS, this.#options.signal)
      return []
    }
  }
}
