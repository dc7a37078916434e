/**
 * The broker, as typed requests: one method a Kafka API, each sent to one node. `kafka/` implements it on sockets; the
 * simulation implements it as a model. Nothing here retries, and nothing looks up a leader or a coordinator: that is the
 * business of the fetcher, the transactional producer and the group member, which are written against this port.
 *
 * A request ends in one of three ways: an answer (with Kafka's error codes in it, 0 = none), `ConnectionLostError` (nobody
 * knows whether the broker acted on it), or `UnsupportedVersionError`. Offsets and timestamps are numbers that were checked to be safe integers.
 */
export interface Broker {
  /** Cluster, nodes and topics. `topics` undefined: all; empty: none. Asked of any node, the bootstrap addresses included. */
  metadata(topics: readonly string[] | undefined): Promise<Metadata>
  /** What the cluster can do: finalised features (`transaction.version` 2 = KIP-890 transactions V2) and the versions of each API of the node. */
  features(): Promise<ClusterFeatures>

  fetch(node: number, request: FetchRequest): Promise<FetchResponse>
  listOffsets(node: number, request: ListOffsetsRequest): Promise<PartitionOffset[]>
  offsetForLeaderEpoch(node: number, partitions: readonly (TopicPartition & { leaderEpoch: number; currentLeaderEpoch: number })[]): Promise<(TopicPartition & { errorCode: number; leaderEpoch: number; endOffset: number })[]>

  /** `key` is a group id or a transactional id. The answer's error code is 15 while there is no coordinator. */
  findCoordinator(type: 'group' | 'transaction', key: string): Promise<{ errorCode: number; node: number }>

  initProducerId(node: number, request: { transactionalId: string | undefined; transactionTimeoutMs: number; producerId: number; producerEpoch: number }): Promise<{ errorCode: number; producerId: number; producerEpoch: number }>
  /** `lane` names the connection: requests of one lane to one node travel on one connection, in order, pipelined. */
  produce(node: number, lane: string, request: ProduceRequest): Promise<ProduceResponse>
  txnOffsetCommit(node: number, lane: string, request: TxnOffsetCommitRequest): Promise<(TopicPartition & { errorCode: number })[]>
  /** `transactionsV2`: default true. With V1 the epoch stays, and the answer has no identity: -1 each. */
  endTxn(node: number, request: EndTxnRequest): Promise<{ errorCode: number; producerId: number; producerEpoch: number }>
  /** Transactions V1 only: before the first Produce to each of the partitions. */
  addPartitionsToTxn(node: number, request: TransactionOwner & { partitions: readonly TopicPartition[] }): Promise<(TopicPartition & { errorCode: number })[]>
  /** Transactions V1 only: before TxnOffsetCommit. */
  addOffsetsToTxn(node: number, request: TransactionOwner & { groupId: string }): Promise<{ errorCode: number }>

  /** On a connection of its own: the broker may hold it until every member has joined, up to the rebalance time-out. */
  joinGroup(node: number, request: JoinGroupRequest): Promise<JoinGroupResponse>
  syncGroup(node: number, request: SyncGroupRequest): Promise<{ errorCode: number; assignment: Buffer }>
  heartbeat(node: number, request: GroupGeneration): Promise<{ errorCode: number }>
  leaveGroup(node: number, request: { groupId: string; members: readonly { memberId: string; groupInstanceId: string | undefined }[] }): Promise<{ errorCode: number; memberErrorCodes: number[] }>
  /** `partitions` undefined: all that the group has committed. Partitions with nothing but offsets of open transactions are not among them, with `requireStable` neither. */
  offsetFetch(node: number, request: { groupId: string; partitions: readonly TopicPartition[] | undefined; requireStable: boolean }): Promise<{ errorCode: number; offsets: CommittedOffset[] }>
  offsetCommit(node: number, request: GroupGeneration & { offsets: readonly OffsetToCommit[] }): Promise<(TopicPartition & { errorCode: number })[]>

  createTopics(topics: readonly NewTopic[]): Promise<{ name: string; errorCode: number; errorMessage: string | undefined }[]>
  deleteTopics(names: readonly string[]): Promise<{ name: string; errorCode: number }[]>
  deleteRecords(node: number, partitions: readonly (TopicPartition & { offset: number })[]): Promise<(TopicPartition & { errorCode: number; lowWatermark: number })[]>
  /** The settings of topics, name to value, defaults included. */
  describeTopicConfigs(names: readonly string[]): Promise<{ name: string; errorCode: number; configs: Map<string, string> }[]>
  describeGroups(node: number, groupIds: readonly string[]): Promise<GroupDescription[]>
  deleteGroups(node: number, groupIds: readonly string[]): Promise<{ groupId: string; errorCode: number }[]>

  /** Closes every connection; requests under way end with `ConnectionLostError`. */
  close(): Promise<void>
}

