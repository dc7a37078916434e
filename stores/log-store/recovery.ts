import { BatchCursor } from '../../records/batch-cursor.ts'
import { CorruptBatchError } from '../../records/corrupt-batch-error.ts'
import type { FramedBatch, FrameFields } from './frame.ts'
import { FrameScanner, type ScannedFrame } from './frame-scanner.ts'
import type { CoveredSegment, SnapshotHead } from './index-snapshot.ts'
import type { IndexSnapshots } from './index-snapshots.ts'
import type { LogIndex } from './log-index.ts'
import type { RecordList } from './record-list.ts'
import type { Segment, SegmentLog } from './segment-log.ts'

/** Small enough to let others have the event loop between two windows: indexing one takes some 5 ms. */
const WINDOW_BYTES = 2 << 20

/** Where the store stands after a frame. */
export interface StorePosition {
  readonly position: number
  readonly leaderEpoch: number | undefined
  readonly caughtUpMs: number | undefined
}

/**
 * What was found when a store was opened.
 * - `whole`: every frame was sound.
 * - `cut`: from some point on the log was damaged, or cut off in the middle of a frame. What was behind that point is gone, and the position has fallen back to what stands before it.
 * - `cleared`: the damage was in what compaction had copied, or in the list of segments, so that records below the position may be missing. The store is empty.
 */
export interface RecoveryReport {
  readonly outcome: 'whole' | 'cut' | 'cleared'
  /** For people, where the outcome is not `whole`. */
  readonly reason: string | undefined
}

export interface RecoveryOptions {
  readonly log: SegmentLog
  readonly index: LogIndex
  readonly list: RecordList
  readonly partition: number
  readonly snapshots: IndexSnapshots
}

/**
 * Reads all segments in log order and builds the index. In log order the newest record of a key is the one that comes last: live frames are appended in changelog order, and
 * compaction copies a record only while it is its key's newest. So the highest offset wins without offsets in the index.
 *
 * Damage ends the log, wherever it is: frames behind it may depend on what it held. What is before it is a prefix of what was applied, whole if it reaches the floor.
 */
export async function recover(options: RecoveryOptions): Promise<{ report: RecoveryReport; at: StorePosition | undefined; isLost: boolean }> {
  const { log } = options
  const covered = await loadSnapshot(options)
  let at = covered?.at
  for (const segment of log.segments.slice(covered?.wholeSegments)) {
    const fromBytes = segment === covered?.last.segment ? covered.last.bytes : 0
    const end = await readSegment(options, { segment, fromBytes, before: at })
    at = end.at
    options.snapshots.appended(end.bytes - fromBytes)
    if (end.reason === undefined) continue
    const reason = `segment ${segment.id} is damaged at byte ${end.bytes}: ${end.reason}`
    if (!reachesFloor(log, segment, end.bytes)) return lost(reason)
    await log.cut(segment, end.bytes)
    return { report: { outcome: 'cut', reason }, at, isLost: false }
  }
  const { active } = log
  if (!reachesFloor(log, active, active.file.sizeBytes)) return lost(`the log ends at byte ${active.file.sizeBytes} of segment ${active.id}`)
  return { report: { outcome: 'whole', reason: undefined }, at, isLost: false }
}

function lost(reason: string): { report: RecoveryReport; at: undefined; isLost: true } {
  return {
    report: { outcome: 'cleared', reason: `${reason}; older segments have been compacted into what is missing, so the store is rebuilt from its changelog` },
    at: undefined,
    isLost: true,
  }
}

/** Answers where the segment's sound part ends, with a reason if that is not where it should end. */
async function readSegment(
  options: RecoveryOptions,
  { segment, fromBytes, before }: { segment: Segment; fromBytes: number; before: StorePosition | undefined },
): Promise<{ at: StorePosition | undefined; bytes: number; reason: string | undefined }> {
  const endBytes = Math.min(segment.file.sizeBytes, segment.closedBytes ?? segment.file.sizeBytes)
  const scanner = new FrameScanner(segment.file, endBytes, WINDOW_BYTES)
  scanner.at = fromBytes
  let at = before
  for (;;) {
    const next = scanner.next()
    if (next === 'more') await scanner.fill()
    else if (next === 'bad') return { at, bytes: scanner.at, reason: scanner.reason }
    else if (next === 'end') break
    else if (scanner.frame !== undefined) {
      const fault = readFrameInto(options, segment, scanner.frame, at)
      if (fault !== undefined) return { at, bytes: scanner.frame.at, reason: fault }
      at = positionAfter(scanner.frame.fields)
    }
  }
  const isShort = segment.closedBytes !== undefined && endBytes < segment.closedBytes
  return { at, bytes: endBytes, reason: isShort ? `it has ${endBytes} of ${segment.closedBytes} bytes` : undefined }
}

