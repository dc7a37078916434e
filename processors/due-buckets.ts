import { ByteView } from '../records/byte-view.ts'

/** Keys that fall due at one time, in a chain of chunks. */
interface Bucket {
  /** First and last chunk of the chain. */
  head: number
  tail: number
  /** The next key to take lies at this position of the first chunk. */
  position: number
  /** Bytes used of the last chunk. */
  end: number
  entries: number
  /** How many of the entries may be of no use: done with, or there twice. */
  stale: number
}

/** Below this many useless entries a bucket is left as it is. */
const STALE_ALLOWED = 1024

/**
 * Keys by the time at which something is due for them, derived in memory from the state. A key for which something is due has an entry in that slot or in an
 * earlier one; entries may be out of date, or there twice. Who takes a key looks at the state then, and puts back what is due later: so a key that is put off costs nothing
 * when that happens (keeping every entry in its very slot was 7 % of a stream thread's time), and one look later.
 *
 * Entries that may be useless are counted; when they are more than half of a bucket it is swept, so a bucket is at most about twice as large as what is
 * due in it, at a cost of two look-ups for each of them.
 */
export class DueBuckets {
  readonly #dueSlot: (key: ByteView) => number | undefined
  readonly #buckets = new Map<number, Bucket>()
  readonly #chunks = new KeyChunks()
  readonly #key = new ByteView()
  #earliest = Number.POSITIVE_INFINITY

  /** `dueSlot`: when, by the state, something is due for this key; `undefined`: never. */
  constructor(dueSlot: (key: ByteView) => number | undefined) {
    this.#dueSlot = dueSlot
  }

  /** Entries in all buckets, stale ones too. */
  get size(): number {
    let size = 0
    for (const { entries } of this.#buckets.values()) size += entries
    return size
  }

  /** For a key that has no entry. */
  add(slot: number, key: ByteView): void {
    this.#append(this.#bucketOf(slot), key)
  }

  /** For a key that may have an entry in this slot, or in an earlier one, already: it was brought forward, or was taken too early. One that is put off needs nothing. */
  addAgain(slot: number, key: ByteView): void {
    this.#append(this.#bucketOf(slot), key)
    this.stale(slot)
  }

  /** One entry, of this slot or of an earlier one, has become useless. */
  stale(slot: number): void {
    const bucket = this.#buckets.get(slot)
    if (bucket === undefined) return
    bucket.stale++
    if (bucket.stale > STALE_ALLOWED && bucket.stale * 2 > bucket.entries) this.#sweep(slot, bucket)
  }

  /** Takes a key out of the earliest slot, if that is `lastSlot` or earlier. `into` is valid as long as it is not used for another. */
  take(lastSlot: number, into: ByteView): boolean {
    const slot = this.#earliest
    const bucket = slot <= lastSlot ? this.#buckets.get(slot) : undefined
    if (bucket === undefined) return false
    this.#readKey(bucket, into)
    if (bucket.entries === 0) this.#remove(slot)
    return true
  }

  /** Whether `take` would find a key. */
  hasDue(lastSlot: number): boolean {
    return this.#earliest <= lastSlot
  }

  #sweep(slot: number, bucket: Bucket): void {
    const swept = this.#newBucket()
    const seen = new Set<string>()
    while (bucket.entries > 0) {
      this.#readKey(bucket, this.#key)
      const text = this.#key.buffer.toString('latin1', this.#key.start, this.#key.end)
      const dueSlot = seen.has(text) ? undefined : this.#dueSlot(this.#key)
      seen.add(text)
      // What is due earlier has an entry there.
      if (dueSlot === undefined || dueSlot < slot) continue
      const target = dueSlot === slot ? swept : this.#bucketOf(dueSlot)
      if (target !== swept) target.stale++
      this.#append(target, this.#key)
    }
    this.#chunks.release(bucket.head)
    this.#buckets.set(slot, swept)
    if (swept.entries === 0) this.#remove(slot)
  }

  #bucketOf(slot: number): Bucket {
    let bucket = this.#buckets.get(slot)
    if (bucket === undefined) {
      bucket = this.#newBucket()
      this.#buckets.set(slot, bucket)
      if (slot < this.#earliest) this.#earliest = slot
    }
    return bucket
  }

