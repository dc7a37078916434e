import type { ByteView } from '../../records/byte-view.ts'
import { type ArenaLayout, arenaImageBytes, bytesOf, KeyArena, MAX_ARENA_KEY_BYTES } from './key-arena.ts'

/**
 * The index is split by the highest bits of the hash, so that growing never touches more than one part: 3 ms for a part of 160,000 keys, where the whole index of 5 million
 * keys would hold up the event loop for 90.
 */
const PART_BITS = 5
const INITIAL_SLOT_BITS = 4
const MAX_LOAD = 0.7
/** Words of a slot: mixed hash, arena entry (0: the key is in the file only), segment tag (0: the slot is free), position in the segment. */
const SLOT_WORDS = 4
const ENTRY = 1
const TAG = 2
const POSITION = 3

/** Sizes of what an index is made of. */
export interface IndexLayout {
  /** Of each part: keys, and words of its slots. */
  readonly parts: readonly { readonly size: number; readonly words: number }[]
  readonly arena: ArenaLayout
}

/** Of all pieces together; -1 for a layout of another release. */
export function imageBytes({ parts, arena }: IndexLayout): number {
  return parts.length === 1 << PART_BITS ? parts.reduce((bytes, { words }) => bytes + words * 4, arenaImageBytes(arena)) : -1
}

/** Looks at a record in a segment whose key is not in memory. Answers the length of the value if it is the key's, else `undefined`. */
export type KeyInFile = (tag: number, position: number, buffer: Buffer, keyStart: number, keyEnd: number) => number | undefined

export interface KeyIndexOptions {
  readonly prefixBytes: number
  /** Beyond it, new keys stay in the file. */
  readonly memoryBudgetBytes: number
  readonly keyInFile: KeyInFile
}

/**
 * Where the newest record of each key is: open addressing in typed arrays, 16 bytes a slot, keys in an arena. Above the memory budget, and for very long keys, the key is not copied:
 * it is compared in the file where all 32 bits of the hash agree. That costs one read for each look-up of such a key, and next to none for keys that are not there.
 *
 * An entry with its key in the arena has the position of its value; one without has the position of its key's length in the record, from which key and value can be read.
 * `find` and `put` leave what they found in the fields.
 */
export class KeyIndex {
  readonly arena: KeyArena
  size = 0
  /** Of the entry that was found (by `put` and `remove`: of the one that was replaced). */
  entry = 0
  tag = 0
  position = 0
  valueLength = 0
  readonly #parts: Part[] = []
  readonly #budgetBytes: number
  readonly #keyInFile: KeyInFile
  #slotBytes = 0

  constructor(options: KeyIndexOptions) {
    this.arena = new KeyArena(options.prefixBytes)
    this.#budgetBytes = options.memoryBudgetBytes
    this.#keyInFile = options.keyInFile
    for (let i = 0; i < 1 << PART_BITS; i++) this.#parts.push(new Part())
    this.#slotBytes = this.#parts.length * ((SLOT_WORDS * 4) << INITIAL_SLOT_BITS)
  }

  get indexBytes(): number {
    return this.#slotBytes
  }

