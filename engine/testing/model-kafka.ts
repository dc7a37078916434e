import type { Broker, CommittedOffset, OffsetToCommit, TopicMetadata, TopicPartition } from '../../ports/broker.ts'
import type {
  Fetcher,
  FetcherOptions,
  GroupMember,
  GroupMemberOptions,
  KafkaClient,
  OutgoingBatch,
  Producer,
  TransactionalProducer,
  TransactionalProducerOptions,
} from '../../ports/kafka-client.ts'
import { KafkaError } from '../../ports/kafka-error.ts'
import { ModelFetcher } from './model-fetcher.ts'
import { ModelGroup } from './model-group.ts'
import { ModelLog } from './model-log.ts'

const LEADER_NOT_AVAILABLE = 5

/** Places where a test can hold, or fail, what is asked of the model. */
export type ModelCall = 'initialise' | 'produce' | 'offsets' | 'end' | 'committedOffsets' | 'listOffsets' | 'leave'

/** Called before the model acts: what it returns is awaited, what it throws is the answer. */
export type ModelHook = (detail: { id: string; batches: readonly OutgoingBatch[]; outcome: 'commit' | 'abort' | undefined }) => unknown

interface ModelTransaction {
  readonly producerId: number
  readonly partitions: Set<ModelLog>
  readonly offsets: Map<string, OffsetToCommit>
}

/** One cluster and one group, in memory, in the terms of the `KafkaClient` port. What it does it does at once; time passes only where a test holds it. */
export class ModelKafka implements KafkaClient {
  readonly group = new ModelGroup()
  readonly hooks: { [call in ModelCall]?: ModelHook | undefined } = {}
  /** What reached the model, in order. */
  readonly journal: string[] = []
  /** What brokers say of input topics. */
  readonly metadata = new Map<string, { topicId?: string; partitions?: number; errorCode?: number }>()
  readonly topicConfigs = new Map<string, string>([['delete.retention.ms', '604800000']])
  readonly #logs = new Map<string, ModelLog>()
  readonly #fetchers = new Set<ModelFetcher>()
  readonly #open = new Map<string, ModelTransaction>()
  /** Transactional id to who has it: an older producer of the id is fenced. */
  readonly #holders = new Map<string, object>()
  readonly #producerIds = new Map<string, number>()
  readonly #committed = new Map<string, OffsetToCommit>()

  /** The part of the broker port that the engine uses itself; nothing else is asked of it. */
  get broker(): Broker {
    const describeTopicConfigs: Broker['describeTopicConfigs'] = async (names) => names.map((name) => ({ name, errorCode: 0, configs: this.topicConfigs }))
    return { describeTopicConfigs } as Partial<Broker> as Broker
  }

  log(topic: string, partition = 0): ModelLog {
    const key = `${topic}-${partition}`
    let log = this.#logs.get(key)
    if (log === undefined) {
      log = new ModelLog(topic, partition)
      this.#logs.set(key, log)
    }
    return log
  }

  /** As if the topic were deleted and made anew. */
  forget(topic: string, partition = 0): void {
    this.#logs.delete(`${topic}-${partition}`)
  }

  write(topic: string, partition: number, records: readonly { key?: string; value?: string; timestamp?: number }[]): void {
    this.log(topic, partition).write(records)
    this.changed()
  }

  committedOffset(topic: string, partition = 0): number | undefined {
    return this.#committed.get(`${topic}-${partition}`)?.offset
  }

