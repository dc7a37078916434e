import { changelogTopic } from '../../engine/application-topology.ts'
import type { SubTopology } from '../../engine/topology.ts'
import { readTradeState } from '../../processors/trade-state.ts'
import { ByteView } from '../../records/byte-view.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TradeTopics } from '../../topology/trade-topics.ts'
import type { StateLookUps } from '../queries/owner-queries.ts'
import { AuditSamples } from './audit-sample.ts'
import { DeadLetterLog } from './dead-letter-log.ts'
import { EventFeed } from './event-feed.ts'
import { GroupWatch, type WatchedGroup } from './group-watch.ts'
import { History } from './history.ts'
import { InstanceWatch } from './instance-watch.ts'
import type { LiveKafka } from './live-kafka.ts'

export interface LiveOptions {
  readonly kafka: LiveKafka
  readonly clock: Clock
  readonly topics: TradeTopics
  readonly groups: readonly WatchedGroup[]
  /** The application: its graph, and its name, which its changelogs bear. */
  readonly topology: readonly SubTopology[]
  readonly applicationId: string
  readonly state: StateLookUps
  /** Partitions of the input topic; rejects while Kafka has not told yet. */
  readonly partitions: () => Promise<number>
}

/** What a gateway knows of what happens now. Nothing of it is kept: another gateway, or this one after a restart, finds out for itself. */
export class Live {
  readonly kafka: LiveKafka
  readonly topics: TradeTopics
  readonly feed: EventFeed
  readonly groups: GroupWatch
  readonly history: History
  readonly deadLetters: DeadLetterLog
  readonly instances: InstanceWatch
  readonly topology: readonly SubTopology[]
  readonly #applicationId: string

  constructor({ kafka, clock, topics, groups, topology, applicationId, state, partitions }: LiveOptions) {
    this.kafka = kafka
    this.topics = topics
    this.topology = topology
    this.#applicationId = applicationId
    this.feed = new EventFeed({ kafka, clock, topics, bookOf: (tradeId) => bookOf(tradeId, state, partitions) })
    this.groups = new GroupWatch({ kafka, clock, groups })
    this.history = new History({ groups: this.groups, audit: new AuditSamples({ kafka, clock, topic: topics.audit }), clock, input: topics.ingested })
    this.instances = new InstanceWatch({ groups: this.groups, clock })
    this.deadLetters = new DeadLetterLog({ kafka, clock, topic: topics.deadLetter })
  }

  /** The history begins. Everything else begins when somebody asks for it. */
  start(): void {
    this.history.start()
  }

  close(): void {
    this.history.close()
    this.feed.close()
    this.instances.close()
  }

  changelogOf(store: string): string {
    return changelogTopic(this.#applicationId, store)
  }
}

async function bookOf(tradeId: string, state: StateLookUps, partitions: () => Promise<number>): Promise<string | undefined> {
  const key = Buffer.from(tradeId)
  const value = await state.get('trades', partitionOf(murmur2(key, 0, key.length), await partitions()), tradeId)
  const json = value === undefined ? undefined : readTradeState(new ByteView(value)).json
  if (json === undefined) return undefined
  const trade: unknown = JSON.parse(json.toString())
  const book = typeof trade === 'object' && trade !== null && 'book_id' in trade ? trade.book_id : undefined
  return typeof book === 'string' ? book : undefined
}
