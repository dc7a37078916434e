import type { Disk, DiskFile } from '../../ports/disk.ts'
import { Turn } from '../turn.ts'
import { type LogPoint, readSegmentList, type SegmentList, segmentListBytes } from './segment-list.ts'

/** One file of the log. All but the last one are closed: nothing is appended to them any more. */
export interface Segment {
  readonly id: number
  /** Names the segment in the index; used again when the segment is gone. */
  readonly tag: number
  readonly file: DiskFile
  /** Size of a closed segment; `undefined` for the last one, which grows. */
  closedBytes: number | undefined
  /** Bytes from the start that survive a power cut. */
  syncedBytes: number
  /** Bytes of records that the index points to, and of tombstones. */
  liveBytes: number
  tombstoneBytes: number
}

const LIST_FILE = 'segments'
const SEGMENT_FILE = /^(\d+)\.log$/

/**
 * The files of a log store: an ordered list of segments, which is written down in a file of its own. The list says how long each closed segment is, so that a segment that a power cut
 * has shortened, or that somebody removed, is noticed; and it knows the floor (see `LogPoint`). What is not in the list does not exist: a file that a crash
 * left behind is removed.
 */
export class SegmentLog {
  readonly segments: Segment[] = []
  floor: LogPoint | undefined
  readonly #disk: Disk
  readonly #directory: string
  readonly #segmentBytes: number
  readonly #byTag: (Segment | undefined)[] = [undefined]
  readonly #listTurn = new Turn()
  /** Syncs run beside everything else; a file must not be closed under one. */
  readonly #fileTurn = new Turn()
  #lastId = 0

  constructor(options: { disk: Disk; directory: string; segmentBytes: number }) {
    this.#disk = options.disk
    this.#directory = options.directory
    this.#segmentBytes = options.segmentBytes
  }

  get active(): Segment {
    // `open` and `clear` leave one at least.
    return this.segments[this.segments.length - 1] as Segment
  }

  byTag(tag: number): Segment {
    // Tags come from segments that are in the log.
    return this.#byTag[tag] as Segment
  }

  /** Opens what the list names. Where the list is gone or damaged, nothing that is there can be trusted: answers why, and the caller clears the log. */
  async open(): Promise<string | undefined> {
    await this.#disk.makeDirectory(this.#directory)
    const present = (await this.#disk.list(this.#directory)).filter((name) => SEGMENT_FILE.test(name))
    for (const name of present) this.#lastId = Math.max(this.#lastId, Number(SEGMENT_FILE.exec(name)?.[1]))
    const content = await this.#disk.read(`${this.#directory}/${LIST_FILE}`)
    if (content === undefined) return this.#openFresh(present)
    const list = readSegmentList(content, this.#directory)
    if (list === undefined) return 'the list of its segments is damaged'
    await this.#openListed(list, new Set(present))
    await this.#removeUnlisted(present)
    return undefined
  }

  /** Appends chunks that belong together. */
  async append(chunks: readonly Uint8Array[], bytes: number): Promise<{ segment: Segment; at: number }> {
    const { active } = this
    if (active.file.sizeBytes > 0 && active.file.sizeBytes + bytes > this.#segmentBytes) await this.#roll()
    const segment = this.active
    const at = segment.file.sizeBytes
    await segment.file.append(chunks)
    return { segment, at }
  }

  /** Removes everything from a point on. The list first: whatever a crash leaves of the rest, it is cut off again. */
  async cut(segment: Segment, bytes: number): Promise<void> {
    const later = this.segments.splice(this.segments.indexOf(segment) + 1)
    // A torn tail changes nothing in the list: it can be cut off on a full disk too.
    if (later.length > 0 || segment.closedBytes !== undefined) {
      segment.closedBytes = undefined
      await this.#writeList()
    }
    await segment.file.truncate(bytes)
    await segment.file.sync()
    segment.syncedBytes = bytes
    for (const each of later) await this.#remove(each)
  }

  /** Makes everything that has been appended survive a power cut; answers up to where that is. Appends may go on meanwhile. */
  sync(): Promise<LogPoint> {
    return this.#fileTurn.run(async () => {
      const { active } = this
      const end = { segment: active.id, bytes: active.file.sizeBytes }
      for (const segment of [...this.segments]) {
        const bytes = segment.file.sizeBytes
        if (segment.syncedBytes === bytes) continue
        await segment.file.sync()
        segment.syncedBytes = bytes
      }
      await this.#disk.syncDirectory(this.#directory)
      return end
    })
  }

  /** Removes a segment whose records have been copied. The copies are synced, up to `floor`: without them the log would not be complete any more. */
  async retire(segment: Segment, floor: LogPoint): Promise<void> {
    this.segments.splice(this.segments.indexOf(segment), 1)
    this.floor = floor
    await this.#writeList()
    await this.#remove(segment)
  }

  /** Begins a new log; works also where the old one could not be opened. */
  async clear(): Promise<void> {
    const old = this.segments.splice(0)
    this.floor = undefined
    await this.#begin()
    for (const segment of old) await this.#closeFile(segment)
    await this.#removeUnlisted(await this.#disk.list(this.#directory))
  }

  async close(): Promise<void> {
    for (const segment of this.segments) await this.#closeFile(segment)
  }

  async #openFresh(present: readonly string[]): Promise<string | undefined> {
    // A crash between the first file and the list leaves an empty file: `begin` would not have gone on.
    if (present.length > 1 || this.#lastId > 1) return 'the list of its segments is missing'
    await this.#begin()
    await this.#removeUnlisted(present)
    return undefined
  }

  async #begin(): Promise<void> {
    await this.#create()
    await this.#writeList()
  }

