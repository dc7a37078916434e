import { ConnectionLostError, type TopicMetadata } from '../ports/broker.ts'
import { type Clock, every } from '../ports/clock.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import type { ApplicationTopology } from './application-topology.ts'
import { asError, StreamThreadFatalError } from './errors.ts'

export interface SourceWatchOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly topology: ApplicationTopology
  /** Called at most once: the application does not fit its input topics any more. */
  readonly failed: (error: Error) => void
}

/** What the client has learnt for other reasons, such as a leader that moved, is looked at so often: no request. */
const LOOK_MS = 1_000
/** A request where the client has learnt nothing for so long: one in 10 s, measured 0.2 ms of the thread and 1 ms of a broker. Kafka's clients, which write the input, take up to 5 minutes to notice new partitions. */
const MAX_AGE_MS = 10_000
/** At an assignment: a rebalance may come of somebody who knows more. */
const ASSIGNED_AGE_MS = 1_000
/** A broker that has just started may not know a topic. */
const MISSING_MS = 10_000
const UNKNOWN_TOPIC = 3

/** What a person does when the input topics are others than those that the state was built from. */
export const RESET = 'reset the application: stop all its instances, delete its group, its changelog topics and its state directories, and start it again'

interface Seen {
  topicId: string | undefined
  missingSinceMs: number | undefined
}

/**
 * Watches the input topics while the application runs. The partition of a key, and with it the place of its state, depends on the partition count, and what an offset means on the topic that it was read from: where one
 * of them changes the thread has to stop: what is under way when that is noticed is not committed.
 */
export class SourceWatch {
  readonly #options: SourceWatchOptions
  readonly #seen = new Map<string, Seen>()
  readonly #ended = new AbortController()
  #isLooking = false

  constructor(options: SourceWatchOptions) {
    this.#options = options
  }

  /** Looks now, and again and again until `stop`. */
  start(): void {
    void this.#look(MAX_AGE_MS)
    void every(this.#options.clock, LOOK_MS, this.#ended.signal, () => this.#look(MAX_AGE_MS))
  }

  /** The group has rebalanced. */
  assigned(): void {
    void this.#look(ASSIGNED_AGE_MS)
  }

  stop(): void {
    this.#ended.abort()
  }

  /** Never rejects. One at a time: while brokers are away, it takes a minute. */
  async #look(maxAgeMs: number): Promise<void> {
    if (this.#isLooking || this.#ended.signal.aborted) return
    this.#isLooking = true
    try {
      const fault = this.#faultOf(await this.#options.client.topics(this.#options.topology.sourceTopics, { maxAgeMs }))
      if (fault !== undefined) this.#fail(new StreamThreadFatalError(fault))
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) this.#fail(asError(error))
      // Nobody has said anything for a while: what was missing before may have been there.
      for (const seen of this.#seen.values()) seen.missingSinceMs = undefined
    } finally {
      this.#isLooking = false
    }
  }

  #fail(error: Error): void {
    if (this.#ended.signal.aborted) return
    this.stop()
    this.#options.failed(error)
  }

  #faultOf(topics: readonly TopicMetadata[]): string | undefined {
    for (const topic of topics) {
      const fault = this.#fault(topic)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #fault({ name, topicId, errorCode, partitions }: TopicMetadata): string | undefined {
    const expected = this.#options.topology.partitionCounts.get(name) ?? 0
    const seen = this.#seenOf(name)
    if (errorCode === UNKNOWN_TOPIC) {
      const nowMs = this.#options.clock.monotonicMs()
      seen.missingSinceMs ??= nowMs
      return nowMs - seen.missingSinceMs < MISSING_MS ? undefined : `input topic ${name} is not there any more, and had ${expected} partitions. What is made under its name is another topic, with other offsets: ${RESET}`
    }
    seen.missingSinceMs = undefined
    if (errorCode !== 0) return undefined
    seen.topicId ??= topicId
    if (topicId !== seen.topicId) return `input topic ${name} was deleted and made anew while the application ran, with ${partitions.length} partitions; it had ${expected}. Its offsets mean other records now: ${RESET}`
    // Fewer of the same topic are what a broker says that lags behind: partitions are never taken away.
    if (partitions.length <= expected) return undefined
    return `input topic ${name} has ${partitions.length} partitions now, and had ${expected} when the application started. The partition of a key, and with it the place of its state, depends on this number: make the topic anew with ${expected}, or ${RESET}`
  }

  #seenOf(name: string): Seen {
    let seen = this.#seen.get(name)
    if (seen === undefined) this.#seen.set(name, (seen = { topicId: undefined, missingSinceMs: undefined }))
    return seen
  }
}
