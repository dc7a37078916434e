import { BatchCursor } from '../records/batch-cursor.ts'
import { ByteView } from '../records/byte-view.ts'
import { CorruptBatchError } from '../records/corrupt-batch-error.ts'
import { CAUGHT_UP_INTERVAL_MS, type ChangelogBatch, type StateStore, type StoreManifest } from './state-store.ts'

const MANIFEST: StoreManifest = { ordered: false, checksummed: true, survives: 'nothing' }

interface Entry {
  readonly key: Buffer
  readonly value: Buffer
  readonly timestamp: number
}

/** A change that was read from a batch and not yet applied; without an entry it is a tombstone. */
interface Change {
  readonly name: string
  readonly entry: Entry | undefined
}

/** A store that keeps its state in a map and nothing on the disk: each start rebuilds it from the changelog. For small states, tests and simulations. */
export class MemoryStore implements StateStore {
  readonly name: string
  readonly manifest: StoreManifest = MANIFEST
  position: number | undefined
  positionEpoch: number | undefined
  lastCaughtUpMs: number | undefined
  readonly #prefixBytes: number
  /** By the key's bytes, one character a byte. */
  readonly #entries = new Map<string, Entry>()
  readonly #cursor = new BatchCursor()
  readonly #key = new ByteView()
  readonly #value = new ByteView()
  #isClosed = false
  #bytes = 0

  constructor(options: { name: string; prefixBytes?: number }) {
    this.name = options.name
    this.#prefixBytes = options.prefixBytes ?? 0
  }

  get size(): number {
    return this.#entries.size
  }

  get sizeBytes(): number {
    return this.#bytes
  }

  get(key: ByteView, _hash: number, into: ByteView): boolean {
    const entry = this.#entries.get(nameOf(key))
    if (entry === undefined) return false
    into.set(entry.value, 0, entry.value.length)
    return true
  }

  peek(key: ByteView, hash: number, into: ByteView): boolean {
    if (!this.get(key, hash, into)) return false
    if (this.#prefixBytes > 0) into.end = Math.min(into.end, this.#prefixBytes)
    return true
  }

  async apply(batches: readonly ChangelogBatch[], position: number, positionEpoch: number | undefined): Promise<void> {
    if (this.#isClosed) throw new Error(`store ${this.name} was used after it had been closed; open it again`)
    const from = this.position ?? 0
    if (position < from)
      throw new RangeError(
        `store ${this.name} is at changelog offset ${from} and was to be moved back to ${position}; clear it if the changelog has been replaced`,
      )
    // All of it is read before any of it is applied: a batch that is not sound must leave nothing behind.
    const changes: Change[] = []
    for (const batch of [...batches].sort((a, b) => a.baseOffset - b.baseOffset)) this.#read(batch, { from, below: position }, changes)
    for (const { name, entry } of changes) {
      this.#bytes += sizeOf(entry) - sizeOf(this.#entries.get(name))
      if (entry === undefined) this.#entries.delete(name)
      else this.#entries.set(name, entry)
    }
    this.position = position
    this.positionEpoch = positionEpoch === undefined || positionEpoch < 0 ? undefined : positionEpoch
  }

  forEach(visit: (key: ByteView, prefix: ByteView) => void): void {
    for (const { key, value } of this.#entries.values())
      visit(this.#key.set(key, 0, key.length), this.#value.set(value, 0, Math.min(this.#prefixBytes, value.length)))
  }

  entries(visit: (key: ByteView, value: ByteView, timestamp: number) => void): void {
    for (const { key, value, timestamp } of this.#entries.values()) visit(this.#key.set(key, 0, key.length), this.#value.set(value, 0, value.length), timestamp)
  }

  async caughtUp(nowMs: number): Promise<void> {
    const last = this.lastCaughtUpMs
    if (last === undefined || nowMs < last || nowMs - last >= CAUGHT_UP_INTERVAL_MS) this.lastCaughtUpMs = nowMs
  }

  async housekeep(): Promise<void> {}

  async clear(): Promise<void> {
    this.#entries.clear()
    this.#bytes = 0
    this.position = undefined
    this.positionEpoch = undefined
    this.lastCaughtUpMs = undefined
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.#isClosed = true
  }

  #read(batch: ChangelogBatch, offsets: { from: number; below: number }, changes: Change[]): void {
    const cursor = this.#cursor
    const { key, value } = cursor
    cursor.reset(batch.bytes, batch.start, batch.end)
    if (!cursor.nextBatch() || cursor.batchEnd !== batch.end)
      throw new CorruptBatchError(batch.baseOffset, `found ${batch.end - batch.start} bytes, expected exactly one batch`)
    if (cursor.isControl) return
    const shift = batch.baseOffset - cursor.baseOffset
    while (cursor.nextRecord()) {
      const offset = cursor.offset + shift
      if (offset < offsets.from || !cursor.hasKey) continue
      if (offset >= offsets.below)
        throw new RangeError(
          `store ${this.name} was given a record at offset ${offset}, at or beyond the position ${offsets.below} that it was to have afterwards`,
        )
      const entry = cursor.hasValue ? { key: key.copy(), value: value.copy(), timestamp: cursor.timestamp } : undefined
      changes.push({ name: nameOf(key), entry })
    }
  }
}

function nameOf(key: ByteView): string {
  return key.buffer.toString('latin1', key.start, key.end)
}

function sizeOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : entry.key.length + entry.value.length
}
