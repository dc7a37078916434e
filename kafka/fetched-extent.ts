/** The layout of a record batch (magic 2) as far as its header says where it ends and which offsets it covers. */
const BATCH_LENGTH_AT = 8
const LEADER_EPOCH_AT = 12
const MAGIC_AT = 16
const LAST_OFFSET_DELTA_AT = 23
/** Base offset and batch length come before what the batch length counts. */
const LENGTH_PREFIX_BYTES = 12
const HEADER_BYTES = 61

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
  let nextOffset: number | undefined
  let leaderEpoch = -1
  while (end - at >= HEADER_BYTES) {
    const length = buffer.readInt32BE(at + BATCH_LENGTH_AT)
    const magic = buffer[at + MAGIC_AT]
    if (magic !== 2) return `a batch with magic ${magic} was found, expected 2: convert the topic's log to message format v2`
    if (length < HEADER_BYTES - LENGTH_PREFIX_BYTES) return `a batch of ${length} bytes was found, shorter than its own header`
    if (at + LENGTH_PREFIX_BYTES + length > end) break
    // offsets are below 2^53: the high word times 2^32 is exact
    const baseOffset = buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4)
    nextOffset = baseOffset + buffer.readInt32BE(at + LAST_OFFSET_DELTA_AT) + 1
    leaderEpoch = buffer.readInt32BE(at + LEADER_EPOCH_AT)
    at += LENGTH_PREFIX_BYTES + length
  }
  return { end: at, nextOffset, leaderEpoch }
}
