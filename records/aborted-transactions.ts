import type { BatchCursor } from './batch-cursor.ts'
import { controlType } from './control-record.ts'

export interface AbortedRange {
  readonly producerId: number
  readonly firstOffset: number
}

/**
 * Which batches of a fetch belong to aborted transactions, after Java's algorithm (CompletedFetch.containsAbortMarker, consumeAbortedTransactionsUpTo): the broker lists
 * the aborted transactions that overlap the answer, by producer and first offset; a producer counts as aborted from that offset up to its abort marker. Markers may lie
 * in a later answer, a producer may have several.
 */
export class AbortedTransactions {
  #pending: AbortedRange[] = []
  readonly #aborted = new Set<number>()

  reset(ranges: readonly AbortedRange[]): void {
    this.#pending = ranges.length === 0 ? NONE : ranges.toSorted((a, b) => a.firstOffset - b.firstOffset)
    this.#aborted.clear()
  }

  /** Whether the batch that the cursor stands on holds nothing for a reader of committed records: markers, and what was aborted. */
  hides(cursor: BatchCursor): boolean {
    while (this.#pending.length > 0 && (this.#pending[0]?.firstOffset ?? 0) <= cursor.lastOffset) {
      const range = this.#pending.shift()
      if (range !== undefined) this.#aborted.add(range.producerId)
    }
    if (cursor.isControl) {
      if (cursor.producerId >= 0 && cursor.nextRecord() && controlType(cursor.key) === 'abort') this.#aborted.delete(cursor.producerId)
      return true
    }
    return cursor.isTransactional && this.#aborted.has(cursor.producerId)
  }
}

const NONE: AbortedRange[] = []