  /** A segment that is missing is taken for an empty one: the log ends there, as the size in the list says that it should not. */
  async #openListed(list: SegmentList, present: ReadonlySet<string>): Promise<void> {
    this.floor = list.floor
    for (const { id, bytes } of list.segments) {
      this.#lastId = Math.max(this.#lastId, id)
      const isMissing = !present.has(fileName(id))
      const segment = await this.#openSegment(id)
      segment.closedBytes = bytes
      this.segments.push(segment)
      if (isMissing) return
    }
  }

  async #roll(): Promise<void> {
    const { active } = this
    await this.#create()
    active.closedBytes = active.file.sizeBytes
    await this.#writeList()
  }

  async #create(): Promise<Segment> {
    const segment = await this.#openSegment(++this.#lastId)
    this.segments.push(segment)
    return segment
  }

  async #openSegment(id: number): Promise<Segment> {
    const file = await this.#disk.open(`${this.#directory}/${fileName(id)}`)
    let tag = this.#byTag.indexOf(undefined, 1)
    if (tag < 0) tag = this.#byTag.length
    const segment: Segment = { id, tag, file, closedBytes: undefined, syncedBytes: 0, liveBytes: 0, tombstoneBytes: 0 }
    this.#byTag[tag] = segment
    return segment
  }

  async #remove(segment: Segment): Promise<void> {
    await this.#closeFile(segment)
    await this.#disk.unlink(`${this.#directory}/${fileName(segment.id)}`)
  }

  async #closeFile(segment: Segment): Promise<void> {
    await this.#fileTurn.run(() => segment.file.close())
    this.#byTag[segment.tag] = undefined
  }

  async #removeUnlisted(present: readonly string[]): Promise<void> {
    const listed = new Set(this.segments.map(({ id }) => fileName(id)))
    for (const name of present) if (SEGMENT_FILE.test(name) && !listed.has(name)) await this.#disk.unlink(`${this.#directory}/${name}`)
  }

  #writeList(): Promise<void> {
    return this.#listTurn.run(() => {
      const segments = this.segments.map(({ id, closedBytes }) => ({ id, bytes: closedBytes }))
      return this.#disk.replace(`${this.#directory}/${LIST_FILE}`, segmentListBytes({ segments, floor: this.floor }))
    })
  }
}

function fileName(id: number): string {
  return `${String(id).padStart(12, '0')}.log`
}
