import { ByteView } from '../../records/byte-view.ts'
import { varintSize } from '../../records/varint.ts'
import { CopiedRecords } from './copied-records.ts'
import { CopyWriter } from './copy-writer.ts'
import type { FramedBatch } from './frame.ts'
import { FrameScanner, type ScannedFrame } from './frame-scanner.ts'
import type { RecordPlace } from './key-index.ts'
import type { LogIndex } from './log-index.ts'
import { recordBytes } from './record-bytes.ts'
import { RecordList } from './record-list.ts'
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
  /** What the last portion has copied. */
  readonly copied = new CopiedRecords()
  readonly #keepTombstones: boolean
  readonly #scanner: FrameScanner
  readonly #index: LogIndex
  readonly #list = new RecordList({ forCopying: true })
  readonly #writer = new CopyWriter()
  readonly #key = new ByteView()
  readonly #value = new ByteView()
  readonly #place: RecordPlace

  /** `isOldest`: no other segment is older, so that nothing is left that a tombstone would have to hide. It stays so: no segment ever comes before another. */
  constructor(source: Segment, index: LogIndex, options: { isOldest: boolean; windowBytes: number }) {
    this.source = source
    this.#index = index
    this.#keepTombstones = !options.isOldest
    this.#scanner = new FrameScanner(source.file, source.closedBytes ?? source.file.sizeBytes, options.windowBytes)
    this.#place = { tag: source.tag, keyPosition: 0, valuePosition: 0 }
  }

  /** Works through frames of some `budgetBytes`, at least one. Answers the batches to append, valid until the next call, and whether the end was reached. */
  async portion(budgetBytes: number): Promise<{ batches: FramedBatch[]; isDone: boolean }> {
    this.#writer.reset()
    this.copied.reset()
    const scanner = this.#scanner
    const until = scanner.at + budgetBytes
    for (;;) {
      const next = scanner.next()
      if (next === 'bad') throw new Error(`segment ${this.source.id} is damaged at byte ${scanner.at}: ${scanner.reason}`)
      if (next === 'end') return { batches: this.#writer.finish(), isDone: true }
      if (next === 'more') await scanner.fill()
      else if (scanner.frame !== undefined) this.#copyFrame(scanner.frame)
      if (scanner.at >= until) return { batches: this.#writer.finish(), isDone: false }
    }
  }

  #copyFrame({ batches, fields, shift }: ScannedFrame): void {
    const list = this.#list
    list.reset()
    for (const batch of batches) list.add(batch, fields.kind === 'changelog' ? fields.firstOffset : 0)
    this.#index.touch(list)
    for (let i = 0; i < list.count; i++) {
      if (list.isTombstone(i)) this.#copyTombstone(i)
      else this.#copyRecord(i, shift)
    }
  }

  #copyRecord(i: number, shift: number): void {
    const list = this.#list
    const mixed = list.mixed[i] as number
    const keyStart = list.keyStart[i] as number
    const keyBytes = (list.keyEnd[i] as number) - keyStart
    const place = this.#place
    place.keyPosition = keyStart - varintSize(keyBytes) + shift
    place.valuePosition = (list.valueStart[i] as number) + shift
    if (!this.#index.isNewest(mixed, place)) return
    const { bytes } = list.batches[list.batch[i] as number] as FramedBatch
    this.#key.set(bytes, keyStart, list.keyEnd[i] as number)
    this.#value.set(bytes, list.valueStart[i] as number, list.valueEnd[i] as number)
    this.#writer.add(list.offset[i] as number, list.timestamp[i] as number, this.#key, this.#value)
    this.copied.add(mixed, recordBytes(keyBytes, this.#value.length), place, this.#writer)
  }

  /** One of a key that is live again has been superseded. */
  #copyTombstone(i: number): void {
    if (!this.#keepTombstones) return
    const list = this.#list
    const { bytes } = list.batches[list.batch[i] as number] as FramedBatch
    this.#key.set(bytes, list.keyStart[i] as number, list.keyEnd[i] as number)
    if (this.#index.has(list.mixed[i] as number, this.#key)) return
    this.#writer.add(list.offset[i] as number, list.timestamp[i] as number, this.#key, undefined)
    this.copied.addTombstone(this.#key.length)
  }
}