/** The connection ended, or could not be made, or the answer did not come in time. Whether the broker acted on the request is unknown. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError'
}

/** The broker does not speak a version of this API that we speak. */
export class UnsupportedVersionError extends Error {
  override readonly name = 'UnsupportedVersionError'
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface Metadata {
  readonly clusterId: string
  readonly controller: number
  readonly nodes: readonly { node: number; host: string; port: number; rack: string | undefined }[]
  readonly topics: readonly TopicMetadata[]
}

export interface TopicMetadata {
  readonly name: string
  /** UUID in text form, new when a topic is made anew. */
  readonly topicId: string
  readonly errorCode: number
  readonly internal: boolean
  readonly partitions: readonly PartitionMetadata[]
}

export interface PartitionMetadata {
  readonly partition: number
  readonly errorCode: number
  /** `undefined` while there is no leader. */
  readonly leader: number | undefined
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSyncReplicas: readonly number[]
}

export interface ClusterFeatures {
  /** Feature name to finalised level, for instance `transaction.version` to 2. */
  readonly finalised: ReadonlyMap<string, number>
  readonly transactionsV2: boolean
}

export interface FetchRequest {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly readCommitted: boolean
  readonly partitions: readonly FetchPartition[]
}

export interface FetchPartition extends TopicPartition {
  readonly topicId: string
  readonly fetchOffset: number
  /** -1: not checked. */
  readonly currentLeaderEpoch: number
  /** Epoch of the last record that was read, for the detection of diverged logs (KIP-320, KIP-595); -1: not checked. */
  readonly lastFetchedEpoch: number
  readonly maxBytes: number
}

export interface FetchResponse {
  readonly errorCode: number
  readonly throttleTimeMs: number
  readonly partitions: readonly FetchedPartition[]
  /** Says that nobody looks at the bytes of any partition any more: their memory may be used for a later answer. Who does not call it leaves them to the garbage collector. */
  readonly release?: () => void
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export interface FetchedPartition extends TopicPartition {
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly abortedTransactions: readonly AbortedTransaction[]
  /** Set where the broker says that our log has diverged: the epoch and end offset up to which it agrees. */
  readonly divergingEpoch: { epoch: number; endOffset: number } | undefined
  /** Record batches as the broker keeps them; the last one may be cut. The buffer is that of the whole response: it is not written again before `release`. */
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

/** Kafka's special timestamps for ListOffsets. */
export const EARLIEST_TIMESTAMP = -2
export const LATEST_TIMESTAMP = -1

export interface ListOffsetsRequest {
  /** Read committed: the latest offset is the last stable offset; otherwise the high watermark. */
  readonly readCommitted: boolean
  readonly partitions: readonly (TopicPartition & { timestamp: number; currentLeaderEpoch: number })[]
}

export interface PartitionOffset extends TopicPartition {
  readonly errorCode: number
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

export interface ProduceRequest {
  readonly transactionalId: string | undefined
  /** Transactions V2: the broker adds partitions to the transaction itself (Produce v12). V1: they were added with `addPartitionsToTxn`. */
  readonly transactionsV2: boolean
  readonly timeoutMs: number
  /** At most one record batch a partition (two: error 87). `records` are gathered into one write without a copy. */
  readonly partitions: readonly (TopicPartition & { records: readonly Uint8Array[] })[]
}

export interface ProduceResponse {
  readonly throttleTimeMs: number
  readonly partitions: readonly ProducedPartition[]
}

export interface ProducedPartition extends TopicPartition {
  readonly errorCode: number
  readonly errorMessage: string | undefined
  readonly baseOffset: number
  readonly logStartOffset: number
  /** Where the broker refuses single records of the batch: their index in it. */
  readonly recordErrors: readonly { index: number; message: string | undefined }[]
}

export interface GroupGeneration {
  readonly groupId: string
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | undefined
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number
  /** -1: unknown. */
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface CommittedOffset extends TopicPartition {
  readonly errorCode: number
  /** `undefined`: the group has no offset here. */
  readonly offset: number | undefined
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface TxnOffsetCommitRequest extends GroupGeneration {
  readonly transactionalId: string
  readonly transactionsV2: boolean
  readonly producerId: number
  readonly producerEpoch: number
  readonly offsets: readonly OffsetToCommit[]
}

export interface TransactionOwner {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

export interface EndTxnRequest extends TransactionOwner {
  readonly committed: boolean
  readonly transactionsV2?: boolean
}

export interface JoinGroupRequest {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly memberId: string
  readonly groupInstanceId: string | undefined
  readonly protocolType: string
  readonly protocols: readonly { name: string; metadata: Uint8Array }[]
  readonly reason: string
}

export interface JoinGroupResponse {
  readonly errorCode: number
  readonly generationId: number
  readonly protocolName: string
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  /** Filled for the leader only. */
  readonly members: readonly { memberId: string; groupInstanceId: string | undefined; metadata: Buffer }[]
}

export interface SyncGroupRequest extends GroupGeneration {
  readonly protocolType: string
  readonly protocolName: string
  readonly assignments: readonly { memberId: string; assignment: Uint8Array }[]
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  /** -1: the broker's default. */
  readonly replicationFactor: number
  readonly configs: ReadonlyMap<string, string>
}

export interface GroupDescription {
  readonly groupId: string
  readonly errorCode: number
  readonly state: string
  readonly protocolType: string
  readonly protocolName: string
  readonly members: readonly { memberId: string; groupInstanceId: string | undefined; clientId: string; clientHost: string; metadata: Buffer; assignment: Buffer }[]
}
