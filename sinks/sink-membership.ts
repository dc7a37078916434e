import type { TopicPartition } from '../ports/broker.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { GroupMember, KafkaClient } from '../ports/kafka-client.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../serdes/consumer-protocol.ts'
import { passesByItself } from './passing-error.ts'
import { assignSticky } from './sticky-assignor.ts'

export interface SinkMembershipOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly groupId: string
  readonly groupInstanceId: string | undefined
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  /** `host:port` where this member can be asked how it is. */
  readonly address: string | undefined
  /** What this member holds now. */
  owned(): readonly TopicPartition[]
  /** All that this member is to hold from now on. */
  assigned(partitions: readonly TopicPartition[]): void
  failed(error: Error): void
}

/** How often the partition counts are looked at. A topic that grew is divided anew. */
const REFRESH_MS = 10_000
const PROTOCOL_NAME = 'tradewind-sticky'

/**
 * The consumer group of a sink. Partitions are taken over without a handshake: who was given one claims it in the database, which
 * fences whoever had it before. So members go on writing through a rebalance.
 */
export class SinkMembership {
  readonly #options: SinkMembershipOptions
  readonly member: GroupMember
  #partitionCounts = new Map<string, number>()
  #refresh: Timer | undefined
  #closed = false

  constructor(options: SinkMembershipOptions) {
    this.#options = options
    this.member = options.client.groupMember({
      groupId: options.groupId,
      groupInstanceId: options.groupInstanceId,
      protocolType: 'consumer',
      protocolName: PROTOCOL_NAME,
      sessionTimeoutMs: options.sessionTimeoutMs,
      rebalanceTimeoutMs: options.sessionTimeoutMs,
      listener: {
        subscription: () =>
          encodeSubscription({
            topics: options.topics,
            ownedPartitions: options.owned(),
            generationId: this.member.generation?.generationId ?? -1,
            userData: Buffer.from(JSON.stringify({ address: options.address })),
          }),
        assign: (members, generation) => this.#assign(members, generation),
        assigned: (assignment) => options.assigned(decodeAssignment(assignment).partitions),
        // The fence in the database holds, but without a session there is no telling how long: others may be about to claim all of it.
        lost: () => options.assigned([]),
        failed: (error) => options.failed(error),
      },
    })
  }

  /** Joins once the topics are known. */
  start(): void {
    this.#look().then(
      () => !this.#closed && this.member.start(),
      (error: Error) => this.#options.failed(error),
    )
  }

  async leave(): Promise<void> {
    this.#stop()
    await this.member.leave()
  }

  #stop(): void {
    this.#closed = true
    this.#refresh?.cancel()
  }

  /** Asks for the partition counts, again and again. Topics that are not there yet have none. */
  async #look(): Promise<void> {
    try {
      const topics = await this.#options.client.topics(this.#options.topics, { maxAgeMs: REFRESH_MS })
      const counts = new Map(topics.map((topic) => [topic.name, topic.errorCode === 0 ? topic.partitions.length : 0]))
      const changed = [...counts].some(([name, count]) => this.#partitionCounts.get(name) !== count)
      const known = this.#partitionCounts.size > 0
      this.#partitionCounts = counts
      if (changed && known && !this.#closed) this.member.rejoin('the number of partitions of a topic has changed')
    } catch (error) {
      if (!passesByItself(error)) throw error
    }
    if (this.#closed) return
    this.#refresh = this.#options.clock.after(REFRESH_MS, () => {
      this.#look().catch((error: Error) => this.#options.failed(error))
    })
  }

  #assign(members: readonly { memberId: string; metadata: Buffer }[], generation: number): Map<string, Uint8Array> {
    const subscriptions = members.map(({ memberId, metadata }) => ({ memberId, ...decodeSubscription(metadata) }))
    const assignments = assignSticky(subscriptions, this.#partitionCounts)
    return new Map([...assignments].map(([memberId, partitions]) => [memberId, encodeAssignment({ partitions, userData: Buffer.from(JSON.stringify({ generation })) })]))
  }
}