  /** Fetchers look again. */
  changed(): void {
    for (const fetcher of this.#fetchers) fetcher.look()
  }

  fetcher(options: FetcherOptions): Fetcher {
    const fetcher = new ModelFetcher({ log: (topic, partition) => this.log(topic, partition), readCommitted: options.readCommitted, closed: () => this.#fetchers.delete(fetcher) })
    this.#fetchers.add(fetcher)
    return fetcher
  }

  get openFetchers(): number {
    return this.#fetchers.size
  }

  transactionalProducer({ transactionalId }: TransactionalProducerOptions): TransactionalProducer {
    const me = {}
    let isFailed = true
    const check = (): void => {
      if (isFailed || this.#holders.get(transactionalId) !== me) throw new KafkaError({ code: 90, errorName: 'PRODUCER_FENCED', scope: 'fenced' }, transactionalId)
    }
    const closing = Promise.withResolvers<never>()
    // It is for calls under way; without one nobody waits for it.
    closing.promise.catch(() => {})
    const call = async (name: ModelCall, batches: readonly OutgoingBatch[] = [], outcome?: 'commit' | 'abort'): Promise<void> => {
      await Promise.race([this.#call(name, transactionalId, batches, outcome), closing.promise])
    }
    return {
      transactionalId,
      initialise: async () => {
        await call('initialise')
        this.#end(transactionalId, 'abort')
        this.#holders.set(transactionalId, me)
        isFailed = false
      },
      produce: async (batches) => {
        check()
        await call('produce', batches)
        check()
        const transaction = this.#begin(transactionalId)
        return batches.map(({ topic, partition, bytes, recordCount }) => {
          const log = this.log(topic, partition)
          transaction.partitions.add(log)
          return log.append(bytes, recordCount, transaction.producerId)
        })
      },
      commitOffsets: async (offsets, generation) => {
        check()
        await call('offsets')
        check()
        this.group.check(generation)
        const transaction = this.#begin(transactionalId)
        for (const offset of offsets) transaction.offsets.set(`${offset.topic}-${offset.partition}`, offset)
      },
      end: async (outcome) => {
        check()
        await call('end', [], outcome)
        check()
        this.#end(transactionalId, outcome)
      },
      close: async () => {
        isFailed = true
        closing.reject(new KafkaError({ code: 48, errorName: 'INVALID_TXN_STATE', scope: 'abort' }, `${transactionalId} was closed`))
      },
    }
  }

  producer(): Producer {
    throw new Error('the model has no plain producer: write to its logs')
  }

  groupMember(options: GroupMemberOptions): GroupMember {
    return this.group.member(options, (name) => this.#call('leave', name, [], undefined))
  }

  async committedOffsets(_groupId: string, partitions: readonly TopicPartition[] | undefined): Promise<CommittedOffset[]> {
    await this.#call('committedOffsets', '', [], undefined)
    const wanted = partitions ?? []
    // As with requireStable: it waits until no open transaction is about to change them.
    while ([...this.#open.values()].some(({ offsets }) => wanted.some(({ topic, partition }) => offsets.has(`${topic}-${partition}`)))) await this.#ended()
    return wanted.map(({ topic, partition }) => {
      const found = this.#committed.get(`${topic}-${partition}`)
      return { topic, partition, errorCode: 0, offset: found?.offset, leaderEpoch: -1, metadata: found?.metadata ?? '' }
    })
  }

  async listOffsets(partitions: readonly TopicPartition[], which: 'earliest' | 'latest' | 'stable' | number) {
    await this.#call('listOffsets', String(which), [], undefined)
    return partitions.map(({ topic, partition }) => {
      const log = this.log(topic, partition)
      return { topic, partition, offset: which === 'earliest' ? log.start : which === 'stable' ? log.stable : log.end, leaderEpoch: log.leaderEpoch }
    })
  }

  async endOfEpoch({ topic, partition }: TopicPartition, leaderEpoch: number): Promise<{ leaderEpoch: number; endOffset: number }> {
    const log = this.log(topic, partition)
    return log.epochEnd ?? { leaderEpoch, endOffset: log.end }
  }

  /** Of a topic that a test says nothing of nothing is known yet. */
  async topics(names: readonly string[]): Promise<TopicMetadata[]> {
    return names.map((name) => {
      const { topicId = '', partitions = 0, errorCode = 0 } = this.metadata.get(name) ?? { errorCode: LEADER_NOT_AVAILABLE }
      const of = (partition: number) => ({ partition, errorCode: 0, leader: 1, leaderEpoch: 0, replicas: [1], inSyncReplicas: [1] })
      return { name, topicId, errorCode, internal: false, partitions: Array.from({ length: partitions }, (_, partition) => of(partition)) }
    })
  }

  async close(): Promise<void> {}

  /** As the coordinator does for a time-out. */
  abortOpen(): void {
    for (const id of [...this.#open.keys()]) this.#end(id, 'abort')
  }

  get openTransactions(): number {
    return this.#open.size
  }

  async #call(name: ModelCall, id: string, batches: readonly OutgoingBatch[], outcome: 'commit' | 'abort' | undefined): Promise<void> {
    await this.hooks[name]?.({ id, batches, outcome })
    this.journal.push([name, id, outcome].filter(Boolean).join(' '))
  }

  #begin(transactionalId: string): ModelTransaction {
    let open = this.#open.get(transactionalId)
    if (open === undefined) {
      const producerId = this.#producerIds.get(transactionalId) ?? this.#producerIds.size + 1
      this.#producerIds.set(transactionalId, producerId)
      open = { producerId, partitions: new Set(), offsets: new Map() }
      this.#open.set(transactionalId, open)
    }
    return open
  }

  #end(transactionalId: string, outcome: 'commit' | 'abort'): void {
    const open = this.#open.get(transactionalId)
    if (open === undefined) return
    this.#open.delete(transactionalId)
    for (const log of open.partitions) log.endTransaction(open.producerId, outcome === 'commit')
    if (outcome === 'commit') for (const [key, offset] of open.offsets) this.#committed.set(key, offset)
    const waiting = this.#waiting.splice(0)
    for (const resolve of waiting) resolve()
    this.changed()
  }

  readonly #waiting: (() => void)[] = []

  #ended(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

