import { type AbortedTransaction, AbortedTransactions } from './aborted-transactions.ts'
import { BatchCursor } from './batch-cursor.ts'
import type { ByteView } from './byte-view.ts'

/** Batches of one partition as one fetch answered them. `FetchedChunk` of the client is one. */
export interface RecordChunk {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  /** The position that was asked for: records before it, in batches that begin before it, are left out. */
  readonly fetchOffset: number
  /** Aborted transactions with records in this chunk, in any order, as the broker sent them with it. */
  readonly abortedTransactions: readonly AbortedTransaction[]
}

/** The data records of a chunk: no markers, nothing of aborted transactions, nothing before the fetch offset. */
export class CommittedCursor {
  /** The batch that the record is in: read its header fields, do not move it. */
  readonly batch = new BatchCursor()
  /** Views on the record that this stands on, reused for the next one. */
  readonly key: ByteView = this.batch.key
  readonly value: ByteView = this.batch.value
  readonly headers: ByteView = this.batch.headers
  /** The position after what was consumed: after the record this stands on; when `next` answered false, after the last batch, markers included. */
  nextOffset = 0
  readonly #aborted = new AbortedTransactions()
  #readCommitted = true
  #inBatch = false

  get offset(): number {
    return this.batch.offset
  }

  /** Milliseconds; -1: none. */
  get timestamp(): number {
    return this.batch.timestamp
  }

  get hasKey(): boolean {
    return this.batch.hasKey
  }

  get hasValue(): boolean {
    return this.batch.hasValue
  }

  get headerCount(): number {
    return this.batch.headerCount
  }

  get leaderEpoch(): number {
    return this.batch.leaderEpoch
  }

  /** Starts before the first record of `chunk`. With `readCommitted` false only markers are left out. */
  reset(chunk: RecordChunk, readCommitted = true): void {
    this.batch.reset(chunk.buffer, chunk.start, chunk.end)
    this.#aborted.reset(chunk.abortedTransactions)
    this.nextOffset = chunk.fetchOffset
    this.#readCommitted = readCommitted
    this.#inBatch = false
  }

  /** Moves to the next record; false at the end of the chunk. @throws CorruptBatchError */
  next(): boolean {
    const batch = this.batch
    do {
      while (this.#inBatch && batch.nextRecord()) {
        if (batch.offset < this.nextOffset) continue
        this.nextOffset = batch.offset + 1
        return true
      }
    } while (this.nextBatch())
    return false
  }

  /**
   * Moves to the next batch with records for this reader, past what is left of this one, for who takes batches whole: `batch` has its header. It may
   * begin before the fetch offset. Not to be mixed with `next` within a batch.
   *
   * @throws CorruptBatchError
   */
  nextBatch(): boolean {
    const batch = this.batch
    this.#pass()
    while (batch.nextBatch()) {
      this.#inBatch = true
      // Asked of batches before the fetch offset too: a marker counts wherever it stands.
      const hidden = this.#readCommitted ? this.#aborted.hides(batch) : batch.isControl
      if (!hidden && batch.lastOffset >= this.nextOffset) return true
      this.#pass()
    }
    return false
  }

  /** Leaves the batch. Its last offset may be that of a marker, or of a record that compaction removed: the position goes past it. */
  #pass(): void {
    if (this.#inBatch && this.batch.lastOffset >= this.nextOffset) this.nextOffset = this.batch.lastOffset + 1
    this.#inBatch = false
  }
}
