import type { Disk } from '../../ports/disk.ts'
import { type Failpoint, noFailpoint } from '../../ports/failpoint.ts'
import { ByteView } from '../../records/byte-view.ts'
import { CAUGHT_UP_INTERVAL_MS, type ChangelogBatch, type StateStore, StoreFailedError, type StoreManifest } from '../state-store.ts'
import { Turn } from '../turn.ts'
import { Compaction, pickSegment } from './compaction.ts'
import { type FrameKind, type FramedBatch, frameChunks, frameHeaderBytes } from './frame.ts'
import { readEntries } from './log-entries.ts'
import { MAX_PREFIX_BYTES } from './key-arena.ts'
import { IndexSnapshots } from './index-snapshots.ts'
import { LogIndex } from './log-index.ts'
import { RecordList } from './record-list.ts'
import { type RecoveryReport, recover, type StorePosition } from './recovery.ts'
import { type Segment, SegmentLog } from './segment-log.ts'

export interface LogStoreOptions {
  readonly name: string
  readonly disk: Disk
  /** The store's own; nothing else may be in it. Created if it is not there. */
  readonly directory: string
  /** Partition of the changelog, written into every frame: a directory that was swapped with another's is noticed. */
  readonly partition: number
  /** Leading bytes of each value that stay in memory, for `peek`: 0 (default) to 24. May be changed between runs. */
  readonly prefixBytes?: number
  /** A new segment begins when the last one would grow beyond this. Default 64 MB. */
  readonly segmentBytes?: number
  /** Beyond it, further keys are not held in memory but compared in the file, at the cost of a read for each look-up. Default 1 GB. */
  readonly memoryBudgetBytes?: number
  /** Compaction begins when this share of the closed segments is dead: the file is then about 1 / (1 - deadShare) times the live data. Default 0.6. */
  readonly deadShare?: number
  /** A snapshot of the index, for a quick opening, is written when so much has been appended behind the last one. Default 4 MB. */
  readonly snapshotBytes?: number
  /** ... and so many times the size of the index, which is what a snapshot takes. Default 2: at most half as much is written again. */
  readonly snapshotPerIndexByte?: number
  readonly failpoint?: Failpoint
}

export interface LogStoreStats {
  readonly keys: number
  readonly indexBytes: number
  readonly arenaBytes: number
  readonly fileBytes: number
  /** Of the newest records of all keys, about. */
  readonly liveBytes: number
  readonly segments: number
  /** Of the log, what no snapshot of the index covers: an opening would have to index it. */
  readonly uncoveredBytes: number
}

const MANIFEST: StoreManifest = { ordered: false, checksummed: true, survives: 'power-cut' }
const DEFAULT_SEGMENT_BYTES = 64 << 20
const DEFAULT_MEMORY_BUDGET_BYTES = 1 << 30
const DEFAULT_SNAPSHOT_BYTES = 4 << 20
/** Positions in a segment have 32 bits, and a frame may begin just before the end. */
const MAX_SEGMENT_BYTES = 2 ** 31
const COMPACTION_WINDOW_BYTES = 1 << 20
/** A segment is compacted in this many portions at most. */
const MAX_PORTIONS = 256

/**
 * A key-value store that is an indexed local copy of its own changelog. What a commit has produced is appended to a file as it is, in one write, and an index in memory points to the
 * newest record of each key. Restoring does the same with what is fetched. Opening reads the file and builds the index again.
 *
 *   open ──► ready ──(an append failed)──► failed        reads go on in both
 *              │ ▲                           │
 *              │ └────────── clear ──────────┤
 *              └───────────► closed ◄────────┘
 *
 * An append that failed may have left anything behind the end of the file. That is cut off when the store is opened again, so nothing must be appended until then.
 */
export class LogStore implements StateStore {
  readonly name: string
  readonly manifest: StoreManifest = MANIFEST
  /** What opening found. */
  readonly recovery: RecoveryReport
  readonly #log: SegmentLog
  readonly #list: RecordList
  readonly #snapshots: IndexSnapshots
  readonly #options: Required<LogStoreOptions>
  readonly #turn = new Turn()
  readonly #housekeeping = new Turn()
  readonly #key = new ByteView()
  readonly #value = new ByteView()
  #index: LogIndex
  #at: StorePosition | undefined
  #caughtUpMs: number | undefined
  #state: 'ready' | 'failed' | 'closed' = 'ready'
  #failure: unknown
  #compaction: Compaction | undefined
  #appendedBytes = 0

