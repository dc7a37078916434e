import { BatchCursor } from '../../records/batch-cursor.ts'
import type { ByteView } from '../../records/byte-view.ts'
import { murmur2 } from '../../records/murmur2.ts'
import { varintSize } from '../../records/varint.ts'
import { mixHash } from '../mix-hash.ts'
import { FrameScanner, type ScannedFrame } from './frame-scanner.ts'
import type { LogIndex } from './log-index.ts'
import type { Segment, SegmentLog } from './segment-log.ts'

const WINDOW_BYTES = 2 << 20

/** Reads all segments in order and visits the records that the index points to. */
export function readEntries(log: SegmentLog, index: LogIndex, visit: (key: ByteView, value: ByteView, timestamp: number) => void): void {
  const cursor = new BatchCursor()
  for (const segment of log.segments) {
    const scanner = new FrameScanner(segment.file, segment.closedBytes ?? segment.file.sizeBytes, WINDOW_BYTES)
    for (let next = scanner.next(); next !== 'end'; next = scanner.next()) {
      if (next === 'bad') throw new Error(`segment ${segment.id} of a state store is damaged at byte ${scanner.at}: ${scanner.reason}`)
      if (next === 'more') scanner.fillSync()
      else if (scanner.frame !== undefined) visitFrame({ frame: scanner.frame, segment, index, cursor, visit })
    }
  }
}

interface FrameVisit {
  readonly frame: ScannedFrame
  readonly segment: Segment
  readonly index: LogIndex
  readonly cursor: BatchCursor
  readonly visit: (key: ByteView, value: ByteView, timestamp: number) => void
}

function visitFrame({ frame, segment, index, cursor, visit }: FrameVisit): void {
  const { key, value } = cursor
  const place = { tag: segment.tag, keyPosition: 0, valuePosition: 0 }
  for (const batch of frame.batches) {
    cursor.reset(batch.bytes, batch.start, batch.end)
    cursor.nextBatch()
    while (cursor.nextRecord()) {
      if (!cursor.hasKey || !cursor.hasValue) continue
      place.keyPosition = key.start - varintSize(key.length) + frame.shift
      place.valuePosition = value.start + frame.shift
      if (index.isNewest(mixHash(murmur2(key.buffer, key.start, key.end)), place)) visit(key, value, cursor.timestamp)
    }
  }
}
