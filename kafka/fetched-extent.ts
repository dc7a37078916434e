import { CorruptBatchError } from '../records/corrupt-batch-error.ts'
import { batchSize, HEADER_BYTES, lastOffset, leaderEpoch, MAGIC, magic } from '../records/record-batch.ts'

export interface FetchedExtent {
  /** End of the last whole batch in the buffer. */
  readonly end: number
  /** The offset after the last whole batch; `undefined`: there is none. */
  readonly nextOffset: number | undefined
  /** Epoch of the last whole batch. */
  readonly leaderEpoch: number
}

/**
 * How far whole batches reach, from their headers alone: the next fetch is asked for before anybody reads the records of
 * this one. Markers and offsets that compaction left out are covered, because the last offset of the batch counts.
 * A text instead of an extent says why the bytes cannot be batches.
 */
export function extentOf(buffer: Buffer, start: number, end: number): FetchedExtent | string {
  let at = start
  let last: number | undefined
  while (end - at >= HEADER_BYTES) {
    const version = magic(buffer, at)
    const size = batchSize(buffer, at)
    if (version !== MAGIC) return `a batch with magic ${version} was found, expected ${MAGIC}: convert the topic's log to message format v2`
    if (size < HEADER_BYTES) return `a batch of ${size} bytes was found, shorter than its own header`
    if (at + size > end) break
    last = at
    at += size
  }
  if (last === undefined) return { end: start, nextOffset: undefined, leaderEpoch: -1 }
  try {
    return { end: at, nextOffset: lastOffset(buffer, last) + 1, leaderEpoch: leaderEpoch(buffer, last) }
  } catch (error) {
    // an offset beyond 2^53
    if (error instanceof CorruptBatchError) return error.message
    throw error
  }
}