  private constructor(
    options: Required<LogStoreOptions>,
    found: { log: SegmentLog; index: LogIndex; list: RecordList; snapshots: IndexSnapshots; recovery: RecoveryReport; at: StorePosition | undefined },
  ) {
    this.name = options.name
    this.#options = options
    this.#log = found.log
    this.#index = found.index
    this.#list = found.list
    this.#snapshots = found.snapshots
    this.recovery = found.recovery
    this.#at = found.at
    this.#caughtUpMs = found.at?.caughtUpMs
  }

  /** Opens the store, or creates it. `recovery` says what was found; the position says what has to be read from the changelog. */
  static async open(given: LogStoreOptions): Promise<LogStore> {
    const options = withDefaults(given)
    const log = new SegmentLog(options)
    const parts = { log, list: new RecordList(), snapshots: new IndexSnapshots(options) }
    const missing = await log.open()
    if (missing !== undefined) {
      await LogStore.#clear(parts)
      return new LogStore(options, {
        ...parts,
        index: new LogIndex(log, options),
        at: undefined,
        recovery: { outcome: 'cleared', reason: `${missing}, so the store is rebuilt from its changelog` },
      })
    }
    const index = new LogIndex(log, options)
    const { report, at, isLost } = await recover({ ...parts, index, partition: options.partition })
    if (!isLost) return new LogStore(options, { ...parts, index, at, recovery: report })
    await LogStore.#clear(parts)
    return new LogStore(options, { ...parts, index: new LogIndex(log, options), at, recovery: report })
  }

