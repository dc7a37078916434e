import type { KeyValueAccess } from '../engine/processor.ts'
import { ByteView } from '../records/byte-view.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { DueBuckets } from './due-buckets.ts'
import type { TradeInput } from './trade-input.ts'
import type { TradeRulesSettings } from './trade-rules-settings.ts'
import { TRADE_PREFIX_BYTES, TradeEntry } from './trade-state.ts'

/** Slots that a retention is divided into: as late as a slot is long, what is past its time leaves the store. Until then it is overlooked. */
const SLOTS = 1024

/**
 * The store `trades`, and what falls due in it. It is used for one trade at a time: `find` it, look at `entry`, and, if it changes, write the new value, which
 * begins with `begin` and ends with `put`.
 */
export class TradeTable {
  /** The trade that was found, as it is in the store, less what is past its time. */
  readonly entry = new TradeEntry()
  /** By maturity day: trades that are live and not expired. */
  readonly maturities: DueBuckets
  /** By slot: deleted trades. */
  readonly memories: DueBuckets
  /** By slot: repair cases. */
  readonly cases: DueBuckets
  readonly #store: KeyValueAccess
  readonly #deleteMemoryMs: number
  readonly #repairRetentionMs: number
  readonly #writer = new ByteWriter()
  readonly #value = new ByteView()
  readonly #prefix = new ByteView()
  /** For looks at other trades than the one that was found. */
  readonly #other = new TradeEntry()
  #jsonEnd = 0
  #forgot = false

  constructor(store: KeyValueAccess, { deleteMemoryMs, repairRetentionMs }: TradeRulesSettings) {
    this.#store = store
    this.#deleteMemoryMs = deleteMemoryMs
    this.#repairRetentionMs = repairRetentionMs
    this.maturities = new DueBuckets((key) => (this.#peek(key) && awaitsMaturity(this.#other) ? this.#other.maturityDay : undefined))
    this.memories = new DueBuckets((key) => (this.#peek(key) && this.#other.deleted ? this.#memorySlot(this.#other.deletedAtMs) : undefined))
    this.cases = new DueBuckets((key) => (this.#peek(key) && this.#other.hasCase ? this.#caseSlot(this.#other.refusedAtMs) : undefined))
    store.watch((key, prefix) => this.#watched(key, prefix))
  }

  /** Looks at what decisions need, from memory. */
  find(input: TradeInput): TradeEntry {
    const { key, hash, nowMs } = input
    const { entry } = this
    this.#forgot = false
    if (key === undefined || !this.#store.peekHashed(key, hash, this.#prefix)) return entry.clear()
    entry.read(this.#prefix)
    if (entry.deleted && nowMs - entry.deletedAtMs >= this.#deleteMemoryMs) {
      this.#forgot = true
      entry.deleted = false
      entry.version = 0
    }
    if (entry.hasCase && nowMs - entry.refusedAtMs >= this.#repairRetentionMs) {
      this.#forgot = true
      entry.hasCase = false
    }
    return entry
  }

  /** The trade that was found holds something that is past its time. */
  get forgot(): boolean {
    return this.#forgot
  }

  /** The whole value of the trade that was found; valid until the next call to the store. */
  value(input: TradeInput): ByteView {
    if (input.key === undefined || !this.#store.getHashed(input.key, input.hash, this.#value))
      throw new Error('store trades: a value that could be peeked at is not there')
    return this.#value
  }

  /** Begins a new value: the trade's JSON goes into the writer that is answered. */
  begin(): ByteWriter {
    this.#writer.reset()
    this.#writer.ensure(TRADE_PREFIX_BYTES)
    this.#writer.position = TRADE_PREFIX_BYTES
    this.#jsonEnd = TRADE_PREFIX_BYTES
    return this.#writer
  }

  /** The JSON has been written; a repair case may follow. */
  endJson(): void {
    this.#jsonEnd = this.#writer.position
  }

  /** The JSON of the value that was begun. */
  json(into: ByteView): ByteView {
    return into.set(this.#writer.buffer, TRADE_PREFIX_BYTES, this.#jsonEnd)
  }

  /** Ends the value and writes it. `next`: what its prefix says; the length of the case is filled in. */
  put(input: TradeInput, next: TradeEntry): void {
    const { key, hash, timestamp } = input
    if (key === undefined) throw new Error('a trade without a key is never stored')
    next.caseBytes = this.#writer.position - this.#jsonEnd
    next.write(this.#writer.buffer, 0)
    this.#store.putHashed(key, hash, this.#writer.into(this.#value), timestamp)
    this.#track(key, next, input.hasSource)
  }

  delete(input: TradeInput): void {
    if (input.key !== undefined) this.#store.deleteHashed(input.key, input.hash, input.timestamp)
  }

  /** The latest slot whose deletes are all past their time. */
  memorySlotDue(nowMs: number): number {
    return this.#memorySlot(nowMs - this.#deleteMemoryMs) - 1
  }

  caseSlotDue(nowMs: number): number {
    return this.#caseSlot(nowMs - this.#repairRetentionMs) - 1
  }

  /** Keeps the buckets in step with what was written over `entry`. `byRecord` false: by a punctuation, which has taken the key out of its bucket. */
  #track(key: ByteView, next: TradeEntry, byRecord: boolean): void {
    const { entry } = this
    const awaited = awaitsMaturity(entry)
    const awaits = awaitsMaturity(next)
    if (awaits && !awaited) this.maturities.add(next.maturityDay, key)
    else if (awaits && next.maturityDay < entry.maturityDay) this.maturities.addAgain(next.maturityDay, key)
    else if (awaited && !awaits && byRecord) this.maturities.stale(entry.maturityDay)
    if (next.deleted && !(entry.deleted && entry.deletedAtMs === next.deletedAtMs)) this.memories.add(this.#memorySlot(next.deletedAtMs), key)
    else if (entry.deleted && !next.deleted) this.memories.stale(this.#memorySlot(entry.deletedAtMs))
    const sameCase = entry.hasCase && next.hasCase && entry.refusedAtMs === next.refusedAtMs
    if (entry.hasCase && !sameCase) this.cases.stale(this.#caseSlot(entry.refusedAtMs))
    if (next.hasCase && !sameCase) this.cases.add(this.#caseSlot(next.refusedAtMs), key)
  }

  #watched(key: ByteView, prefix: ByteView): void {
    const found = this.#other.read(prefix)
    if (awaitsMaturity(found)) this.maturities.add(found.maturityDay, key)
    if (found.deleted) this.memories.add(this.#memorySlot(found.deletedAtMs), key)
    if (found.hasCase) this.cases.add(this.#caseSlot(found.refusedAtMs), key)
  }

  #peek(key: ByteView): boolean {
    if (!this.#store.peek(key, this.#prefix)) return false
    this.#other.read(this.#prefix)
    return true
  }

  #memorySlot(ms: number): number {
    return Math.floor((ms / this.#deleteMemoryMs) * SLOTS)
  }

  #caseSlot(ms: number): number {
    return Math.floor((ms / this.#repairRetentionMs) * SLOTS)
  }
}

function awaitsMaturity(entry: TradeEntry): boolean {
  return entry.live && !entry.expired
}
