import type { BatchCursor } from './batch-cursor.ts'
import { controlType } from './control-record.ts'

/** A transaction that was aborted: it holds what this producer wrote from `firstOffset` up to its next abort marker. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/**
 * Which batches of a chunk belong to aborted transactions, after Java's `CompletedFetch`: a producer counts as aborted from the batch whose last
 * offset reaches a first offset in the broker's list, up to its abort marker. A producer may have several; a marker may lie in a later chunk. Nothing
 * is kept from chunk to chunk: the broker lists a transaction with each chunk that it reaches into.
 */
export class AbortedTransactions {
  /** Ordered by first offset; those before `#begun` have begun. */
  #transactions: readonly AbortedTransaction[] = NONE
  #begun = 0
  readonly #producers = new Set<number>()

  reset(transactions: readonly AbortedTransaction[]): void {
    this.#transactions = transactions.length === 0 ? NONE : transactions.toSorted((a, b) => a.firstOffset - b.firstOffset)
    this.#begun = 0
    this.#producers.clear()
  }

  /** Whether the batch that the cursor has just moved to holds nothing for a reader of committed records: markers, and what was aborted. */
  hides(batch: BatchCursor): boolean {
    for (let next = this.#transactions[this.#begun]; next !== undefined && next.firstOffset <= batch.lastOffset; next = this.#transactions[++this.#begun]) {
      this.#producers.add(next.producerId)
    }
    if (!batch.isControl) return batch.isTransactional && this.#producers.has(batch.producerId)
    if (this.#producers.has(batch.producerId) && batch.nextRecord() && batch.hasKey && controlType(batch.key) === 'abort')
      this.#producers.delete(batch.producerId)
    return true
  }
}

const NONE: readonly AbortedTransaction[] = []