  layout(): IndexLayout {
    return { parts: this.#parts.map(({ size, slots }) => ({ size, words: slots.length })), arena: this.arena.layout() }
  }

  /** All that it holds, as it lies in memory. */
  pieces(): Uint8Array[] {
    return [...this.#parts.map(({ slots }) => bytesOf(slots)), ...this.arena.pieces()]
  }

  /** Fills an index that is empty yet with the pieces of another. `tags`: by the tag of a segment there, its tag here. */
  load({ parts, arena }: IndexLayout, fill: (piece: Uint8Array) => void, tags: readonly number[]): void {
    const isSame = tags.every((tag, before) => tag === before)
    for (const [at, { size, words }] of parts.entries()) {
      const part = this.#parts[at] as Part
      this.#slotBytes += part.resize(words)
      fill(bytesOf(part.slots))
      part.size = size
      this.size += size
      if (!isSame) for (let slot = TAG; slot < words; slot += SLOT_WORDS) part.slots[slot] = tags[part.slots[slot] as number] as number
    }
    this.arena.load(arena, fill)
  }

  find(mixed: number, buffer: Buffer, keyStart: number, keyEnd: number): boolean {
    const part = this.#partOf(mixed)
    return this.#seek(part, mixed, buffer, keyStart, keyEnd) !== FREE
  }

  /** Whether an entry points to this very record. The key need not be looked at: no two records are in the same place. */
  pointsTo(mixed: number, place: RecordPlace): boolean {
    const part = this.#partOf(mixed)
    return seekPlace(part, mixed, place) !== FREE
  }

  /** Points the entry that points to `from`, if there is one, to a copy of that record. */
  repoint(mixed: number, from: RecordPlace, to: RecordPlace): void {
    const part = this.#partOf(mixed)
    const slot = seekPlace(part, mixed, from)
    if (slot === FREE) return
    part.slots[slot + TAG] = to.tag
    part.slots[slot + POSITION] = part.slots[slot + ENTRY] === 0 ? to.keyPosition : to.valuePosition
  }

  /** Brings the key's slot into the processor's cache. Called for all keys of a batch first, the misses overlap. */
  touch(mixed: number): number {
    const part = this.#partOf(mixed)
    return part.slots[part.home(mixed)] as number
  }

  /** Points the key to a record. Answers whether it replaced one. */
  put(mixed: number, record: IndexedRecord): boolean {
    const { buffer, keyStart, keyEnd } = record
    const part = this.#partOf(mixed)
    const slot = this.#seek(part, mixed, buffer, keyStart, keyEnd)
    if (slot !== FREE) {
      this.#point(part.slots, slot, this.entry, record)
      return true
    }
    const fits = keyEnd - keyStart <= MAX_ARENA_KEY_BYTES && this.#slotBytes + this.arena.sizeBytes < this.#budgetBytes
    const entry = fits ? this.arena.add(buffer, keyStart, keyEnd) : 0
    const free = part.freeSlot(mixed)
    part.slots[free] = mixed
    part.slots[free + ENTRY] = entry
    this.#point(part.slots, free, entry, record)
    part.size++
    this.size++
    if (part.isFull()) this.#slotBytes += part.grow()
    return false
  }

  /** Answers whether the key was there. */
  remove(mixed: number, buffer: Buffer, keyStart: number, keyEnd: number): boolean {
    const part = this.#partOf(mixed)
    const slot = this.#seek(part, mixed, buffer, keyStart, keyEnd)
    if (slot === FREE) return false
    if (this.entry !== 0) this.arena.remove(this.entry)
    part.remove(slot)
    this.size--
    return true
  }

  /** Visits all entries; the fields say what they are. */
  forEach(visit: (entry: number, tag: number, position: number) => void): void {
    for (const { slots } of this.#parts) {
      for (let slot = 0; slot < slots.length; slot += SLOT_WORDS) {
        if (slots[slot + TAG] !== 0) visit((slots[slot + ENTRY] as number) >>> 0, slots[slot + TAG] as number, (slots[slot + POSITION] as number) >>> 0)
      }
    }
  }

  /** The value's prefix of the entry that was found, from memory. */
  prefix(into: ByteView): void {
    this.arena.prefix(this.entry, into)
  }

  #partOf(mixed: number): Part {
    return this.#parts[mixed >>> (32 - PART_BITS)] as Part
  }

  #seek(part: Part, mixed: number, buffer: Buffer, keyStart: number, keyEnd: number): number {
    const { slots } = part
    for (let slot = part.home(mixed); slots[slot + TAG] !== 0; slot = part.after(slot)) {
      if (slots[slot] !== mixed) continue
      const entry = (slots[slot + ENTRY] as number) >>> 0
      const tag = slots[slot + TAG] as number
      const position = (slots[slot + POSITION] as number) >>> 0
      if (entry !== 0) {
        if (!this.arena.isKey(entry, buffer, keyStart, keyEnd)) continue
        this.valueLength = this.arena.valueLength(entry)
      } else {
        const valueLength = this.#keyInFile(tag, position, buffer, keyStart, keyEnd)
        if (valueLength === undefined) continue
        this.valueLength = valueLength
      }
      this.entry = entry
      this.tag = tag
      this.position = position
      return slot
    }
    return FREE
  }

