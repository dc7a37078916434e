import type { ByteView } from '../records/byte-view.ts'
import { mixHash } from './mix-hash.ts'

/** Where an overlay finds what was written: the changelog batch that is being built. `BatchBuilder` is one. */
export interface OverlaySource {
  /** May be replaced by a larger one while it grows: positions stay. */
  readonly buffer: Buffer
  /** Of the record that was appended last. */
  readonly lastKeyStart: number
  readonly lastKeyEnd: number
  readonly lastValueStart: number
  readonly lastValueEnd: number
  readonly lastHasValue: boolean
}

/** Words of an entry: mixed hash, key start, key end, value start, value end or -1 for a tombstone. */
const ENTRY_WORDS = 5
const TOMBSTONE = -1
/** Words of a slot: the generation that it was written in, number of the entry. */
const SLOT_WORDS = 2
const INITIAL_SLOTS = 256
const LAST_GENERATION = 0x7fffffff

/**
 * Uncommitted writes of one transaction to one store: a hash index on the positions of the records in the changelog batch that is being built. The bytes exist once,
 * in the batch. It is used again for the next transaction: slots carry the generation that they were written in, so that `clear` costs nothing.
 */
export class Overlay {
  #source: OverlaySource | undefined
  #slots = new Int32Array(INITIAL_SLOTS * SLOT_WORDS)
  #mask = INITIAL_SLOTS - 1
  #entries = new Int32Array((INITIAL_SLOTS / 2) * ENTRY_WORDS)
  #size = 0
  #generation = 1

  /** Keys that were written or deleted. */
  get size(): number {
    return this.#size
  }

  /** Takes up the record that was appended to the batch last. All records between two calls of `clear` are in the same batch. */
  put(hash: number, source: OverlaySource): void {
    if (source !== this.#source) {
      if (this.#size > 0) throw new Error('an overlay indexes one batch: clear it before it takes up records of another')
      this.#source = source
    }
    const mixed = mixHash(hash)
    const { lastKeyStart: keyStart, lastKeyEnd: keyEnd } = source
    const slot = this.#slotOf(mixed, source.buffer, keyStart, keyEnd)
    const entry = this.#isFree(slot) ? this.#claim(slot) : (this.#slots[slot + 1] ?? 0) * ENTRY_WORDS
    const entries = this.#entries
    entries[entry] = mixed
    entries[entry + 1] = keyStart
    entries[entry + 2] = keyEnd
    entries[entry + 3] = source.lastValueStart
    entries[entry + 4] = source.lastHasValue ? source.lastValueEnd : TOMBSTONE
    if (this.#size * 2 > this.#mask) this.#grow()
  }

  /** The value that was written last. `into` is valid until the next write. */
  get(key: ByteView, hash: number, into: ByteView): 'miss' | 'deleted' | 'found' {
    return this.peek(key, hash, LAST_GENERATION, into)
  }

  /** The same, of the value its first `prefixBytes` bytes. */
  peek(key: ByteView, hash: number, prefixBytes: number, into: ByteView): 'miss' | 'deleted' | 'found' {
    const source = this.#source
    if (source === undefined || this.#size === 0) return 'miss'
    const slot = this.#slotOf(mixHash(hash), key.buffer, key.start, key.end)
    if (this.#isFree(slot)) return 'miss'
    const entry = (this.#slots[slot + 1] ?? 0) * ENTRY_WORDS
    const valueStart = this.#entries[entry + 3] ?? 0
    const valueEnd = this.#entries[entry + 4] ?? 0
    if (valueEnd === TOMBSTONE) return 'deleted'
    into.set(source.buffer, valueStart, valueEnd - valueStart > prefixBytes ? valueStart + prefixBytes : valueEnd)
    return 'found'
  }

  /** Forgets everything. The batch that was indexed may be used for something else afterwards. */
  clear(): void {
    this.#source = undefined
    this.#size = 0
    this.#generation++
    if (this.#generation === LAST_GENERATION) {
      this.#slots.fill(0)
      this.#generation = 1
    }
  }

  #isFree(slot: number): boolean {
    return this.#slots[slot] !== this.#generation
  }

  #claim(slot: number): number {
    const entry = this.#size++
    this.#slots[slot] = this.#generation
    this.#slots[slot + 1] = entry
    return entry * ENTRY_WORDS
  }

  /** The slot of the key, or the free one where it belongs. */
  #slotOf(mixed: number, buffer: Buffer, keyStart: number, keyEnd: number): number {
    const slots = this.#slots
    const entries = this.#entries
    let at = mixed & this.#mask
    for (;;) {
      const slot = at * SLOT_WORDS
      if (slots[slot] !== this.#generation) return slot
      const entry = (slots[slot + 1] ?? 0) * ENTRY_WORDS
      if (entries[entry] === mixed && this.#isKey(entry, buffer, keyStart, keyEnd)) return slot
      at = (at + 1) & this.#mask
    }
  }

  #isKey(entry: number, buffer: Buffer, keyStart: number, keyEnd: number): boolean {
    const own = this.#source?.buffer
    const start = this.#entries[entry + 1] ?? 0
    if (own === undefined || (this.#entries[entry + 2] ?? 0) - start !== keyEnd - keyStart) return false
    for (let i = keyStart, j = start; i < keyEnd; i++, j++) if (buffer[i] !== own[j]) return false
    return true
  }

  #grow(): void {
    const slotCount = (this.#mask + 1) * 2
    const entries = new Int32Array((slotCount / 2) * ENTRY_WORDS + ENTRY_WORDS)
    entries.set(this.#entries.subarray(0, this.#size * ENTRY_WORDS))
    this.#entries = entries
    this.#slots = new Int32Array(slotCount * SLOT_WORDS)
    this.#mask = slotCount - 1
    this.#generation = 1
    for (let number = 0; number < this.#size; number++) {
      let at = (entries[number * ENTRY_WORDS] ?? 0) & this.#mask
      while (this.#slots[at * SLOT_WORDS] === this.#generation) at = (at + 1) & this.#mask
      this.#slots[at * SLOT_WORDS] = this.#generation
      this.#slots[at * SLOT_WORDS + 1] = number
    }
  }
}
