import type { TopicPartition } from '../ports/broker.ts'
import type { FetchedChunk } from '../ports/kafka-client.ts'
import type { CommittedCursor } from '../records/committed-cursor.ts'
import type { PartitionSnapshot } from './connector-snapshot.ts'
import type { Claim, PartitionWrite } from './sink-database.ts'
import { SinkRecord } from './sink-record.ts'

/**
 * A partition that the group has given to this sink, from one claim to the next: a partition that has to be claimed anew is a new object, and
 * what was on its way for the old one finds itself disowned.
 *
 * ```
 * claiming -> active         the database has issued a claim; fetching starts at its progress
 * active -> fenced           somebody else claimed it; if the group still says that it is ours, it is claimed anew after a while
 * any -> removed             the group gave it to another member
 * ```
 */
export class SinkPartition implements TopicPartition {
  readonly topic: string
  readonly partition: number
  state: 'claiming' | 'active' | 'fenced' | 'removed' = 'claiming'
  claim: Claim | undefined
  /** A write is under way. */
  busy = false
  /** The progress in the database. */
  writtenOffset = 0
  writtenAtMs = 0
  /** Behind what was fetched, transaction markers included. */
  fetchedOffset = 0
  /** Behind what a reader of committed records can get. */
  stableOffset = 0
  leaderEpoch = -1
  /** What the group has been told. */
  committedOffset = -1
  pendingBytes = 0
  #pending: SinkRecord[] = []
  #taken = 0

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic
    this.partition = partition
  }

  get pendingRecords(): number {
    return this.#pending.length - this.#taken
  }

  /** Everything that was fetched is in the database. */
  get isIdle(): boolean {
    return !this.busy && this.pendingRecords === 0
  }

  /** The next offset to process, past the markers where nothing waits: what lag is counted from. */
  get position(): number {
    return this.isIdle ? Math.max(this.fetchedOffset, this.writtenOffset) : this.writtenOffset
  }

  get lag(): number {
    return Math.max(0, this.stableOffset - this.position)
  }

  claimed(claim: Claim): void {
    this.claim = claim
    this.state = 'active'
    this.writtenOffset = claim.nextOffset
    this.fetchedOffset = claim.nextOffset
  }

  /** Takes in the committed records of a chunk; answers their size. */
  add(chunk: FetchedChunk, cursor: CommittedCursor): number {
    const { claim } = this
    if (claim === undefined) return 0
    const before = this.pendingBytes
    cursor.reset(chunk)
    while (cursor.next()) {
      const record = new SinkRecord(claim.source, cursor)
      this.#pending.push(record)
      this.pendingBytes += record.sizeBytes
    }
    this.fetchedOffset = chunk.nextOffset
    this.stableOffset = chunk.lastStableOffset
    this.leaderEpoch = chunk.leaderEpoch
    return this.pendingBytes - before
  }

  /** Takes the next records off for a write. */
  take(limits: { rows: number; bytes: number }): PartitionWrite | undefined {
    const { claim } = this
    if (claim === undefined) return undefined
    const start = this.#taken
    let end = start
    let bytes = 0
    while (end < this.#pending.length && end - start < limits.rows && bytes < limits.bytes) bytes += this.#pending[end++]?.sizeBytes ?? 0
    const next = this.#pending[end]
    const write = { claim, fromOffset: this.writtenOffset, toOffset: next === undefined ? this.fetchedOffset : next.offset, records: this.#pending.slice(start, end) }
    this.#taken = end
    this.pendingBytes -= bytes
    // moving the rest to the front at each write would cost more than the writes of a long queue
    if (this.#taken * 2 >= this.#pending.length) {
      this.#pending.splice(0, this.#taken)
      this.#taken = 0
    }
    this.busy = true
    return write
  }

  snapshot(): PartitionSnapshot {
    const { topic, partition, state, writtenOffset, lag, pendingRecords } = this
    return { topic, partition, state, writtenOffset, lag, pendingRecords }
  }

  remove(): void {
    this.state = 'removed'
    this.#pending = []
    this.#taken = 0
    this.pendingBytes = 0
  }
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
