import { ByteView } from '../../records/byte-view.ts'
import { varintSize } from '../../records/varint.ts'
import { mixHash } from '../mix-hash.ts'
import type { CopiedRecords } from './copied-records.ts'
import { type IndexedRecord, type IndexLayout, KeyIndex, type RecordPlace } from './key-index.ts'
import { recordBytes } from './record-bytes.ts'
import type { RecordList } from './record-list.ts'
import type { Segment, SegmentLog } from './segment-log.ts'

/** What is read at once where the length of a record is not known. */
const GUESSED_RECORD_BYTES = 512
const MIN_READ_BYTES = 256
/** Of a varint that counts the bytes of a field. */
const MAX_LENGTH_BYTES = 5

/** The index of a log store together with the files that it points into: look-ups, and the one place where the index is moved. */
export class LogIndex {
  readonly #log: SegmentLog
  readonly #index: KeyIndex
  readonly #record: IndexedRecord = { buffer: EMPTY, keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0, tag: 0, keyPosition: 0, valuePosition: 0 }
  /** By the logarithm of their size: reading into a buffer that is there costs less than a view on one that fits. */
  readonly #readBuffers: (Buffer | undefined)[] = []
  #fileBuffer: Buffer = Buffer.allocUnsafeSlow(GUESSED_RECORD_BYTES)
  /** In `#fileBuffer`, of the record that `#keyInFile` has read. */
  #fileValueStart = 0
  readonly #fileKey = new ByteView()
  /** Keeps the touching of slots from being optimised away. */
  touched = 0

  constructor(log: SegmentLog, options: { prefixBytes: number; memoryBudgetBytes: number }) {
    this.#log = log
    this.#index = new KeyIndex({ ...options, keyInFile: (tag, position, buffer, keyStart, keyEnd) => this.#keyInFile(tag, position, buffer, keyStart, keyEnd) })
  }

  get size(): number {
    return this.#index.size
  }

  get indexBytes(): number {
    return this.#index.indexBytes
  }

  get arenaBytes(): number {
    return this.#index.arena.sizeBytes
  }

  /** What a snapshot of it takes. */
  get usedBytes(): number {
    return this.#index.indexBytes + this.#index.arena.usedBytes
  }

  layout(): IndexLayout {
    return this.#index.layout()
  }

  /** All that it holds, as it lies in memory: to be copied at once. */
  pieces(): Uint8Array[] {
    return this.#index.pieces()
  }

  /** Fills an index that is empty yet. `tags`: by the tag that a segment had, the one that it has. */
  load(layout: IndexLayout, bytes: Buffer, tags: readonly number[]): void {
    let at = 0
    const fill = (piece: Uint8Array): void => {
      piece.set(bytes.subarray(at, at + piece.length))
      at += piece.length
    }
    this.#index.load(layout, fill, tags)
  }