  static async #clear({ log, snapshots }: { log: SegmentLog; snapshots: IndexSnapshots }): Promise<void> {
    await snapshots.remove()
    await log.clear()
  }

  get damage(): string | undefined {
    return this.recovery.reason
  }

  get position(): number | undefined {
    return this.#at?.position
  }

  get positionEpoch(): number | undefined {
    return this.#at?.leaderEpoch
  }

  get size(): number {
    return this.#index.size
  }

  get sizeBytes(): number {
    let bytes = 0
    for (const { file } of this.#log.segments) bytes += file.sizeBytes
    return bytes
  }

  get lastCaughtUpMs(): number | undefined {
    return this.#caughtUpMs
  }

  get(key: ByteView, hash: number, into: ByteView): boolean {
    return this.#index.get(key, hash, into)
  }

  peek(key: ByteView, hash: number, into: ByteView): boolean {
    return this.#index.peek(key, hash, into)
  }

  apply(batches: readonly ChangelogBatch[], position: number, positionEpoch: number | undefined): Promise<void> {
    return this.#turn.run(() => this.#apply(batches, position, positionEpoch))
  }

  forEach(visit: (key: ByteView, prefix: ByteView) => void): void {
    this.#index.forEach(visit, this.#key, this.#value)
  }

  entries(visit: (key: ByteView, value: ByteView, timestamp: number) => void): void {
    readEntries(this.#log, this.#index, visit)
  }

  caughtUp(nowMs: number): Promise<void> {
    return this.#turn.run(async () => {
      const last = this.#caughtUpMs
      if (this.#state !== 'ready' || (last !== undefined && nowMs >= last && nowMs - last < CAUGHT_UP_INTERVAL_MS)) return
      this.#caughtUpMs = nowMs
      const at = this.#at
      if (at === undefined) return
      // A frame without batches; it carries the time from now on, as every later one does. What the list held last, at the opening perhaps, must not go in once more: below its own first offset nobody would find it again.
      this.#list.reset()
      await this.#append({ ...at, caughtUpMs: nowMs })
    })
  }

  /**
   * Does nothing in a store that has failed: `apply` has told so.
   * @throws StoreFailedError if the copying failed; the store has failed then.
   */
  housekeep(budgetBytes: number): Promise<void> {
    return this.#housekeeping.run(async () => {
      await this.#compact(budgetBytes)
      if (this.#snapshots.isDue(this.#index.usedBytes)) await this.#writeSnapshot()
    })
  }

  clear(): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#state === 'closed') throw this.#closedError()
      this.#compaction = undefined
      this.#at = undefined
      this.#caughtUpMs = undefined
      this.#index = new LogIndex(this.#log, this.#options)
      try {
        await LogStore.#clear({ log: this.#log, snapshots: this.#snapshots })
      } catch (error) {
        throw this.#fail('it could not be cleared', error)
      }
      this.#state = 'ready'
    })
  }

  flush(): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#state === 'ready') await this.#sync()
    })
  }

  close(): Promise<void> {
    // Behind a portion of compaction that is under way: it uses the files.
    return this.#housekeeping.run(() =>
      this.#turn.run(async () => {
        if (this.#state === 'closed') return
        try {
          if (this.#state === 'ready') await this.#sync()
          if (this.#snapshots.isWorthwhile(this.#index.usedBytes)) await this.#snapshots.write(this.#copyIndex())
        } finally {
          this.#state = 'closed'
          await this.#log.close()
        }
      }),
    )
  }

  stats(): LogStoreStats {
    const { segments } = this.#log
    return {
      keys: this.#index.size,
      indexBytes: this.#index.indexBytes,
      arenaBytes: this.#index.arenaBytes,
      fileBytes: this.sizeBytes,
      liveBytes: segments.reduce((sum, { liveBytes }) => sum + liveBytes, 0),
      segments: segments.length,
      uncoveredBytes: this.#snapshots.uncoveredBytes,
    }
  }

  async #apply(batches: readonly ChangelogBatch[], position: number, positionEpoch: number | undefined): Promise<void> {
    this.#checkReady()
    const firstOffset = this.#at?.position ?? 0
    if (position < firstOffset) {
      throw new RangeError(
        `store ${this.name} is at changelog offset ${firstOffset} and was to be moved back to ${position}; clear it if the changelog has been replaced`,
      )
    }
    const list = this.#list
    list.reset()
    for (const batch of ascending(batches)) list.add(batch, firstOffset)
    if (list.lastOffset >= position)
      throw new RangeError(
        `store ${this.name} was given a record at offset ${list.lastOffset}, at or beyond the position ${position} that it was to have afterwards`,
      )
    const leaderEpoch = positionEpoch === undefined || positionEpoch < 0 ? undefined : positionEpoch
    if (list.count === 0 && position === this.#at?.position && leaderEpoch === this.#at.leaderEpoch) return
    for (const { start, end } of list.batches) this.#appendedBytes += end - start
    await this.#append({ position, leaderEpoch, caughtUpMs: this.#caughtUpMs })
  }

  /** Appends the batches of the list as one frame, moves the index to them and the store to its new position. */
  async #append(at: StorePosition): Promise<void> {
    const list = this.#list
    const { segment, at: batchesAt } = await this.#appendFrame('changelog', at, list.batches)
    const shifts: number[] = []
    let batchAt = batchesAt
    for (const { start, end } of list.batches) {
      shifts.push(batchAt - start)
      batchAt += end - start
    }
    try {
      this.#index.move(list, segment, shifts)
    } catch (error) {
      throw this.#fail('a key in its file could not be read', error)
    }
    list.reset()
    this.#at = at
  }

  /** Answers where the batches are. */
  async #appendFrame(kind: FrameKind, at: StorePosition, batches: readonly FramedBatch[]): Promise<{ segment: Segment; at: number }> {
    const chunks = frameChunks({ kind, partition: this.#options.partition, firstOffset: this.#at?.position ?? 0, ...at }, batches)
    let frameBytes = 0
    for (const chunk of chunks) frameBytes += chunk.length
    try {
      const appended = await this.#log.append(chunks, frameBytes)
      this.#snapshots.appended(frameBytes)
      await this.#options.failpoint(`store.${kind}.appended`)
      return { segment: appended.segment, at: appended.at + frameHeaderBytes(batches.length) }
    } catch (error) {
      throw this.#fail('its file could not be written', error)
    }
  }

  /** One portion, and at the end of a segment its removal: copies and directory are synced, the list is written without the segment, and only then the file goes. */
  async #compact(budgetBytes: number): Promise<void> {
    if (this.#state !== 'ready') return
    const compaction = this.#compaction ?? this.#nextCompaction()
    // Whatever the budget: twice what was appended, or the file would grow for ever, and enough to make one large frame of many small ones, or as much would be dead afterwards as before.
    const bytes = Math.max(budgetBytes, 2 * this.#appendedBytes, this.#options.segmentBytes / MAX_PORTIONS)
    this.#appendedBytes = 0
    if (compaction === undefined) return
    if (!(await this.#turn.run(() => this.#copyPortion(compaction, bytes)))) return
    // Outside of the turn: a sync may take 100 ms, and commits must not wait for it. What they append meanwhile is behind the floor.
    try {
      const floor = await this.#log.sync()
      await this.#options.failpoint('store.compaction.synced')
      await this.#turn.run(async () => {
        if (this.#compaction !== compaction || this.#state !== 'ready') return
        await this.#log.retire(compaction.source, floor)
        this.#compaction = undefined
        this.#snapshots.outdated(this.#log)
      })
    } catch (error) {
      throw this.#fail(`segment ${compaction.source.id} could not be removed after compaction`, error)
    }
    await this.#options.failpoint('store.compaction.retired')
  }

  #nextCompaction(): Compaction | undefined {
    const source = pickSegment(this.#log.segments, this.#options.deadShare)
    if (source === undefined) return undefined
    this.#compaction = new Compaction(source, this.#index, { isOldest: source === this.#log.segments[0], windowBytes: COMPACTION_WINDOW_BYTES })
    return this.#compaction
  }

  /** Answers whether the segment is at its end. */
  async #copyPortion(compaction: Compaction, budgetBytes: number): Promise<boolean> {
    // Cleared or failed while this waited for its turn.
    if (this.#compaction !== compaction || this.#state !== 'ready' || this.#at === undefined) return false
    try {
      const { batches, isDone } = await compaction.portion(budgetBytes)
      if (batches.length > 0) {
        const { segment, at } = await this.#appendFrame('copied', { ...this.#at, caughtUpMs: this.#caughtUpMs }, batches)
        // The batches lie one behind the other, in memory as in the file.
        this.#index.moveCopied(compaction.copied, compaction.source, segment, at)
      }
      return isDone
    } catch (error) {
      throw this.#fail(`segment ${compaction.source.id} could not be compacted`, error)
    }
  }

  /** The copy in one turn: the index and the log belong together then. The writing beside everything else. */
  async #writeSnapshot(): Promise<void> {
    await this.#snapshots.write(await this.#turn.run(async () => this.#copyIndex()))
    await this.#options.failpoint('store.snapshot.written')
  }

  #copyIndex(): Buffer | undefined {
    return this.#state === 'ready' && this.#at !== undefined ? this.#snapshots.copy(this.#log, this.#index, this.#at.position) : undefined
  }

  async #sync(): Promise<void> {
    try {
      await this.#log.sync()
    } catch (error) {
      throw this.#fail('its file could not be synced', error)
    }
  }

  #checkReady(): void {
    if (this.#state === 'closed') throw this.#closedError()
    if (this.#state === 'failed') throw new StoreFailedError(this.name, 'an earlier write failed', this.#failure)
  }

  #fail(reason: string, cause: unknown): StoreFailedError {
    if (cause instanceof StoreFailedError) return cause
    if (this.#state === 'ready') this.#state = 'failed'
    this.#failure = cause
    this.#compaction = undefined
    return new StoreFailedError(this.name, reason, cause)
  }

  #closedError(): Error {
    return new Error(`store ${this.name} was used after it had been closed; open it again`)
  }
}

