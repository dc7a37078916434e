import type { Disk } from '../../ports/disk.ts'
import { copySnapshot, readSnapshot, type SnapshotHead, sealSnapshot } from './index-snapshot.ts'
import type { LogIndex } from './log-index.ts'
import type { SegmentLog } from './segment-log.ts'

export interface IndexSnapshotsOptions {
  readonly disk: Disk
  /** The store's. */
  readonly directory: string
  readonly partition: number
  readonly prefixBytes: number
  /** See `LogStoreOptions`. */
  readonly snapshotBytes: number
  readonly snapshotPerIndexByte: number
}

const FILE = 'index'
const UNFINISHED = `${FILE}.tmp`
/** A file that is larger cannot be read in one piece. */
const MAX_BYTES = 2 ** 30
/** Written in such pieces: appends of commits wait behind one for a thread that does them. */
const PIECE_BYTES = 4 << 20

/**
 * The snapshot of a store's index, one file beside the segments: an opening then reads the log only to see that it is sound, and puts into the index what came behind. Figures:
 * docs/decisions/index-snapshot.md.
 *
 * Nothing depends on it. It is not synced, nor is the log up to where it reaches: what it covers is held against its checksums when it is used, and one that does not fit is removed before the
 * log changes.
 */
export class IndexSnapshots {
  readonly #options: IndexSnapshotsOptions
  readonly #path: string
  /** Bytes of the log that the snapshot does not cover. */
  #uncoveredBytes = 0
  /** Since the last one was made: where compaction outdates them all the time, they are not written all the time. */
  #appendedBytes = 0

  constructor(options: IndexSnapshotsOptions) {
    this.#options = options
    this.#path = `${options.directory}/${FILE}`
  }

  get uncoveredBytes(): number {
    return this.#uncoveredBytes
  }

  appended(bytes: number): void {
    this.#uncoveredBytes += bytes
    this.#appendedBytes += bytes
  }

  /** A segment that it names is gone: it is of no use any more. */
  outdated(log: SegmentLog): void {
    this.#uncoveredBytes = log.segments.reduce((bytes, { file }) => bytes + file.sizeBytes, 0)
  }

  isDue(indexBytes: number): boolean {
    const { snapshotBytes, snapshotPerIndexByte } = this.#options
    return indexBytes < MAX_BYTES && Math.min(this.#uncoveredBytes, this.#appendedBytes) >= Math.max(snapshotBytes, snapshotPerIndexByte * indexBytes)
  }

  /** When the store is closed: an eighth of what makes one due. Not for less, since who takes over the task waits for it. */
  isWorthwhile(indexBytes: number): boolean {
    const { snapshotBytes, snapshotPerIndexByte } = this.#options
    return indexBytes < MAX_BYTES && this.#uncoveredBytes >= Math.max(snapshotBytes, (snapshotPerIndexByte / 8) * indexBytes)
  }

  /** The index as it is now, with all that the log holds. */
  copy(log: SegmentLog, index: LogIndex, position: number): Buffer {
    const { partition, prefixBytes } = this.#options
    const segments = log.segments.map(({ id, tag, file, liveBytes, tombstoneBytes }) => ({ id, tag, bytes: file.sizeBytes, liveBytes, tombstoneBytes }))
    this.#uncoveredBytes = 0
    this.#appendedBytes = 0
    return copySnapshot({ partition, prefixBytes, position, segments, index: index.layout() }, index.pieces())
  }

  /** One that cannot be written, on a full disk for instance, is missed by nobody but the next opening. */
  async write(copy: Buffer | undefined): Promise<void> {
    if (copy === undefined) return
    const { disk, directory } = this.#options
    const unfinished = `${directory}/${UNFINISHED}`
    sealSnapshot(copy)
    try {
      const file = await disk.open(unfinished)
      try {
        await file.truncate(0)
        for (let at = 0; at < copy.length; at += PIECE_BYTES) await file.append([copy.subarray(at, at + PIECE_BYTES)])
      } finally {
        await file.close()
      }
      await disk.rename(unfinished, this.#path)
    } catch {
      // The next one is due when as much has been appended again. What there is of this one must not take the log's last room.
      await this.#removeFile(UNFINISHED).catch(() => {})
    }
  }

  /** The snapshot, if there is one for this store as it was opened. One that cannot be read is none. */
  async read(): Promise<{ head: SnapshotHead; index: Buffer } | undefined> {
    await this.#removeFile(UNFINISHED)
    const found = await this.#content()
    const { partition, prefixBytes } = this.#options
    return found?.head.partition === partition && found.head.prefixBytes === prefixBytes ? found : undefined
  }

  /** For good: one that came back after a power cut might seem to fit a log that has grown again. */
  async remove(): Promise<void> {
    this.#uncoveredBytes = 0
    if (await this.#removeFile(FILE)) await this.#options.disk.syncDirectory(this.#options.directory)
  }

  async #content(): Promise<{ head: SnapshotHead; index: Buffer } | undefined> {
    try {
      const content = await this.#options.disk.read(this.#path)
      return content === undefined ? undefined : readSnapshot(content)
    } catch {
      return undefined
    }
  }

  async #removeFile(name: string): Promise<boolean> {
    const { disk, directory } = this.#options
    const isThere = (await disk.list(directory)).includes(name)
    if (isThere) await disk.unlink(`${directory}/${name}`)
    return isThere
  }
}
