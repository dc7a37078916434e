import type { ByteView } from '../records/byte-view.ts'

/**
 * A state store of one task, at the level of bytes: a local copy of one changelog partition. It holds what is committed, never more, and knows which changelog
 * offset it holds; what it lacks is read from the changelog again.
 *
 * `hash` is always murmur2 of the key bytes, the number that the partitioner uses. Calls that answer a promise run one behind the other, in call order.
 */
export interface StateStore {
  readonly name: string
  readonly manifest: StoreManifest
  /** The next changelog offset to read: everything below it is in the store. `undefined`: empty, never restored. */
  readonly position: number | undefined
  /** Leader epoch of the last batch that was applied, `undefined` if it is not known. */
  readonly positionEpoch: number | undefined
  /** Live keys. */
  readonly size: number
  /** What it takes of the disk, or, where it keeps nothing there, of memory. */
  readonly sizeBytes: number
  /** What was found damaged when the store was opened, for people; `undefined`: nothing. Its position has fallen back with what was lost. */
  readonly damage?: string | undefined
  /** When the store last held its whole changelog, as told by `caughtUp`. It falls back with the position. */
  readonly lastCaughtUpMs: number | undefined
  /** The value of a key in the committed state. `into` is valid until the next call. */
  get(key: ByteView, hash: number, into: ByteView): boolean
  /** The first `prefixBytes` bytes of the value, from memory; the whole value where the store was opened with `prefixBytes` 0. `into` is valid until the next call. */
  peek(key: ByteView, hash: number, into: ByteView): boolean
  /**
   * Applies batches of the changelog as one unit: all of it is in the store afterwards, or nothing. Records below the store's position are in it already and are
   * left out. The bytes must not change until the promise resolves. Control batches are passed over; batches of aborted transactions must not be given.
   * @throws StoreFailedError if the batches could not be stored: nothing of what was applied before is lost, reads go on, and every further `apply` fails until the
   * store is opened again or cleared.
   * @throws CorruptBatchError if a batch is not whole; nothing has been stored.
   */
  apply(batches: readonly ChangelogBatch[], position: number, positionEpoch: number | undefined): Promise<void>
  /** Visits every live key with the value's prefix (empty where the store was opened with `prefixBytes` 0). The order means nothing; the views are valid during the visit. */
  forEach(visit: (key: ByteView, prefix: ByteView) => void): void
  /** Visits every live key with its value and the record's timestamp. It reads everything: for checks, not for the data path. */
  entries(visit: (key: ByteView, value: ByteView, timestamp: number) => void): void
  /** Records that the store held its whole changelog at this time; kept at most once a minute. */
  caughtUp(nowMs: number): Promise<void>
  /** Does a portion of the compaction that is due, if any: about `budgetBytes` of old data are worked through. */
  housekeep(budgetBytes: number): Promise<void>
  /** Removes everything; the position is `undefined` afterwards. */
  clear(): Promise<void>
  /** Makes what was applied survive a power cut. */
  flush(): Promise<void>
  /** Flushes and releases the files, in this order; the files also where the flush fails (StoreFailedError). Calling it again does nothing. */
  close(): Promise<void>
}

/** One whole RecordBatch (v2), live as produced or fetched. The base offset in the bytes may be 0: `baseOffset` counts. */
export interface ChangelogBatch {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly baseOffset: number
}

/** What a store promises. The contract suite and the crash suite test what is promised. */
export interface StoreManifest {
  /** Whether keys can be visited in order. */
  readonly ordered: boolean
  /** Whether bytes that changed on the disk are found and never served as state. */
  readonly checksummed: boolean
  /**
   * What the store survives. `process-crash`: it holds every applied commit after `kill -9`, but has to be rebuilt after a power cut. `power-cut`: the same, and after a
   * power cut it holds a prefix of the applied commits, and its position says which. `nothing`: it is empty after each start.
   */
  readonly survives: 'process-crash' | 'power-cut' | 'nothing'
}

/** A store could not take what was applied. Recovery: close this store, open it again and restore it from its position; nothing committed is lost. */
export class StoreFailedError extends Error {
  override readonly name = 'StoreFailedError'
  readonly store: string

  constructor(store: string, reason: string, cause: unknown) {
    super(
      `state store ${store} has failed: ${reason}: ${cause instanceof Error ? cause.message : String(cause)}. It takes nothing more until it is opened again; what was applied before is still there`,
      { cause },
    )
    this.store = store
  }
}

/** `caughtUp` writes at most this often. */
export const CAUGHT_UP_INTERVAL_MS = 60_000
