import type { ByteView } from '../../records/byte-view.ts'

const CHUNK_BYTES = 1 << 20
const CHUNK_WORD_BITS = 18
const CHUNK_WORD_MASK = (1 << CHUNK_WORD_BITS) - 1
/** Value length (4 bytes), key length (2 bytes); then the prefix, then the key. */
const KEY_LENGTH = 4
const HEADER_BYTES = 6
/** Longer keys are left in the file: they are rare, and an entry has to fit into a chunk. */
export const MAX_ARENA_KEY_BYTES = 1024
export const MAX_PREFIX_BYTES = 24
const SIZE_CLASSES = Math.ceil((HEADER_BYTES + MAX_PREFIX_BYTES + MAX_ARENA_KEY_BYTES) / 4) + 1

/** How much of an arena is in use: what its pieces are made of. */
export interface ArenaLayout {
  readonly words: number
  readonly chunks: number
}

/**
 * Keys, value lengths and value prefixes, packed into chunks outside of the heap. Entries are named by the number of their first word (4 bytes); 0 names none. An entry
 * never moves: the index grows without touching it. Space of removed entries is used again for entries of the same size.
 */
export class KeyArena {
  readonly prefixBytes: number
  readonly #chunks: Buffer[] = []
  readonly #words: Int32Array[] = []
  readonly #free = new Int32Array(SIZE_CLASSES)
  /** Words in use of all chunks, gaps at their ends included; word 0 is never used. */
  #next = 1

  constructor(prefixBytes: number) {
    this.prefixBytes = prefixBytes
  }

  get sizeBytes(): number {
    return this.#chunks.length * CHUNK_BYTES
  }

  get usedBytes(): number {
    return this.#next * 4
  }

  layout(): ArenaLayout {
    return { words: this.#next, chunks: this.#chunks.length }
  }

  /** All that it holds, as it lies in memory. */
  pieces(): Uint8Array[] {
    return [bytesOf(this.#free), ...this.#chunks.map((chunk, at) => chunk.subarray(0, usedBytes(this.#next, at)))]
  }

  /** Fills an arena that is empty yet with the pieces of another. */
  load({ words, chunks }: ArenaLayout, fill: (piece: Uint8Array) => void): void {
    fill(bytesOf(this.#free))
    for (let at = 0; at < chunks; at++) fill(this.#addChunk().subarray(0, usedBytes(words, at)))
    this.#next = words
  }

  /** The key is copied; length and prefix of the value are still to be set. */
  add(buffer: Buffer, keyStart: number, keyEnd: number): number {
    const keyLength = keyEnd - keyStart
    const ref = this.#allocate(this.#wordsFor(keyLength))
    const chunk = this.#chunkOf(ref)
    const at = byteOf(ref)
    chunk[at + KEY_LENGTH] = keyLength & 255
    chunk[at + KEY_LENGTH + 1] = keyLength >>> 8
    let to = at + HEADER_BYTES + this.prefixBytes
    for (let i = keyStart; i < keyEnd; i++) chunk[to++] = buffer[i] as number
    return ref
  }

  remove(ref: number): void {
    const words = this.#wordsFor(this.#keyLength(ref))
    this.#setWord(ref, this.#free[words] as number)
    this.#free[words] = ref
  }

  isKey(ref: number, buffer: Buffer, keyStart: number, keyEnd: number): boolean {
    const chunk = this.#chunkOf(ref)
    const at = byteOf(ref)
    const length = (chunk[at + KEY_LENGTH] as number) | ((chunk[at + KEY_LENGTH + 1] as number) << 8)
    if (length !== keyEnd - keyStart) return false
    for (let i = keyStart, j = at + HEADER_BYTES + this.prefixBytes; i < keyEnd; i++, j++) if (buffer[i] !== chunk[j]) return false
    return true
  }

  setValue(ref: number, buffer: Buffer, valueStart: number, valueEnd: number): void {
    this.#setWord(ref, valueEnd - valueStart)
    if (this.prefixBytes === 0) return
    const chunk = this.#chunkOf(ref)
    const end = Math.min(valueEnd, valueStart + this.prefixBytes)
    for (let i = valueStart, to = byteOf(ref) + HEADER_BYTES; i < end; i++) chunk[to++] = buffer[i] as number
  }

  valueLength(ref: number): number {
    return this.#words[ref >>> CHUNK_WORD_BITS]?.[ref & CHUNK_WORD_MASK] ?? 0
  }

  /** Sets the view to the prefix, of a shorter value to all of it. */
  prefix(ref: number, into: ByteView): void {
    const start = byteOf(ref) + HEADER_BYTES
    into.set(this.#chunkOf(ref), start, start + Math.min(this.prefixBytes, this.valueLength(ref)))
  }

  key(ref: number, into: ByteView): void {
    const start = byteOf(ref) + HEADER_BYTES + this.prefixBytes
    into.set(this.#chunkOf(ref), start, start + this.#keyLength(ref))
  }

  #keyLength(ref: number): number {
    const chunk = this.#chunkOf(ref)
    const at = byteOf(ref) + KEY_LENGTH
    return (chunk[at] as number) | ((chunk[at + 1] as number) << 8)
  }

  #wordsFor(keyLength: number): number {
    return (HEADER_BYTES + this.prefixBytes + keyLength + 3) >>> 2
  }

  #allocate(words: number): number {
    const free = this.#free[words] as number
    if (free !== 0) {
      this.#free[words] = this.valueLength(free)
      return free
    }
    if ((this.#next & CHUNK_WORD_MASK) + words > CHUNK_WORD_MASK + 1) this.#next = (this.#next | CHUNK_WORD_MASK) + 1
    const ref = this.#next
    if (ref >>> CHUNK_WORD_BITS === this.#chunks.length) this.#addChunk()
    this.#next += words
    return ref
  }

  #addChunk(): Buffer {
    // Filled with zeros: its gaps go into snapshots, and the memory of others is not to be seen there.
    const chunk = Buffer.alloc(CHUNK_BYTES)
    this.#chunks.push(chunk)
    this.#words.push(new Int32Array(chunk.buffer, chunk.byteOffset, CHUNK_BYTES / 4))
    return chunk
  }

  #setWord(ref: number, value: number): void {
    const words = this.#words[ref >>> CHUNK_WORD_BITS]
    if (words !== undefined) words[ref & CHUNK_WORD_MASK] = value
  }

  #chunkOf(ref: number): Buffer {
    // Refs come from `add` only.
    return this.#chunks[ref >>> CHUNK_WORD_BITS] as Buffer
  }
}

export function arenaImageBytes({ words, chunks }: ArenaLayout): number {
  let bytes = SIZE_CLASSES * 4
  for (let at = 0; at < chunks; at++) bytes += usedBytes(words, at)
  return bytes
}

export function bytesOf(words: Int32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}

/** Of the chunk number `at`, where so many words are in use of all. */
function usedBytes(words: number, at: number): number {
  return Math.min(CHUNK_BYTES, words * 4 - at * CHUNK_BYTES)
}

function byteOf(ref: number): number {
  return (ref & CHUNK_WORD_MASK) << 2
}