function withDefaults(options: LogStoreOptions): Required<LogStoreOptions> {
  const { prefixBytes = 0, segmentBytes = DEFAULT_SEGMENT_BYTES } = options
  if (!Number.isInteger(prefixBytes) || prefixBytes < 0 || prefixBytes > MAX_PREFIX_BYTES) {
    throw new RangeError(`store ${options.name}: prefixBytes is ${prefixBytes}, expected a whole number from 0 to ${MAX_PREFIX_BYTES}`)
  }
  if (!(segmentBytes > 0 && segmentBytes <= MAX_SEGMENT_BYTES))
    throw new RangeError(`store ${options.name}: segmentBytes is ${segmentBytes}, expected 1 to ${MAX_SEGMENT_BYTES}`)
  return {
    memoryBudgetBytes: DEFAULT_MEMORY_BUDGET_BYTES,
    deadShare: 0.6,
    snapshotBytes: DEFAULT_SNAPSHOT_BYTES,
    snapshotPerIndexByte: 2,
    failpoint: noFailpoint,
    ...options,
    prefixBytes,
    segmentBytes,
  }
}

/** By base offset: within one call, batches may come in any order. */
function ascending(batches: readonly ChangelogBatch[]): readonly ChangelogBatch[] {
  for (let i = 1; i < batches.length; i++) {
    if ((batches[i] as ChangelogBatch).baseOffset < (batches[i - 1] as ChangelogBatch).baseOffset)
      return [...batches].sort((a, b) => a.baseOffset - b.baseOffset)
  }
  return batches
}
