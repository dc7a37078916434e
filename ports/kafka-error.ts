/**
 * What to do about an error of the broker. Named by recovery scope, as Kafka Streams names its exceptions:
 *
 * - `retriable`: the same request again, after a pause, within its time limit.
 * - `metadata`: retriable, after asking for the leader again.
 * - `coordinator`: retriable, after asking for the coordinator again.
 * - `rejoin`: the group is rebalancing; join again.
 * - `generation`: the group's generation has moved on; who owns what must be learnt first.
 * - `member`: the group no longer knows this member; what it owned is lost.
 * - `fenced`: another producer has this transactional id, or another member this instance id.
 * - `abort`: this transaction cannot commit; abort it, initialise the producer anew, go on.
 * - `record`: the broker refuses a record; it has to be taken out.
 * - `position`: the offset asked for is not in the log, or the log has diverged.
 * - `fatal`: no repetition helps (authorisation, configuration, version): stop and say why.
 */
export type ErrorScope = 'retriable' | 'metadata' | 'coordinator' | 'rejoin' | 'generation' | 'member' | 'fenced' | 'abort' | 'record' | 'position' | 'fatal'

/** An answer of the broker with an error code. `errorName` is Kafka's (for instance NOT_LEADER_OR_FOLLOWER). */
export class KafkaError extends Error {
  override readonly name: string = 'KafkaError'
  readonly code: number
  readonly errorName: string
  readonly scope: ErrorScope

  constructor(error: { code: number; errorName: string; scope: ErrorScope }, message: string) {
    super(`${message}: ${error.errorName} (${error.code})`)
    this.code = error.code
    this.errorName = error.errorName
    this.scope = error.scope
  }
}

/** The broker refused records of a batch (MESSAGE_TOO_LARGE 10, INVALID_TIMESTAMP 32, INVALID_RECORD 87). */
export class RecordRefusedError extends KafkaError {
  override readonly name = 'RecordRefusedError'
  readonly topic: string
  readonly partition: number
  /** Position of the refused batch in the list given to `produce`. */
  readonly batchIndex: number
  /** Indexes in the batch, where the broker says which; empty: it refused the batch as a whole. */
  readonly recordIndexes: readonly number[]

  constructor(error: { code: number; errorName: string; scope: ErrorScope }, at: { topic: string; partition: number; batchIndex: number; recordIndexes: readonly number[] }, message: string) {
    super(error, message)
    this.topic = at.topic
    this.partition = at.partition
    this.batchIndex = at.batchIndex
    this.recordIndexes = at.recordIndexes
  }
}
