import { AbortedTransactions, type AbortedRange } from './aborted-transactions.ts'
import { BatchCursor } from './batch-cursor.ts'

/** Bytes of one partition as a fetch brought them. */
export interface FetchedBytes {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  readonly fetchOffset: number
  readonly abortedTransactions: readonly AbortedRange[]
}

/** Walks the data records of a fetched chunk from its fetch offset on: without markers, without what was aborted, without what lies before. */
export class CommittedCursor {
  /** The position after what was consumed: past the record that the cursor stands on; past the last batch, markers included, when `next` has answered false. */
  nextOffset = 0
  readonly #cursor = new BatchCursor()
  readonly #aborted = new AbortedTransactions()
  /** Views on the record that the cursor stands on. */
  readonly key = this.#cursor.key
  readonly value = this.#cursor.value
  readonly headers = this.#cursor.headers
  #readCommitted = true
  #fetchOffset = 0
  #inBatch = false

  get offset(): number {
    return this.#cursor.offset
  }

  get timestamp(): number {
    return this.#cursor.timestamp
  }

  get hasKey(): boolean {
    return this.#cursor.hasKey
  }

  get hasValue(): boolean {
    return this.#cursor.hasValue
  }

  get headerCount(): number {
    return this.#cursor.headerCount
  }

  get leaderEpoch(): number {
    return this.#cursor.leaderEpoch
  }

  reset(chunk: FetchedBytes, readCommitted = true): void {
    this.#cursor.reset(chunk.buffer, chunk.start, chunk.end)
    this.#aborted.reset(chunk.abortedTransactions)
    this.#readCommitted = readCommitted
    this.#fetchOffset = chunk.fetchOffset
    this.nextOffset = chunk.fetchOffset
    this.#inBatch = false
  }

  /** Moves to the next record. Throws `CorruptBatchError`. */
  next(): boolean {
    const cursor = this.#cursor
    for (;;) {
      while (this.#inBatch && cursor.nextRecord()) {
        if (cursor.offset < this.#fetchOffset) continue
        this.nextOffset = cursor.offset + 1
        return true
      }
      if (this.#inBatch) this.#pass()
      if (!this.nextBatch()) return false
    }
  }

  /** Moves to the next batch that a reader sees; `batch` is then its header. For who takes batches whole. */
  nextBatch(): boolean {
    const cursor = this.#cursor
    while (cursor.nextBatch()) {
      const hidden = this.#readCommitted ? this.#aborted.hides(cursor) : cursor.isControl
      if (!hidden) {
        this.#inBatch = true
        return true
      }
      this.#pass()
    }
    this.#inBatch = false
    return false
  }

  /** The header of the batch that the cursor stands in. */
  get batch(): BatchCursor {
    return this.#cursor
  }

  #pass(): void {
    this.#inBatch = false
    if (this.#cursor.lastOffset >= this.nextOffset) this.nextOffset = this.#cursor.lastOffset + 1
  }
}
