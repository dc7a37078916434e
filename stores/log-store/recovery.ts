import type { LogIndex } from './log-index.ts'
import type { FrameFields } from './frame.ts'
import { FrameScanner, type ScannedFrame } from './frame-scanner.ts'
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
}

/**
 * Reads all segments in log order and builds the index. In log order the newest record of a key is the one that comes last: live frames are appended in changelog order, and
 * compaction copies a record only while it is its key's newest. So the highest offset wins without offsets in the index.
 *
 * Damage ends the log, wherever it is: frames behind it may depend on what it held. What is before it is a prefix of what was applied, whole if it reaches the floor.
 */
export async function recover(options: RecoveryOptions): Promise<{ report: RecoveryReport; at: StorePosition | undefined; isLost: boolean }> {
  const { log } = options
  let at: StorePosition | undefined
  for (const segment of log.segments) {
    const end = await readSegment(options, segment, at)
    at = end.at
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
  segment: Segment,
  before: StorePosition | undefined,
): Promise<{ at: StorePosition | undefined; bytes: number; reason: string | undefined }> {
  const endBytes = Math.min(segment.file.sizeBytes, segment.closedBytes ?? segment.file.sizeBytes)
  const scanner = new FrameScanner(segment.file, endBytes, WINDOW_BYTES)
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
