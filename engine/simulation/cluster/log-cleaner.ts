import { BatchCursor } from '../../../records/batch-cursor.ts'
import type { PartitionLog } from './partition-log.ts'
import { type KeptRecord, rewritten, withoutRecords } from './rewritten-batch.ts'
import type { StoredBatch } from './stored-batch.ts'

export interface CleaningOptions {
  readonly nowMs: number
  /** `delete.retention.ms`: how long a tombstone, or a marker that ends nothing any more, stays after the first cleaning that has seen it so. */
  readonly deleteRetentionMs: number
  /** `min.compaction.lag.ms`: what is younger is left alone. */
  readonly minLagMs: number
}

/**
 * Compacts a log, after Kafka's Cleaner: of each key the last committed record stays. What it never touches: records at and above the last stable
 * offset, and the last batch of the log, which stands for the file that is being written.
 *
 * Besides, as there: what was aborted goes at once; a marker stays as long as a batch of its transaction was there before this cleaning, and the delete
 * retention after that; the last batch of a producer stays as an empty one, since its sequence number is in it.
 */
export function cleanLog(log: PartitionLog, options: CleaningOptions): void {
  const end = firstUncleanable(log, options)
  const cleanable = log.batches.filter(({ baseOffset }) => baseOffset < end)
  const isAborted = ({ producerId, baseOffset, isTransactional }: StoredBatch) =>
    isTransactional && log.abortedTransactions.some((one) => one.producerId === producerId && baseOffset >= one.firstOffset && baseOffset <= one.lastOffset)
  const latest = latestOffsets(cleanable, isAborted)
  /** Producers of whose transaction, at this place of the log, there is a batch. */
  const observed = new Set<number>()
  const observedAborts = new Set<number>()
  const kept: StoredBatch[] = []
  for (const batch of cleanable) {
    if (batch.marker === undefined) {
      if (batch.isTransactional) observed.add(batch.producerId)
      const records = isAborted(batch) ? [] : keptRecords(batch, latest, options.nowMs)
      kept.push(...cleanedData(batch, records, isLastOf(log, batch), options))
      continue
    }
    const endsNothing = !observed.delete(batch.producerId)
    if (!endsNothing && batch.marker === 'abort') observedAborts.add(batch.baseOffset)
    kept.push(...cleanedMarker(batch, { endsNothing, isLast: isLastOf(log, batch) }, options))
  }
  log.replace([...kept, ...log.batches.filter(({ baseOffset }) => baseOffset >= end)], (markerOffset) => markerOffset >= end || observedAborts.has(markerOffset))
}

function firstUncleanable(log: PartitionLog, { nowMs, minLagMs }: CleaningOptions): number {
  const last = log.batches.at(-1)
  const young = minLagMs > 0 ? log.batches.find(({ maxTimestamp }) => maxTimestamp > nowMs - minLagMs) : undefined
  return Math.min(log.lastStableOffset, last?.baseOffset ?? 0, young?.baseOffset ?? Number.POSITIVE_INFINITY)
}

/** Key, in a text of a character a byte, to the offset of its last committed record. */
function latestOffsets(batches: readonly StoredBatch[], isAborted: (batch: StoredBatch) => boolean): Map<string, number> {
  const latest = new Map<string, number>()
  const cursor = new BatchCursor()
  for (const batch of batches) {
    if (batch.marker !== undefined || isAborted(batch)) continue
    cursor.reset(batch.bytes, 0, batch.bytes.length)
    cursor.nextBatch()
    while (cursor.nextRecord()) if (cursor.hasKey) latest.set(keyOf(cursor), cursor.offset)
  }
  return latest
}

function keptRecords({ bytes, deleteHorizonMs }: StoredBatch, latest: ReadonlyMap<string, number>, nowMs: number): KeptRecord[] {
  const cursor = new BatchCursor()
  const records: KeptRecord[] = []
  cursor.reset(bytes, 0, bytes.length)
  cursor.nextBatch()
  while (cursor.nextRecord()) {
    const isExpired = !cursor.hasValue && deleteHorizonMs !== undefined && nowMs >= deleteHorizonMs
    if (!cursor.hasKey || isExpired || cursor.offset < (latest.get(keyOf(cursor)) ?? 0)) continue
    const { offset, timestamp, key, hasValue, value, headers } = cursor
    records.push({ offset, timestamp, key: key.copy(), value: hasValue ? value.copy() : undefined, headers: headers.copy() })
  }
  return records
}

function cleanedData(batch: StoredBatch, records: readonly KeptRecord[], isLast: boolean, { nowMs, deleteRetentionMs }: CleaningOptions): StoredBatch[] {
  if (records.length === 0) return isLast ? [withoutRecords(batch)] : []
  const isMarked = batch.deleteHorizonMs !== undefined
  const hasTombstone = records.some(({ value }) => value === undefined)
  if (records.length === batch.recordCount && (isMarked || !hasTombstone)) return [batch]
  return [rewritten(batch, records, batch.deleteHorizonMs ?? (hasTombstone ? nowMs + deleteRetentionMs : undefined))]
}

function cleanedMarker(batch: StoredBatch, { endsNothing, isLast }: { endsNothing: boolean; isLast: boolean }, { nowMs, deleteRetentionMs }: CleaningOptions): StoredBatch[] {
  if (!endsNothing || batch.recordCount === 0) return [batch]
  const { deleteHorizonMs } = batch
  if (deleteHorizonMs === undefined) return [rewritten(batch, markerRecords(batch), nowMs + deleteRetentionMs)]
  if (nowMs < deleteHorizonMs) return [batch]
  return isLast ? [withoutRecords(batch)] : []
}

function markerRecords({ bytes }: StoredBatch): KeptRecord[] {
  const cursor = new BatchCursor()
  cursor.reset(bytes, 0, bytes.length)
  cursor.nextBatch()
  cursor.nextRecord()
  return [{ offset: cursor.offset, timestamp: cursor.timestamp, key: cursor.key.copy(), value: cursor.value.copy(), headers: cursor.headers.copy() }]
}

/** Whether the sequence number, or the epoch, that the leader knows of a producer is that of this batch. */
function isLastOf(log: PartitionLog, { producerId, producerEpoch, baseOffset, marker }: StoredBatch): boolean {
  const state = producerId < 0 ? undefined : log.producers.get(producerId)
  if (!state) return false
  const last = state.batches.at(-1)
  return last ? last.baseOffset === baseOffset : marker !== undefined && producerEpoch === state.epoch
}

function keyOf({ key }: BatchCursor): string {
  return key.buffer.toString('latin1', key.start, key.end)
}
