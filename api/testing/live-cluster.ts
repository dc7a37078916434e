import type { GroupDescription, TopicMetadata } from '../../ports/broker.ts'
import { ModelKafka } from '../../engine/testing/model-kafka.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { HeaderBlockBuilder } from '../../records/headers.ts'
import { encodeAssignment, encodeSubscription } from '../../serdes/consumer-protocol.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import type { WatchedGroup } from '../live/group-watch.ts'
import type { LiveKafka } from '../live/live-kafka.ts'

export interface LetterRecord {
  readonly key?: string | Buffer
  readonly value?: string | Buffer
  readonly timestamp: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface ClusterMember {
  readonly instanceId: string
  readonly address?: string
  readonly tasks?: readonly string[]
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
  readonly generation?: number
}

/** What the live part sees of a cluster: logs of the model, groups as a test sets them. */
export class LiveCluster {
  model = new ModelKafka()
  readonly partitions = 2
  readonly groups: readonly WatchedGroup[] = [
    { group: 'trades', role: 'processor', topics: [TRADE_TOPICS.ingested] },
    { group: 'trades-sink-postgres', role: 'sink-postgres', topics: [TRADE_TOPICS.processed] },
    { group: 'trades-sink-mongo', role: 'sink-mongo', topics: [TRADE_TOPICS.audit, TRADE_TOPICS.processed, TRADE_TOPICS.expired] },
  ]
  /** By `group topic-partition`. */
  readonly committed = new Map<string, number>()
  readonly members = new Map<string, readonly ClusterMember[]>()
  /** By group; default: Stable with members, Empty without. */
  readonly states = new Map<string, string>()
  /** What Kafka makes of a question. */
  ask: () => Promise<void> = async () => {}

  get kafka(): LiveKafka {
    return {
      fetcher: (options) => this.model.fetcher(options),
      topics: async (names) => {
        await this.ask()
        return names.map((name) => this.#topic(name))
      },
      listOffsets: async (partitions, which) => {
        await this.ask()
        return this.model.listOffsets(partitions, which)
      },
      committedOffsets: async (group, partitions) => {
        await this.ask()
        return partitions.map(({ topic, partition }) => ({ topic, partition, errorCode: 0, offset: this.committed.get(`${group} ${topic}-${partition}`), leaderEpoch: -1, metadata: '' }))
      },
      broker: {
        findCoordinator: async () => ({ errorCode: 0, node: 1 }),
        describeGroups: async (_node, groups) => groups.map((group) => this.#description(group)),
      },
    }
  }

  /** As new. */
  reset(): void {
    this.model = new ModelKafka()
    this.committed.clear()
    this.members.clear()
    this.states.clear()
    this.ask = async () => {}
  }

  /** Writes records with headers, committed. */
  write(topic: string, partition: number, ...records: LetterRecord[]): void {
    const headers = new HeaderBlockBuilder()
    for (const record of records) {
      headers.reset()
      for (const [name, value] of Object.entries(record.headers ?? {})) headers.add(name, value)
      const builder = new BatchBuilder({ transactional: false })
      builder.append(record.timestamp, viewOf(record.key), viewOf(record.value), headers.count === 0 ? undefined : headers.into(new ByteView()))
      this.model.log(topic, partition).append(builder.seal(), 1, -1)
    }
    this.model.changed()
  }

  audit(partition: number, timestamp: number, entry: { readonly trade_id: string; readonly outcome: string }): void {
    this.write(TRADE_TOPICS.audit, partition, { key: entry.trade_id, value: JSON.stringify(entry), timestamp })
  }

  #topic(name: string): TopicMetadata {
    const partitions = Array.from({ length: this.partitions }, (_, partition) => ({ partition, errorCode: 0, leader: 1, leaderEpoch: 0, replicas: [1], inSyncReplicas: [1] }))
    return { name, topicId: `id of ${name}`, errorCode: 0, internal: false, partitions }
  }

  #description(groupId: string): GroupDescription {
    const members = (this.members.get(groupId) ?? []).map(({ instanceId, address, tasks, partitions, generation }) => ({
      memberId: `${instanceId}-member`,
      groupInstanceId: instanceId,
      clientId: 'tradewind',
      clientHost: '/127.0.0.1',
      metadata: encodeSubscription({ topics: [], ownedPartitions: [], generationId: -1, userData: Buffer.from(JSON.stringify({ address })) }),
      assignment: encodeAssignment({ partitions, userData: Buffer.from(JSON.stringify({ tasks, moving: [], generation })) }),
    }))
    const state = this.states.get(groupId) ?? (members.length > 0 ? 'Stable' : 'Empty')
    return { groupId, errorCode: 0, state, protocolType: 'consumer', protocolName: 'tradewind', members }
  }
}

function viewOf(content: string | Buffer | undefined): ByteView | undefined {
  return content === undefined ? undefined : new ByteView(Buffer.from(content))
}