interface Covered {
  readonly at: StorePosition
  /** So many segments at the beginning are covered to their ends. */
  readonly wholeSegments: number
  readonly last: { readonly segment: Segment; readonly bytes: number }
}

/**
 * Takes the index from its snapshot, where that fits the log, and the log is sound as far as it reaches. Where it is not, the snapshot goes, before anything is cut off or appended that
 * might make it seem to fit again, and all is read as if there had never been one.
 */
async function loadSnapshot(options: RecoveryOptions): Promise<Covered | undefined> {
  const { log, index, snapshots, partition } = options
  const found = await snapshots.read()
  const last = found === undefined ? undefined : lastCovered(log, found.head)
  const at = found === undefined || last === undefined ? undefined : await soundUpTo(log, found.head, partition)
  if (found === undefined || last === undefined || at === undefined) {
    await snapshots.remove()
    return undefined
  }
  const tags: number[] = [0]
  for (const [number, { tag, liveBytes, tombstoneBytes }] of found.head.segments.entries()) {
    const segment = log.segments[number] as Segment
    tags[tag] = segment.tag
    segment.liveBytes = liveBytes
    segment.tombstoneBytes = tombstoneBytes
  }
  index.load(found.head.index, found.index, tags)
  return { at, wholeSegments: found.head.segments.length - 1, last }
}

/** The last of the segments that the snapshot covers, if it has all of them and they are long enough. */
function lastCovered(log: SegmentLog, { segments: covered }: SnapshotHead): Covered['last'] | undefined {
  const fits = covered.every(({ id, bytes }, at) => {
    const segment = log.segments[at]
    if (segment?.id !== id || segment.file.sizeBytes < bytes) return false
    return at < covered.length - 1 ? segment.closedBytes === bytes : segment.closedBytes === undefined || segment.closedBytes >= bytes
  })
  const last = covered.at(-1)
  const segment = log.segments[covered.length - 1]
  return fits && last !== undefined && segment !== undefined ? { segment, bytes: last.bytes } : undefined
}

/** Where the store stands behind what is covered; `undefined` where that is damaged, or not what the snapshot was made of. Nothing but checksums: most of the time goes into indexing. */
async function soundUpTo(log: SegmentLog, head: SnapshotHead, partition: number): Promise<StorePosition | undefined> {
  let at: StorePosition | undefined
  for (const [number, covered] of head.segments.entries()) {
    const end = await checkSegment(log.segments[number] as Segment, covered, partition)
    if (end === 'bad') return undefined
    at = end ?? at
  }
  return at?.position === head.position ? at : undefined
}

async function checkSegment(segment: Segment, { bytes }: CoveredSegment, partition: number): Promise<StorePosition | undefined | 'bad'> {
  const scanner = new FrameScanner(segment.file, bytes, WINDOW_BYTES)
  const cursor = new BatchCursor()
  let at: StorePosition | undefined
  for (let next = scanner.next(); next !== 'end'; next = scanner.next()) {
    if (next === 'bad') return 'bad'
    if (next === 'more') await scanner.fill()
    else if (scanner.frame !== undefined) {
      const { batches, fields } = scanner.frame
      if (fields.partition !== partition || (at !== undefined && fields.position < at.position) || !batches.every((batch) => isSound(cursor, batch))) return 'bad'
      at = positionAfter(fields)
    }
  }
  return at
}

function isSound(cursor: BatchCursor, { bytes, start, end }: FramedBatch): boolean {
  cursor.reset(bytes, start, end)
  try {
    return cursor.nextBatch() && cursor.batchEnd === end
  } catch (error) {
    if (error instanceof CorruptBatchError) return false
    throw error
  }
}

function readFrameInto(
  { index, list, partition }: RecoveryOptions,
  segment: Segment,
  frame: ScannedFrame,
  before: StorePosition | undefined,
): string | undefined {
  const { fields, batches, shift } = frame
  if (fields.partition !== partition) return `a frame belongs to partition ${fields.partition}, this is the store of partition ${partition}`
  if (before !== undefined && fields.position < before.position) return `its position ${fields.position} is lower than ${before.position} before it`
  list.reset()
  try {
    for (const batch of batches) list.add(batch, fields.kind === 'changelog' ? fields.firstOffset : 0)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  index.move(
    list,
    segment,
    list.batches.map(() => shift),
  )
  return undefined
}

export function positionAfter({ position, leaderEpoch, caughtUpMs }: FrameFields): StorePosition {
  return { position, leaderEpoch, caughtUpMs }
}

function reachesFloor({ floor, segments }: SegmentLog, end: Segment, bytes: number): boolean {
  if (floor === undefined) return true
  const floorIndex = segments.findIndex(({ id }) => id === floor.segment)
  const endIndex = segments.indexOf(end)
  return floorIndex >= 0 && (endIndex > floorIndex || (endIndex === floorIndex && bytes >= floor.bytes))
}