  #newBucket(): Bucket {
    const chunk = this.#chunks.take()
    return { head: chunk, tail: chunk, position: 0, end: 0, entries: 0, stale: 0 }
  }

  #append(bucket: Bucket, key: ByteView): void {
    const length = key.end - key.start
    if (bucket.end + 1 + length > CHUNK_BYTES) {
      this.#chunks.endAt(bucket.tail, bucket.end)
      bucket.tail = this.#chunks.takeBehind(bucket.tail)
      bucket.end = 0
    }
    const arena = this.#chunks.slabOf(bucket.tail)
    const { buffer } = key
    let at = this.#chunks.startOf(bucket.tail) + bucket.end
    arena[at++] = length
    // Keys are short: a loop costs less than the call into native code that Buffer.copy is.
    for (let from = key.start; from < key.end; from++) arena[at++] = buffer[from] ?? 0
    bucket.end += 1 + length
    bucket.entries++
  }

  #readKey(bucket: Bucket, into: ByteView): void {
    if (bucket.head !== bucket.tail && bucket.position === this.#chunks.endOf(bucket.head)) {
      const next = this.#chunks.nextOf(bucket.head)
      this.#chunks.release(bucket.head)
      bucket.head = next
      bucket.position = 0
    }
    const arena = this.#chunks.slabOf(bucket.head)
    const at = this.#chunks.startOf(bucket.head) + bucket.position
    const length = arena[at] ?? 0
    into.set(arena, at + 1, at + 1 + length)
    bucket.position += 1 + length
    bucket.entries--
  }

  #remove(slot: number): void {
    const bucket = this.#buckets.get(slot)
    if (bucket !== undefined) this.#chunks.release(bucket.head)
    this.#buckets.delete(slot)
    if (slot !== this.#earliest) return
    // Some thousand days or slots at most, once for each that is emptied.
    this.#earliest = Number.POSITIVE_INFINITY
    for (const other of this.#buckets.keys()) if (other < this.#earliest) this.#earliest = other
  }
}

/** An entry, a length and a key of at most 200 bytes, fits into one. */
const CHUNK_BYTES = 256
const CHUNKS_A_SLAB = 4096
const NONE = -1

/**
 * Chunks of memory for keys, in slabs of a megabyte. A buffer for each bucket, doubled as it grew, was 13 % of a stream thread's time: there are some 44,000 of them
 * (a bucket for each day of ten years in twelve tasks), and each growth was an allocation outside of the heap.
 */
class KeyChunks {
  readonly #slabs: Buffer[] = []
  /** By chunk: the one behind it in its chain or in the list of free ones, and the bytes used of a full one. */
  #next = new Int32Array(CHUNKS_A_SLAB)
  #ends = new Int32Array(CHUNKS_A_SLAB)
  #count = 0
  #free = NONE
  /** Released, but a view on its last key may still be in use: free with the next release. */
  #released = NONE

  take(): number {
    const chunk = this.#free === NONE ? this.#grow() : this.#free
    if (chunk === this.#free) this.#free = this.#next[chunk] ?? NONE
    this.#next[chunk] = NONE
    return chunk
  }

  takeBehind(chunk: number): number {
    const next = this.take()
    this.#next[chunk] = next
    return next
  }

  release(chunk: number): void {
    if (this.#released !== NONE) {
      this.#next[this.#released] = this.#free
      this.#free = this.#released
    }
    this.#released = chunk
  }

  slabOf(chunk: number): Buffer {
    const slab = this.#slabs[Math.floor(chunk / CHUNKS_A_SLAB)]
    if (slab === undefined) throw new RangeError(`chunk ${chunk} of ${this.#count}`)
    return slab
  }

  startOf(chunk: number): number {
    return (chunk % CHUNKS_A_SLAB) * CHUNK_BYTES
  }

  nextOf(chunk: number): number {
    return this.#next[chunk] ?? NONE
  }

  endAt(chunk: number, end: number): void {
    this.#ends[chunk] = end
  }

  endOf(chunk: number): number {
    return this.#ends[chunk] ?? 0
  }

  #grow(): number {
    if (this.#count === this.#slabs.length * CHUNKS_A_SLAB) this.#slabs.push(Buffer.allocUnsafeSlow(CHUNKS_A_SLAB * CHUNK_BYTES))
    if (this.#count === this.#next.length) {
      this.#next = doubled(this.#next)
      this.#ends = doubled(this.#ends)
    }
    return this.#count++
  }
}

function doubled(numbers: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
