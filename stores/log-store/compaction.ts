import { BatchCursor } from '../../records/batch-cursor.ts'
import { murmur2 } from '../../records/murmur2.ts'
import { varintSize } from '../../records/varint.ts'
import { CopyWriter } from './copy-writer.ts'
import type { FramedBatch } from './frame.ts'
import { FrameScanner, type ScannedFrame } from './frame-scanner.ts'
import type { LogIndex } from './log-index.ts'
import type { Segment } from './segment-log.ts'

/** Tombstones may take up this share of the closed segments before the oldest one is rewritten so that they can go. */
const MAX_TOMBSTONE_SHARE = 0.25

/**
 * The segment that compaction should work on, `undefined` if nothing is due. Only when `deadShare` of the closed segments is dead, and then the emptiest: it gives back the most for the
 * least copying. A tombstone is needed while an older segment is left, which may hold the key; so when many have come together, the oldest segment is rewritten whatever it holds.
 */
export function pickSegment(segments: readonly Segment[], deadShare: number): Segment | undefined {
  let emptiest: Segment | undefined
  let lowestShare = 2
  let neededBytes = 0
  let closedBytes = 0
  let tombstoneBytes = 0
  for (let i = 0; i < segments.length - 1; i++) {
    const segment = segments[i] as Segment
    const bytes = segment.closedBytes ?? segment.file.sizeBytes
    const needed = Math.min(bytes, segment.liveBytes + (i === 0 ? 0 : segment.tombstoneBytes))
    if (needed === 0) return segment
    if (needed / bytes < lowestShare) {
      lowestShare = needed / bytes
      emptiest = segment
    }
    neededBytes += needed
    closedBytes += bytes
    if (i > 0) tombstoneBytes += segment.tombstoneBytes
  }
  if (closedBytes - neededBytes >= closedBytes * deadShare) return emptiest
  return tombstoneBytes > closedBytes * MAX_TOMBSTONE_SHARE ? segments[0] : undefined
}

/** The copying of one segment's live records, in portions. Between two portions the store takes other work. */
export class Compaction {
  readonly source: Segment
  readonly #keepTombstones: boolean
  readonly #scanner: FrameScanner
  readonly #index: LogIndex
  readonly #cursor = new BatchCursor()
  readonly #writer = new CopyWriter()
  readonly #position = { key: 0, value: 0 }

  /** `isOldest`: no other segment is older, so that nothing is left that a tombstone would have to hide. It stays so: no segment ever comes before another. */
  constructor(source: Segment, index: LogIndex, options: { isOldest: boolean; windowBytes: number }) {
    this.source = source
    this.#index = index
    this.#keepTombstones = !options.isOldest
    this.#scanner = new FrameScanner(source.file, source.closedBytes ?? source.file.sizeBytes, options.windowBytes)
  }

  /** Works through frames of some `budgetBytes`, at least one. Answers the batches to append, valid until the next call, and whether the end was reached. */
  async portion(budgetBytes: number): Promise<{ batches: FramedBatch[]; isDone: boolean }> {
    this.#writer.reset()
    const scanner = this.#scanner
    const until = scanner.at + budgetBytes
    for (;;) {
      const next = scanner.next()
      if (next === 'bad') throw new Error(`segment ${this.source.id} is damaged at byte ${scanner.at}: ${scanner.reason}`)
      if (next === 'end') return { batches: this.#writer.finish(), isDone: true }
      if (next === 'more') await scanner.fill()
      else if (scanner.frame !== undefined) this.#copy(scanner.frame)
      if (scanner.at >= until) return { batches: this.#writer.finish(), isDone: false }
    }
  }

  #copy({ batches, fields, shift }: ScannedFrame): void {
    const firstOffset = fields.kind === 'changelog' ? fields.firstOffset : 0
    for (const batch of batches) this.#copyBatch(batch, firstOffset, shift)
  }

  #copyBatch(batch: FramedBatch, firstOffset: number, shift: number): void {
    const cursor = this.#cursor
    const { key, value } = cursor
    cursor.reset(batch.bytes, batch.start, batch.end)
    cursor.nextBatch()
    const offsetShift = batch.baseOffset - cursor.baseOffset
    while (cursor.nextRecord()) {
      const offset = cursor.offset + offsetShift
      if (offset < firstOffset || !cursor.hasKey) continue
      const hash = murmur2(key.buffer, key.start, key.end)
      if (cursor.hasValue) {
        this.#position.key = key.start - varintSize(key.length) + shift
        this.#position.value = value.start + shift
        if (!this.#index.isNewest(key, hash, this.source, this.#position)) continue
      } else if (!this.#keepTombstones || this.#index.has(key, hash)) continue
      this.#writer.add({ offset, timestamp: cursor.timestamp, key, value: cursor.hasValue ? value : undefined })
    }
  }
}
