import type { AbortedTransaction } from '../../../ports/broker.ts'
import { BatchCursor } from '../../../records/batch-cursor.ts'
import { recordCount } from '../../../records/record-batch.ts'
import { type ProducedBatch, ProducerStates } from './producer-states.ts'
import { describeBatch, type Marker, markerBatch, type StoredBatch, storedBatch } from './stored-batch.ts'

export interface LogOptions {
  readonly segmentBytes: number
  readonly segmentMs: number
}

export interface ReadLimits {
  /** Records at and above it are not read. */
  readonly endOffset: number
  readonly maxBytes: number
  /** The first batch is given whole, whatever its size. */
  readonly atLeastOne: boolean
}

interface EndedTransaction extends AbortedTransaction {
  /** Of the marker. */
  readonly lastOffset: number
}

/**
 * The log of one partition, as its leader has it: batches, producers, transactions, epochs. It knows nothing of nodes and of time.
 *
 * ```
 * start <= last stable offset <= high watermark <= end
 * ```
 * Between high watermark and end lies what the leader has and others may not have: `truncate` takes it back.
 */
export class PartitionLog {
  readonly producers = new ProducerStates()
  #batches: StoredBatch[] = []
  #start = 0
  #end = 0
  #highWatermark = 0
  #segment = 0
  #segmentBytes = 0
  #segmentTimestamp: number | undefined
  /** Epochs of leaders and where each began. */
  #epochs: { epoch: number; start: number }[] = []
  readonly #open = new Map<number, number>()
  #aborted: EndedTransaction[] = []
  /** Ended by a marker at or above the high watermark: they still hold the last stable offset. */
  #unreplicated: EndedTransaction[] = []
  /** How to take back what lies above the high watermark, the oldest first. */
  #undo: { baseOffset: number; back: () => void }[] = []

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  get highWatermark(): number {
    return this.#highWatermark
  }

