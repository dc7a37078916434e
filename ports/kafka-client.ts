import type { AbortedTransaction, Broker, CommittedOffset, GroupGeneration, OffsetToCommit, TopicMetadata, TopicPartition } from './broker.ts'

/**
 * What a stream thread and a sink task ask of Kafka: the state machines above the single requests of `Broker` (leaders,
 * coordinators, retries, sequence numbers, generations). `kafka/` builds them; under simulation they run on a model of the broker.
 */
export interface KafkaClient {
  readonly broker: Broker
  fetcher(options: FetcherOptions): Fetcher
  transactionalProducer(options: TransactionalProducerOptions): TransactionalProducer
  /** An idempotent producer without transactions: sinks' dead letters, load generators, gateways. */
  producer(): Producer
  groupMember(options: GroupMemberOptions): GroupMember
  /**
   * Offsets of a group, leaders and coordinator looked up and retried. With `requireStable` it waits until no open transaction is about to change them. The partitions have
   * to be named: asked for all, a broker leaves out one whose first offset is still in an open transaction.
   */
  committedOffsets(groupId: string, partitions: readonly TopicPartition[], options: { requireStable: boolean }): Promise<CommittedOffset[]>
  /** `earliest`: log start; `latest`: high watermark; `stable`: last stable offset; or the first offset at or after a timestamp in ms. */
  listOffsets(partitions: readonly TopicPartition[], which: 'earliest' | 'latest' | 'stable' | number): Promise<(TopicPartition & { offset: number; leaderEpoch: number })[]>
  /** Where the log of the leader that follows `leaderEpoch` ends: a position beyond it has diverged (KIP-320). */
  endOfEpoch(partition: TopicPartition, leaderEpoch: number): Promise<{ leaderEpoch: number; endOffset: number }>
  /** Metadata of topics, from a cache that is refreshed when a leader moved, or when it is older than `maxAgeMs` (default 60,000). A topic that is not there has an `errorCode`. */
  topics(names: readonly string[], options?: { maxAgeMs?: number }): Promise<TopicMetadata[]>
  close(): Promise<void>
}

export interface FetcherOptions {
  readonly readCommitted: boolean
  /** How long the broker may hold a fetch that has nothing to answer. Default 500. */
  readonly maxWaitMs?: number
  /** Default 4.8 MB: 400 KB for each of 12 partitions measured best. */
  readonly maxBytes?: number
  readonly maxPartitionBytes?: number
}

export interface FetchPosition {
  readonly offset: number
  /** Epoch of the record before the position; `undefined`: unknown. */
  readonly leaderEpoch: number | undefined
}

/**
 * Fetches partitions from their leaders, one long poll a node, the next one under way before the last answer is worked
 * off. A partition that was removed, paused or set elsewhere yields nothing more that was fetched for the old position.
 */
export interface Fetcher {
  /** Starts, or sets elsewhere, a partition. */
  assign(partition: TopicPartition, position: FetchPosition): void
  remove(partition: TopicPartition): void
  /** No further fetch for this partition; what has arrived is still handed out. */
  pause(partition: TopicPartition): void
  resume(partition: TopicPartition): void
  /** The next chunk that has arrived, `undefined` if there is none. Partitions take turns. */
  take(): FetchedChunk | FetchFailure | undefined
  /** Chunks that have arrived and were not taken: two answers of each node at most. */
  readonly waiting: number
  /** Resolves when `take` has something, or after `wake`. */
  ready(): Promise<void>
  wake(): void
  close(): Promise<void>
}

/** Whole record batches of one partition. Walk them with `CommittedCursor` of `records/`. */
export interface FetchedChunk extends TopicPartition {
  readonly kind: 'chunk'
  /** The position that was asked for: batches may begin before it (compressed or compacted); such records are skipped. */
  readonly fetchOffset: number
  /** The position after this chunk, transaction markers and gaps included. It may be past `fetchOffset` although no record is in it. */
  readonly nextOffset: number
  readonly leaderEpoch: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly abortedTransactions: readonly AbortedTransaction[]
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  /** To be called, if at all, once, when nobody looks at the bytes any more: their memory may then be used for a later chunk. Otherwise they are left to the garbage collector. */
  readonly release?: () => void
}

/** The partition is stopped until it is assigned again. What is retriable is retried within the fetcher and never seen here. */
export interface FetchFailure extends TopicPartition {
  readonly kind: 'failure'
  readonly reason: 'offset-out-of-range' | 'diverged' | 'topic-missing' | 'topic-recreated' | 'not-authorised' | 'corrupt'
  readonly message: string
}

export interface TransactionalProducerOptions {
  readonly transactionalId: string
  /** Default 10,000. */
  readonly transactionTimeoutMs?: number
  /** How long a retriable answer to Produce or TxnOffsetCommit is retried. Default: the transaction timeout. */
  readonly deliveryTimeoutMs?: number
}

/** A record batch that is sealed but for producer id, epoch, base sequence and checksum: the producer stamps these into its header. */
export interface OutgoingBatch extends TopicPartition {
  readonly bytes: Buffer
  readonly recordCount: number
}

