import type { Broker, CommittedOffset, TopicMetadata, TopicPartition } from '../ports/broker.ts'
import { ConnectionLostError, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '../ports/broker.ts'
import type {
  Fetcher,
  FetcherOptions,
  GroupMember,
  GroupMemberOptions,
  KafkaClient,
  Producer,
  TransactionalProducer,
  TransactionalProducerOptions,
} from '../ports/kafka-client.ts'
import { Coordinators } from './coordinators.ts'
import { kafkaError } from './error-codes.ts'
import { LeaderFetcher } from './fetcher.ts'
import { ClassicGroupMember } from './group-member.ts'
import { askLeaders, type LeaderAnswer } from './leader-requests.ts'
import { Leaders } from './leaders.ts'
import { IdempotentProducer } from './producer.ts'
import type { RetryContext } from './retry-pace.ts'
import { KafkaTransactionalProducer } from './transactional-producer.ts'

/** How long a look-up is repeated while brokers are away. */
const LOOKUP_TIMEOUT_MS = 60_000
const UNSTABLE_OFFSET_COMMIT = 88

interface Closable {
  close(): Promise<void>
}

/** `KafkaClient` on any `Broker`: the wire, or the model of the simulation. Close it before the broker. */
export class BrokerKafkaClient implements KafkaClient {
  readonly broker: Broker
  readonly #leaders: Leaders
  readonly #coordinators: Coordinators
  readonly #dependencies: RetryContext & { broker: Broker; leaders: Leaders; coordinators: Coordinators }
  readonly #closing = new AbortController()
  readonly #open = new Set<Closable>()

  constructor(options: RetryContext & { broker: Broker }) {
    this.broker = options.broker
    this.#leaders = new Leaders(options)
    this.#coordinators = new Coordinators(options)
    this.#dependencies = { ...options, leaders: this.#leaders, coordinators: this.#coordinators }
  }

  fetcher(options: FetcherOptions): Fetcher {
    return this.#keep(new LeaderFetcher(this.#dependencies, options))
  }

  transactionalProducer(options: TransactionalProducerOptions): TransactionalProducer {
    return this.#keep(new KafkaTransactionalProducer(this.#dependencies, options))
  }

  producer(): Producer {
    return this.#keep(new IdempotentProducer(this.#dependencies))
  }

  groupMember(options: GroupMemberOptions): GroupMember {
    return this.#keep(new ClassicGroupMember(this.#dependencies, options))
  }

  async committedOffsets(groupId: string, partitions: readonly TopicPartition[], { requireStable }: { requireStable: boolean }): Promise<CommittedOffset[]> {
    const answer = await this.#coordinators.ask({
      type: 'group',
      key: groupId,
      send: (node) => this.broker.offsetFetch(node, { groupId, partitions, requireStable }),
      errorOf: (found) => found.errorCode || firstError(found.offsets),
      // an open transaction is about to change these offsets: it ends, or its time-out ends it
      alsoRetriable: [UNSTABLE_OFFSET_COMMIT],
      ...this.#limits(),
    })
    const errorCode = answer.errorCode || firstError(answer.offsets)
    if (errorCode !== 0) throw kafkaError(errorCode, `OffsetFetch of group ${groupId}`)
    return answer.offsets
  }

  async listOffsets(
    partitions: readonly TopicPartition[],
    which: 'earliest' | 'latest' | 'stable' | number,
  ): Promise<(TopicPartition & { offset: number; leaderEpoch: number })[]> {
    const timestamp = which === 'earliest' ? EARLIEST_TIMESTAMP : typeof which === 'number' ? which : LATEST_TIMESTAMP
    const found = await this.#askLeaders(partitions, 'ListOffsets', (node, asked) =>
      this.broker.listOffsets(node, {
        readCommitted: which === 'stable',
        partitions: asked.map(({ topic, partition, currentLeaderEpoch }) => ({ topic, partition, currentLeaderEpoch, timestamp })),
      }),
    )
    // nothing is as young as the timestamp: what comes next will be
    const beyond = found.filter(({ offset }) => offset < 0)
    if (beyond.length === 0) return found
    const latest = await this.listOffsets(beyond, 'latest')
    return found.map((answer) => (answer.offset >= 0 ? answer : (latest[beyond.indexOf(answer)] ?? answer)))
  }

  async endOfEpoch({ topic, partition }: TopicPartition, leaderEpoch: number): Promise<{ leaderEpoch: number; endOffset: number }> {
    const found = await this.#askLeaders([{ topic, partition }], 'OffsetForLeaderEpoch', (node, asked) =>
      this.broker.offsetForLeaderEpoch(
        node,
        asked.map((at) => ({ topic: at.topic, partition: at.partition, currentLeaderEpoch: at.currentLeaderEpoch, leaderEpoch })),
      ),
    )
    // one was asked for: askLeaders answers each or rejects
    const [answer] = found
    if (!answer) throw new Error(`OffsetForLeaderEpoch: nothing was answered for ${topic}-${partition}`)
    return { leaderEpoch: answer.leaderEpoch, endOffset: answer.endOffset }
  }

  topics(names: readonly string[], options: { maxAgeMs?: number } = {}): Promise<TopicMetadata[]> {
    return this.#leaders.topics(names, { ...options, ...this.#limits() })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#open].map((part) => part.close()))
  }

  #askLeaders<Answer extends LeaderAnswer>(
    partitions: readonly TopicPartition[],
    request: string,
    send: (node: number, asked: readonly (TopicPartition & { currentLeaderEpoch: number })[]) => Promise<Answer[]>,
  ): Promise<Answer[]> {
    return askLeaders({ context: this.#dependencies, leaders: this.#leaders, partitions, request, send, ...this.#limits() })
  }

  /** Closed with the client, unless its owner closes it before. */
  #keep<Part extends Closable>(part: Part): Part {
    if (this.#closing.signal.aborted) throw new ConnectionLostError('the Kafka client is closed')
    this.#open.add(part)
    const close = part.close.bind(part)
    part.close = () => {
      this.#open.delete(part)
      return close()
    }
    return part
  }

  #limits(): { deadlineMs: number; signal: AbortSignal } {
    return { deadlineMs: LOOKUP_TIMEOUT_MS, signal: this.#closing.signal }
  }
}

function firstError(answers: readonly { errorCode: number }[]): number {
  return answers.find(({ errorCode }) => errorCode !== 0)?.errorCode ?? 0
}
