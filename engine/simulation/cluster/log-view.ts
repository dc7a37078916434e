import { BatchCursor } from '../../../records/batch-cursor.ts'
import { readHeaders } from '../../../records/headers.ts'
import type { Partition } from './partition.ts'
import type { StoredBatch } from './stored-batch.ts'

/** A record in the log of a partition. */
export interface LoggedRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | undefined
  readonly value: Buffer | undefined
  readonly headers: readonly { key: string; value: Buffer | undefined }[]
  /** -1: none. */
  readonly producerId: number
  readonly producerEpoch: number
  /** `none`: written outside of a transaction. */
  readonly transaction: 'none' | 'open' | 'committed' | 'aborted'
}

/** The log of a partition for checks: all that the leader has, as of now. */
export interface LogView {
  readonly start: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly end: number
  readonly leaderEpoch: number
  /** Producer id to the first offset of its open transaction. */
  readonly openTransactions: ReadonlyMap<number, number>
  /** Data, without markers, in order. */
  records(): LoggedRecord[]
  /** What a reader of committed records sees. */
  committed(): LoggedRecord[]
  readonly batches: readonly StoredBatch[]
}

export function viewLog({ log, leaderEpoch }: Partition): LogView {
  const { start, highWatermark, lastStableOffset, end, batches } = log
  const openTransactions = new Map(log.openTransactions)
  const aborted = log.abortedTransactions
  const fateOf = ({ producerId, baseOffset, isTransactional }: StoredBatch): LoggedRecord['transaction'] => {
    if (!isTransactional) return 'none'
    const openFrom = openTransactions.get(producerId)
    if (openFrom !== undefined && baseOffset >= openFrom) return 'open'
    return aborted.some((one) => one.producerId === producerId && baseOffset >= one.firstOffset && baseOffset <= one.lastOffset) ? 'aborted' : 'committed'
  }
  const records = () => batches.flatMap((batch) => (batch.marker === undefined ? recordsIn(batch, fateOf(batch), start) : []))
  const committed = () => records().filter(({ offset, transaction }) => offset < lastStableOffset && (transaction === 'none' || transaction === 'committed'))
  return { start, highWatermark, lastStableOffset, end, leaderEpoch, openTransactions, records, committed, batches }
}

function recordsIn({ bytes, producerId, producerEpoch }: StoredBatch, transaction: LoggedRecord['transaction'], start: number): LoggedRecord[] {
  const cursor = new BatchCursor()
  const records: LoggedRecord[] = []
  cursor.reset(bytes, 0, bytes.length)
  cursor.nextBatch()
  while (cursor.nextRecord()) {
    const { offset, timestamp, hasKey, key, hasValue, value } = cursor
    if (offset < start) continue
    const headers = cursor.headerCount === 0 ? [] : readHeaders(cursor.headers)
    records.push({ offset, timestamp, key: hasKey ? key.copy() : undefined, value: hasValue ? value.copy() : undefined, headers, producerId, producerEpoch, transaction })
  }
  return records
}