/**
 * A transactional producer. Whether its transactions are V2 (KIP-890: partitions are added by Produce, the epoch goes up with every EndTxn) or V1 is what `initialise` finds in the cluster.
 *
 * ```
 * uninitialised -> ready -> in-transaction -> ending -> ready
 *                    any -> failed (every call but initialise and close refuses)
 * ```
 * A transaction begins with the first `produce` or `commitOffsets`. The errors they reject with are `KafkaError`s, whose `scope` says what to do.
 */
export interface TransactionalProducer {
  readonly transactionalId: string
  /** InitProducerId with -1/-1: aborts what an earlier producer of this id left open and waits until that is over. */
  initialise(): Promise<void>
  /**
   * Produces the batches, in order per partition (several of one partition go in several requests). Resolves with the base offset of each, in the order given.
   * Retriable answers are retried for those partitions only, with the same sequence numbers. Rejects with `RecordRefusedError` for 10, 32 and 87.
   */
  produce(batches: readonly OutgoingBatch[]): Promise<number[]>
  /** Adds offsets to the transaction. Called without awaiting `produce`, it travels behind it on the same connection. It rejects with the scope `abort` where it was not answered: come late, it would count. */
  commitOffsets(offsets: readonly OffsetToCommit[], generation: GroupGeneration): Promise<void>
  /**
   * EndTxn. An unknown outcome is resolved by repeating it with the same id and epoch until there is an answer, so it rejects only
   * where the broker says that the transaction did not commit (fenced, aborted) or when the producer is closed.
   */
  end(outcome: 'commit' | 'abort'): Promise<void>
  close(): Promise<void>
}

export interface Producer {
  /** Resolves with the base offset of each batch once it is acknowledged (acks=all). */
  produce(batches: readonly OutgoingBatch[]): Promise<number[]>
  /** The same, each batch with an answer of its own: one that waits for its leader holds no other up. In one request a node, as `produce`. */
  produceEach(batches: readonly OutgoingBatch[]): Promise<number>[]
  close(): Promise<void>
}

/** A record on its way out of a program that writes one here and there. */
export interface OutgoingRecord extends TopicPartition {
  readonly timestamp: number
  readonly key: Buffer | undefined
  /** `undefined`: null, a delete. */
  readonly value: Buffer | undefined
  /** Text becomes UTF-8; `undefined` is null. */
  readonly headers: readonly (readonly [name: string, value: string | Uint8Array | undefined])[]
}

/** Gathers single records into batches. */
export interface RecordProducer {
  /** Resolves with the offset once all in-sync replicas have the record. Rejects with a `KafkaError`, or `KafkaAwayError`. */
  send(record: OutgoingRecord): Promise<number>
  close(): Promise<void>
}

/** Kafka does not answer, or not soon enough. `isSent` false: the record was not sent and never will be; true: nobody knows whether it arrives. */
export class KafkaAwayError extends Error {
  override readonly name = 'KafkaAwayError'
  readonly isSent: boolean

  constructor(message: string, isSent: boolean) {
    super(message)
    this.isSent = isSent
  }
}

export interface GroupMemberOptions {
  readonly groupId: string
  /** Static membership (KIP-345); `undefined`: dynamic. */
  readonly groupInstanceId: string | undefined
  readonly protocolType: string
  readonly protocolName: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** Default 500. */
  readonly heartbeatIntervalMs?: number
  readonly listener: GroupListener
}

/** What the group member tells its owner, and asks of it. Calls are made from the event loop, never within a call of the owner. */
export interface GroupListener {
  /** Asked just before each JoinGroup. */
  subscription(): Uint8Array
  /** Asked of the leader: an assignment for each member. */
  assign(members: readonly { memberId: string; groupInstanceId: string | undefined; metadata: Buffer }[], generationId: number): Map<string, Uint8Array>
  /** SyncGroup has answered. */
  assigned(assignment: Buffer, generation: GroupGeneration): void
  /** The membership ended without a word from us (unknown member, generation moved): what was owned is owned no more. The member rejoins by itself. */
  lost(reason: Error): void
  /** It cannot go on: a twin took the instance id (the second FENCED_INSTANCE_ID within a session time-out), not authorised, protocols that do not fit. */
  failed(error: Error): void
}

/**
 * One member of a group of the classic protocol: finds the coordinator, joins, syncs, heartbeats, rejoins when asked.
 *
 * ```
 * unjoined -> joining -> syncing -> stable -> joining (a rebalance: heartbeats go on under the old generation until JoinGroup answers)
 *      any -> unjoined (lost)      any -> failed      any -> closed
 * ```
 */
export interface GroupMember {
  readonly state: 'unjoined' | 'joining' | 'syncing' | 'stable' | 'failed' | 'closed'
  /** The generation of the last SyncGroup; `undefined` before the first and when lost. It goes on being valid for commits while `joining`, until JoinGroup answers. */
  readonly generation: GroupGeneration | undefined
  start(): void
  /** Joins again, with a new subscription. */
  rejoin(reason: string): void
  /** OffsetCommit under the current generation, retried; rejects with a `KafkaError`. */
  commitOffsets(offsets: readonly OffsetToCommit[]): Promise<void>
  /** LeaveGroup (v3, with the instance id): others take over at once. */
  leave(): Promise<void>
  /** Stops without leaving: a static member that comes back within its session time-out finds its place. */
  close(): Promise<void>
}