  get lastStableOffset(): number {
    let offset = this.#highWatermark
    for (const first of this.#open.values()) if (first < offset) offset = first
    for (const { firstOffset } of this.#unreplicated) if (firstOffset < offset) offset = firstOffset
    return offset
  }

  get batches(): readonly StoredBatch[] {
    return this.#batches
  }

  get abortedTransactions(): readonly EndedTransaction[] {
    return this.#aborted
  }

  /** Producer id to the first offset of its open transaction. */
  get openTransactions(): ReadonlyMap<number, number> {
    return this.#open
  }

  get activeSegment(): number {
    return this.#segment
  }

  /** Appends a checked batch of a client; answers its base offset. */
  append(bytes: Buffer, leaderEpoch: number, options: LogOptions): number {
    const stored = this.#store(bytes, leaderEpoch, options)
    const { producerId, baseOffset } = stored
    if (producerId < 0) {
      this.#undo.push({ baseOffset, back: () => {} })
      return baseOffset
    }
    const before = this.producers.get(producerId)
    const wasOpen = this.#open.get(producerId)
    this.producers.appended(producedBatch(stored), baseOffset)
    if (stored.isTransactional && wasOpen === undefined) this.#open.set(producerId, baseOffset)
    this.#undo.push({ baseOffset, back: () => this.#takeBack(producerId, before, wasOpen) })
    return baseOffset
  }

  /** Appends the marker that ends a transaction, also where none is open. */
  appendMarker(marker: Marker, leaderEpoch: number, options: LogOptions): number {
    const { producerId, committed } = marker
    const { baseOffset } = this.#store(markerBatch(marker), leaderEpoch, options)
    const before = this.producers.get(producerId)
    const wasOpen = this.#open.get(producerId)
    const aborted = this.#aborted
    const unreplicated = this.#unreplicated
    const firstOffset = this.producers.ended(marker)
    this.#open.delete(producerId)
    if (firstOffset !== undefined) {
      const ended = { producerId, firstOffset, lastOffset: baseOffset }
      if (!committed) this.#aborted = [...aborted, ended]
      this.#unreplicated = [...unreplicated, ended]
    }
    this.#undo.push({
      baseOffset,
      back: () => {
        this.#takeBack(producerId, before, wasOpen)
        this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset !== baseOffset)
        this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset !== baseOffset)
      },
    })
    return baseOffset
  }

  /** All replicas in sync have what lies below. */
  replicated(offset: number): void {
    if (offset <= this.#highWatermark) return
    this.#highWatermark = Math.min(offset, this.#end)
    this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= this.#highWatermark)
    this.#undo = this.#undo.filter(({ baseOffset }) => baseOffset >= this.#highWatermark)
  }

  /** A new leader: its epoch begins at the end of its log. */
  beginEpoch(epoch: number): void {
    this.#epochs = this.#epochs.filter(({ start }) => start < this.#end)
    this.#epochs.push({ epoch, start: this.#end })
  }

  /** Base offsets of the batches above the high watermark, where a log may be cut. */
  get cuts(): readonly number[] {
    return this.#undo.map(({ baseOffset }) => baseOffset)
  }

  /** Takes back the batches from `offset` on, which is not below the high watermark. */
  truncate(offset: number): void {
    for (let last = this.#undo.at(-1); last && last.baseOffset >= offset; last = this.#undo.at(-1)) {
      last.back()
      this.#undo.pop()
    }
    this.#batches = this.#batches.filter(({ baseOffset }) => baseOffset < offset)
    this.#end = Math.min(this.#end, offset)
    this.#epochs = this.#epochs.filter(({ start }) => start < this.#end || start === 0)
  }

  /** The end of the epoch that follows `epoch` or is it, after Kafka's LeaderEpochFileCache; -1 each: unknown. */
  endOfEpoch(epoch: number): { leaderEpoch: number; endOffset: number } {
    const latest = this.#epochs.at(-1)
    if (epoch < 0 || !latest) return { leaderEpoch: -1, endOffset: -1 }
    if (epoch === latest.epoch) return { leaderEpoch: epoch, endOffset: this.#end }
    const higher = this.#epochs.findIndex((known) => known.epoch > epoch)
    const next = this.#epochs[higher]
    if (!next) return { leaderEpoch: -1, endOffset: -1 }
    return { leaderEpoch: this.#epochs[higher - 1]?.epoch ?? epoch, endOffset: next.start }
  }

  epochAt(offset: number): number {
    return this.#epochs.findLast(({ start }) => start <= offset)?.epoch ?? this.#epochs[0]?.epoch ?? -1
  }

  /** Batches from the one that holds `offset` on, to the end of their file; the last one may be cut, the first one never. */
  read(offset: number, { endOffset, maxBytes, atLeastOne }: ReadLimits): Buffer {
    const first = this.#indexOf(offset)
    const { segment, bytes } = this.#batches[first] ?? {}
    if (!bytes || (bytes.length > maxBytes && !atLeastOne)) return NOTHING
    const parts: Buffer[] = []
    const limit = Math.max(maxBytes, bytes.length)
    let length = 0
    for (let i = first; i < this.#batches.length && length < limit; i++) {
      const batch = this.#batches[i]
      if (!batch || batch.baseOffset >= endOffset || batch.segment !== segment) break
      parts.push(batch.bytes)
      length += batch.bytes.length
    }
    return Buffer.concat(parts, Math.min(length, limit))
  }

  /** Aborted transactions with records from `offset` to below `endOffset`, in the order in which they ended. */
  abortedBetween(offset: number, endOffset: number): AbortedTransaction[] {
    const found = this.#aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= offset && firstOffset < endOffset)
    return found.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
  }

  /** The first record at or after a time; `undefined`: there is none. */
  offsetAt(timestamp: number): { offset: number; timestamp: number; leaderEpoch: number } | undefined {
    const cursor = new BatchCursor()
    for (const { bytes, maxTimestamp, leaderEpoch } of this.#batches) {
      if (maxTimestamp < timestamp) continue
      cursor.reset(bytes, 0, bytes.length)
      cursor.nextBatch()
      while (cursor.nextRecord()) if (cursor.timestamp >= timestamp && cursor.offset >= this.#start) return { offset: cursor.offset, timestamp: cursor.timestamp, leaderEpoch }
    }
    return undefined
  }

  /** Everything below is gone. */
  deleteBefore(offset: number): void {
    this.#start = Math.max(this.#start, Math.min(offset, this.#highWatermark))
    this.#batches = this.#batches.filter(({ lastOffset, segment }) => lastOffset >= this.#start || segment === this.#segment)
    this.#epochs = this.#epochs.filter((_, i) => (this.#epochs[i + 1]?.start ?? Number.POSITIVE_INFINITY) > this.#start)
    this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset >= this.#start)
  }

  /** The file that is written to ends here. */
  roll(): void {
    if (this.#segmentBytes === 0) return
    this.#segment++
    this.#segmentBytes = 0
    this.#segmentTimestamp = undefined
  }

  /** Compaction: other batches in the place of these. `isKept`: whether the abort that ended at an offset is still listed to readers. */
  replace(batches: readonly StoredBatch[], isKept: (markerOffset: number) => boolean): void {
    this.#batches = [...batches]
    this.#aborted = this.#aborted.filter(({ lastOffset }) => isKept(lastOffset))
  }

  /** Deletes the oldest files while `isOver` says so of them; the records above the high watermark stay. Answers whether any went. */
  deleteOldest(isOver: (file: { bytes: number; youngestMs: number; logBytes: number }) => boolean): boolean {
    let start = this.#start
    let logBytes = this.#batches.reduce((sum, { bytes }) => sum + bytes.length, 0)
    for (let first = this.#batches.find(({ lastOffset }) => lastOffset >= start); first; first = this.#batches.find(({ lastOffset }) => lastOffset >= start)) {
      const file = this.#batches.filter(({ segment }) => segment === first?.segment)
      const bytes = file.reduce((sum, batch) => sum + batch.bytes.length, 0)
      const end = (file.at(-1)?.lastOffset ?? 0) + 1
      if (end > this.#highWatermark || !isOver({ bytes, logBytes, youngestMs: Math.max(...file.map(({ maxTimestamp }) => maxTimestamp)) })) break
      if (first.segment === this.#segment) this.roll()
      logBytes -= bytes
      start = end
    }
    if (start === this.#start) return false
    this.deleteBefore(start)
    return true
  }

  #store(bytes: Buffer, leaderEpoch: number, { segmentBytes, segmentMs }: LogOptions): StoredBatch {
    const { maxTimestamp } = describeBatch(bytes, 0)
    const tooOld = this.#segmentTimestamp !== undefined && maxTimestamp - this.#segmentTimestamp > segmentMs
    if (this.#segmentBytes > 0 && (tooOld || this.#segmentBytes + bytes.length > segmentBytes)) this.roll()
    const stored = storedBatch(bytes, { baseOffset: this.#end, leaderEpoch, segment: this.#segment })
    this.#segmentBytes += bytes.length
    this.#segmentTimestamp ??= maxTimestamp
    this.#batches.push(stored)
    this.#end = stored.lastOffset + 1
    return stored
  }

  #takeBack(producerId: number, before: ReturnType<ProducerStates['get']>, wasOpen: number | undefined): void {
    this.producers.restore(producerId, before)
    if (wasOpen === undefined) this.#open.delete(producerId)
    else this.#open.set(producerId, wasOpen)
  }

  /** Of the first batch that ends at or behind `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#batches[middle]?.lastOffset ?? 0) < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

export function producedBatch({ bytes, producerId, producerEpoch, baseSequence, isTransactional }: StoredBatch): ProducedBatch {
  return { producerId, producerEpoch, baseSequence, records: recordCount(bytes, 0), isTransactional }
}

const NOTHING = Buffer.alloc(0)
