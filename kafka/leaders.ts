import type { Broker, Metadata, TopicMetadata, TopicPartition } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import { kafkaError } from './error-codes.ts'
import { MISSING_TOPIC_MS } from './fetch-failure.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

export interface Leader {
  readonly node: number
  readonly leaderEpoch: number
  readonly topicId: string
}

/** Beyond this age `topics` asks again: partitions may have been added. */
const MAX_AGE_MS = 60_000

interface CachedTopic {
  metadata: TopicMetadata
  /** By partition number. */
  leaders: (Leader | undefined)[]
  learntAtMs: number
}

/**
 * Who leads which partition: a cache of metadata that callers refresh when an answer of a leader shows that it is wrong.
 * Callers pace their refreshes; those that ask at the same time share one request.
 */
export class Leaders {
  readonly #broker: Broker
  readonly #context: RetryContext
  readonly #topics = new Map<string, CachedTopic>()
  #nodes: readonly number[] = []
  #running: Promise<void> | undefined
  /** Names for the request after the one under way: that one may have been answered before the caller saw its error. */
  #next: { names: Set<string>; done: Promise<void> } | undefined

  constructor(options: RetryContext & { broker: Broker }) {
    this.#broker = options.broker
    this.#context = options
  }

  /** From the cache; `undefined` while unknown or while the partition has no leader. */
  leaderOf(topic: string, partition: number): Leader | undefined {
    return this.#topics.get(topic)?.leaders[partition]
  }

  /** What the last answer said of a topic, if it was ever asked for. */
  known(topic: string): TopicMetadata | undefined {
    return this.#topics.get(topic)?.metadata
  }

  /** The nodes of the last answer. */
  get nodes(): readonly number[] {
    return this.#nodes
  }

  /** Asks for these topics anew. Rejects with `ConnectionLostError` if no broker can be reached. */
  refresh(names: Iterable<string>): Promise<void> {
    if (this.#next) {
      for (const name of names) this.#next.names.add(name)
      return this.#next.done
    }
    const asked = new Set(names)
    if (this.#running !== undefined) {
      const start = () => this.#ask(asked)
      this.#next = { names: asked, done: this.#running.then(start, start) }
      return this.#next.done
    }
    return this.#ask(asked)
  }

  /** Like `refresh`, but a broker that cannot be reached is no error: the caller tries again in its own pace. */
  async tryRefresh(names: Iterable<string>): Promise<void> {
    try {
      await this.refresh(names)
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error
    }
  }

  /** Leaders of all these partitions, asked for until they are known. Rejects at the deadline with what is missing. */
  async find(partitions: readonly TopicPartition[], options: { deadlineMs: number; signal: AbortSignal }): Promise<Leader[]> {
    const { clock } = this.#context
    const pace = new RetryPace(this.#context, options)
    let absentSinceMs = clock.monotonicMs()
    for (;;) {
      const missing = partitions.filter(({ topic, partition }) => !this.leaderOf(topic, partition))
      const first = missing[0]
      if (!first) break
      await this.tryRefresh(missing.map(({ topic }) => topic))
      if (missing.every(({ topic, partition }) => this.leaderOf(topic, partition))) continue
      const absent = missing.every(({ topic }) => this.known(topic)?.errorCode === UNKNOWN_TOPIC_OR_PARTITION)
      if (!absent) absentSinceMs = clock.monotonicMs()
      if (clock.monotonicMs() - absentSinceMs >= MISSING_TOPIC_MS || !(await pace.pause())) throw this.#leaderless(first)
    }
    // every one was found by the loop above, which does not await after its last look
    return partitions.map(({ topic, partition }) => this.leaderOf(topic, partition) as Leader)
  }

  /** Metadata of topics: from the cache, or asked for where it is unknown, incomplete or older than `maxAgeMs`. */
  async topics(names: readonly string[], options: { maxAgeMs?: number; deadlineMs: number; signal: AbortSignal }): Promise<TopicMetadata[]> {
    const oldMs = this.#context.clock.monotonicMs() - (options.maxAgeMs ?? MAX_AGE_MS)
    const wanted = names.filter((name) => {
      const cached = this.#topics.get(name)
      return !cached || cached.learntAtMs < oldMs || cached.metadata.errorCode !== 0 || cached.leaders.includes(undefined)
    })
    const pace = new RetryPace(this.#context, options)
    while (wanted.length > 0) {
      try {
        await this.refresh(wanted)
        break
      } catch (error) {
        if (!(error instanceof ConnectionLostError) || !(await pace.pause())) throw error
      }
    }
    return names.map((name) => this.known(name) ?? { name, topicId: '', errorCode: UNKNOWN_TOPIC_OR_PARTITION, internal: false, partitions: [] })
  }

  #ask(names: Set<string>): Promise<void> {
    if (this.#next?.names === names) this.#next = undefined
    const running = this.#broker.metadata([...names]).then((metadata) => this.#learn(metadata))
    this.#running = running
    const over = () => {
      if (this.#running === running) this.#running = undefined
    }
    running.then(over, over)
    return running
  }

  #learn(metadata: Metadata): void {
    this.#nodes = metadata.nodes.map(({ node }) => node)
    const learntAtMs = this.#context.clock.monotonicMs()
    for (const topic of metadata.topics) {
      const before = this.#topics.get(topic.name)
      const leaders: (Leader | undefined)[] = []
      for (const { partition, leader, leaderEpoch } of topic.partitions) {
        const known = before?.metadata.topicId === topic.topicId ? before.leaders[partition] : undefined
        // a broker that lags behind must not take back what a newer one has told
        if (known && known.leaderEpoch > leaderEpoch) leaders[partition] = known
        else leaders[partition] = leader === undefined ? undefined : { node: leader, leaderEpoch, topicId: topic.topicId }
      }
      this.#topics.set(topic.name, { metadata: topic, leaders, learntAtMs })
    }
  }

  #leaderless({ topic, partition }: TopicPartition): Error {
    const at = `${topic}-${partition}`
    const metadata = this.known(topic)
    if (!metadata) return new ConnectionLostError(`no broker could be reached to ask who leads ${at}: check the bootstrap addresses and that the brokers run`)
    if (metadata.errorCode !== 0)
      return kafkaError(metadata.errorCode, `${at} was asked for: create topic ${topic}, correct its name, or allow this user to see it`)
    if (partition >= metadata.partitions.length)
      return kafkaError(UNKNOWN_TOPIC_OR_PARTITION, `${at} was asked for, topic ${topic} has ${metadata.partitions.length} partitions`)
    return kafkaError(LEADER_NOT_AVAILABLE, `${at} has no leader: check that the brokers that hold it run`)
  }
}

const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