  #point(slots: Int32Array, slot: number, entry: number, record: IndexedRecord): void {
    slots[slot + TAG] = record.tag
    slots[slot + POSITION] = entry === 0 ? record.keyPosition : record.valuePosition
    if (entry !== 0) this.arena.setValue(entry, record.buffer, record.valueStart, record.valueEnd)
  }
}

/** Where a record is: in which segment, and the positions there of its key's length (a varint) and of its value's first byte. */
export interface RecordPlace {
  tag: number
  keyPosition: number
  valuePosition: number
}

/** A record on its way into the index: its bytes in memory, and its place. One object is used again and again. */
export interface IndexedRecord extends RecordPlace {
  buffer: Buffer
  keyStart: number
  keyEnd: number
  valueStart: number
  valueEnd: number
}

const FREE = -1

function seekPlace(part: Part, mixed: number, { tag, keyPosition, valuePosition }: RecordPlace): number {
  const { slots } = part
  for (let slot = part.home(mixed); slots[slot + TAG] !== 0; slot = part.after(slot)) {
    if (slots[slot] !== mixed || slots[slot + TAG] !== tag) continue
    if ((slots[slot + POSITION] as number) >>> 0 === (slots[slot + ENTRY] === 0 ? keyPosition : valuePosition)) return slot
  }
  return FREE
}

/** One open-addressed table with linear probing. Slots are ordered by the hash, so that growing reads and writes in order. */
class Part {
  slots = new Int32Array(SLOT_WORDS << INITIAL_SLOT_BITS)
  size = 0
  #bits = INITIAL_SLOT_BITS
  #lastSlot = (SLOT_WORDS << INITIAL_SLOT_BITS) - SLOT_WORDS

  /** Where a key belongs; the highest bits have chosen the part. */
  home(mixed: number): number {
    return ((mixed << PART_BITS) >>> (32 - this.#bits)) * SLOT_WORDS
  }

  after(slot: number): number {
    return slot === this.#lastSlot ? 0 : slot + SLOT_WORDS
  }

  freeSlot(mixed: number): number {
    let slot = this.home(mixed)
    while (this.slots[slot + TAG] !== 0) slot = this.after(slot)
    return slot
  }

  isFull(): boolean {
    return this.size * SLOT_WORDS > this.slots.length * MAX_LOAD
  }

  /** Closes the gap by moving those forward that were pushed behind it: no markers of removed entries are left that would lengthen every search. */
  remove(slot: number): void {
    const { slots } = this
    let gap = slot
    for (let next = this.after(gap); slots[next + TAG] !== 0; next = this.after(next)) {
      const home = this.home(slots[next] as number)
      if (this.#distance(home, next) < this.#distance(gap, next)) continue
      slots.copyWithin(gap, next, next + SLOT_WORDS)
      gap = next
    }
    slots.fill(0, gap, gap + SLOT_WORDS)
    this.size--
  }

  /** Begins anew with so many words; answers how many bytes were added. */
  resize(words: number): number {
    const before = this.slots.length
    this.#bits = 31 - Math.clz32(words / SLOT_WORDS)
    this.slots = new Int32Array(words)
    this.#lastSlot = words - SLOT_WORDS
    return (words - before) * 4
  }

  /** Doubles the table; answers how many bytes were added. */
  grow(): number {
    const old = this.slots
    const addedBytes = this.resize(old.length * 2)
    const { slots } = this
    for (let slot = 0; slot < old.length; slot += SLOT_WORDS) {
      if (old[slot + TAG] === 0) continue
      const to = this.freeSlot(old[slot] as number)
      slots[to] = old[slot] as number
      slots[to + ENTRY] = old[slot + ENTRY] as number
      slots[to + TAG] = old[slot + TAG] as number
      slots[to + POSITION] = old[slot + POSITION] as number
    }
    return addedBytes
  }

  #distance(from: number, to: number): number {
    return to >= from ? to - from : to + this.slots.length - from
  }
}