  get(key: ByteView, hash: number, into: ByteView): boolean {
    const index = this.#index
    if (!index.find(mixHash(hash), key.buffer, key.start, key.end)) return false
    if (index.entry === 0) into.set(this.#fileBuffer, this.#fileValueStart, this.#fileValueStart + index.valueLength)
    else this.#readValue(index.tag, index.position, index.valueLength, into)
    return true
  }

  peek(key: ByteView, hash: number, into: ByteView): boolean {
    const index = this.#index
    const { prefixBytes } = index.arena
    if (prefixBytes === 0) return this.get(key, hash, into)
    if (!index.find(mixHash(hash), key.buffer, key.start, key.end)) return false
    if (index.entry === 0) into.set(this.#fileBuffer, this.#fileValueStart, this.#fileValueStart + Math.min(prefixBytes, index.valueLength))
    else index.prefix(into)
    return true
  }

  /** Keys in memory are visited in the order in which they lie there, which is not that of the hashes: half of the time (0.16 us a key instead of 0.3), and a million of them stand between a restart and its first commit. */
  forEach(visit: (key: ByteView, prefix: ByteView) => void, key: ByteView, prefix: ByteView): void {
    const { arena } = this.#index
    const entries = new Uint32Array(this.#index.size)
    let count = 0
    this.#index.forEach((entry, tag, position) => {
      if (entry !== 0) entries[count++] = entry
      else {
        const valueLength = this.#readRecord(tag, position, key)
        prefix.set(this.#fileBuffer, this.#fileValueStart, this.#fileValueStart + Math.min(arena.prefixBytes, valueLength))
        visit(key, prefix)
      }
    })
    for (const entry of entries.subarray(0, count).sort()) {
      arena.key(entry, key)
      arena.prefix(entry, prefix)
      visit(key, prefix)
    }
  }

  /** Points the index to the records of a frame. `shifts` are, for each batch, the distance from positions in its buffer to positions in the segment. */
  move(list: RecordList, segment: Segment, shifts: readonly number[]): void {
    const index = this.#index
    const record = this.#record
    const { mixed, keyStart, keyEnd, valueStart, valueEnd, batch } = list
    this.touch(list)
    for (let i = 0; i < list.count; i++) {
      const shift = shifts[batch[i] as number] as number
      const buffer = (list.batches[batch[i] as number] as { bytes: Buffer }).bytes
      const from = keyStart[i] as number
      const to = keyEnd[i] as number
      if (list.isTombstone(i)) {
        segment.tombstoneBytes += recordBytes(to - from, 0)
        if (index.remove(mixed[i] as number, buffer, from, to)) this.#release(to - from)
        continue
      }
      record.buffer = buffer
      record.keyStart = from
      record.keyEnd = to
      record.valueStart = valueStart[i] as number
      record.valueEnd = valueEnd[i] as number
      record.tag = segment.tag
      record.keyPosition = from - varintSize(to - from) + shift
      record.valuePosition = record.valueStart + shift
      if (index.put(mixed[i] as number, record)) this.#release(to - from)
      segment.liveBytes += recordBytes(to - from, record.valueEnd - record.valueStart)
    }
    record.buffer = EMPTY
  }

  /** Points the index from records to their copies. The bytes are the same: the keys are not looked at. */
  moveCopied(copied: CopiedRecords, source: Segment, target: Segment, shift: number): void {
    const from: RecordPlace = { tag: source.tag, keyPosition: 0, valuePosition: 0 }
    const to: RecordPlace = { tag: target.tag, keyPosition: 0, valuePosition: 0 }
    for (let i = 0; i < copied.count; i++) {
      from.keyPosition = copied.fromKey[i] as number
      from.valuePosition = copied.fromValue[i] as number
      to.keyPosition = (copied.toKey[i] as number) + shift
      to.valuePosition = (copied.toValue[i] as number) + shift
      this.#index.repoint(copied.mixed[i] as number, from, to)
    }
    source.liveBytes -= copied.liveBytes
    target.liveBytes += copied.liveBytes
    target.tombstoneBytes += copied.tombstoneBytes
  }

  /** Brings the slots of all records into the processor's cache: the misses overlap. */
  touch({ mixed, count }: RecordList): void {
    let touched = 0
    for (let i = 0; i < count; i++) touched ^= this.#index.touch(mixed[i] as number)
    this.touched = touched
  }

  /** Whether a record is the newest of its key. */
  isNewest(mixed: number, place: RecordPlace): boolean {
    return this.#index.pointsTo(mixed, place)
  }

  has(mixed: number, key: ByteView): boolean {
    return this.#index.find(mixed, key.buffer, key.start, key.end)
  }

  /** The record that was replaced, whose place stands in the index's fields, is dead now. */
  #release(keyBytes: number): void {
    this.#log.byTag(this.#index.tag).liveBytes -= recordBytes(keyBytes, this.#index.valueLength)
  }

  #readValue(tag: number, position: number, length: number, into: ByteView): void {
    const sizeLog = 32 - Math.clz32(Math.max(length, MIN_READ_BYTES) - 1)
    let buffer = this.#readBuffers[sizeLog]
    if (buffer === undefined) {
      buffer = Buffer.allocUnsafeSlow(2 ** sizeLog)
      this.#readBuffers[sizeLog] = buffer
    }
    const bytes = this.#log.byTag(tag).file.readSync(buffer, position)
    if (bytes < length)
      throw new Error(`segment ${this.#log.byTag(tag).id} of a state store has been shortened: a value of ${length} bytes at ${position} ends after ${bytes}`)
    into.set(buffer, 0, length)
  }

  /** Reads the record whose key length is at `position` into the file buffer; answers the length of its value. */
  #readRecord(tag: number, position: number, key: ByteView): number {
    const { file, id } = this.#log.byTag(tag)
    for (;;) {
      const buffer = this.#fileBuffer
      const available = file.readSync(buffer, position)
      const isAll = available < buffer.length
      const keyLength = lengthAt(buffer, 0)
      const keyStart = varintSize(keyLength)
      const keyEnd = keyStart + keyLength
      let needed = keyEnd + MAX_LENGTH_BYTES
      if (needed <= available || isAll) {
        const valueLength = lengthAt(buffer, keyEnd)
        const valueStart = keyEnd + varintSize(valueLength)
        needed = valueStart + valueLength
        if (needed <= available) {
          key.set(buffer, keyStart, keyEnd)
          this.#fileValueStart = valueStart
          return valueLength
        }
      }
      if (isAll) throw new Error(`segment ${id} of a state store has been shortened: a record at ${position} ends after ${available} of ${needed} bytes`)
      this.#fileBuffer = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2))
    }
  }

  #keyInFile(tag: number, position: number, buffer: Buffer, keyStart: number, keyEnd: number): number | undefined {
    const valueLength = this.#readRecord(tag, position, this.#fileKey)
    const { start, end, buffer: own } = this.#fileKey
    return own.compare(buffer, keyStart, keyEnd, start, end) === 0 ? valueLength : undefined
  }
}

/** The zigzag varint of a length that is not negative, as it stands before keys and values. */
function lengthAt(buffer: Buffer, start: number): number {
  let value = 0
  let factor = 1
  for (let at = start; at < start + MAX_LENGTH_BYTES; at++) {
    const byte = buffer[at] ?? 0
    value += (byte & 127) * factor
    if (byte < 128) break
    factor *= 128
  }
  return value / 2
}

const EMPTY = Buffer.alloc(0)
