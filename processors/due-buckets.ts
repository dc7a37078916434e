import { ByteView } from '../records/byte-view.ts'

/** Keys that fall due at one time: each as its length in one byte and its bytes. Trade ids and request ids have at most 200 bytes. */
interface Bucket {
  arena: Buffer
  /** The next key to take. */
  position: number
  end: number
  entries: number
  /** How many of the entries are known to be of no use any more. */
  stale: number
}

const FIRST_ARENA_BYTES = 64
/** Below this many useless entries a bucket is left as it is. */
const STALE_ALLOWED = 1024

/**
 * Keys by the time at which something is due for them, derived in memory from the state. An entry may be out of date or there twice: who takes a key looks at
 * the state then. Keys that are put off or done with are reported as stale; when they are more than half of a bucket it is swept, so a bucket is at most
 * about twice as large as what is due in it, at a cost of two look-ups for each stale entry.
 */
export class DueBuckets {
  readonly #isDue: (key: ByteView, slot: number) => boolean
  readonly #buckets = new Map<number, Bucket>()
  readonly #key = new ByteView()
  #earliest = Number.POSITIVE_INFINITY

  /** `isDue`: whether, by the state, something is due for this key in this slot. */
  constructor(isDue: (key: ByteView, slot: number) => boolean) {
    this.#isDue = isDue
  }

  /** Entries in all buckets, stale ones too. */
  get size(): number {
    let size = 0
    for (const { entries } of this.#buckets.values()) size += entries
    return size
  }

  add(slot: number, key: ByteView): void {
    let bucket = this.#buckets.get(slot)
    if (bucket === undefined) {
      bucket = { arena: Buffer.allocUnsafeSlow(FIRST_ARENA_BYTES), position: 0, end: 0, entries: 0, stale: 0 }
      this.#buckets.set(slot, bucket)
      if (slot < this.#earliest) this.#earliest = slot
    }
    append(bucket, key)
  }

  /** One entry of this slot has become useless. */
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
    readKey(bucket, into)
    if (bucket.position === bucket.end) this.#remove(slot)
    return true
  }

  /** Whether `take` would find a key. */
  hasDue(lastSlot: number): boolean {
    return this.#earliest <= lastSlot
  }

  #sweep(slot: number, bucket: Bucket): void {
    const swept: Bucket = { arena: Buffer.allocUnsafeSlow(FIRST_ARENA_BYTES), position: 0, end: 0, entries: 0, stale: 0 }
    const seen = new Set<string>()
    while (bucket.position < bucket.end) {
      readKey(bucket, this.#key)
      const text = this.#key.buffer.toString('latin1', this.#key.start, this.#key.end)
      if (seen.has(text) || !this.#isDue(this.#key, slot)) continue
      seen.add(text)
      append(swept, this.#key)
    }
    if (swept.entries === 0) this.#remove(slot)
    else this.#buckets.set(slot, swept)
  }

  #remove(slot: number): void {
    this.#buckets.delete(slot)
    if (slot !== this.#earliest) return
    // Some thousand days or slots at most, once for each that is emptied.
    this.#earliest = Number.POSITIVE_INFINITY
    for (const other of this.#buckets.keys()) if (other < this.#earliest) this.#earliest = other
  }
}

function append(bucket: Bucket, key: ByteView): void {
  const length = key.end - key.start
  if (bucket.end + 1 + length > bucket.arena.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(bucket.arena.length * 2, bucket.end + 1 + length))
    bucket.arena.copy(larger, 0, 0, bucket.end)
    bucket.arena = larger
  }
  const { arena } = bucket
  const { buffer } = key
  let at = bucket.end
  arena[at++] = length
  // Keys are short: a loop costs less than the call into native code that Buffer.copy is.
  for (let from = key.start; from < key.end; from++) arena[at++] = buffer[from] ?? 0
  bucket.end = at
  bucket.entries++
}

function readKey(bucket: Bucket, into: ByteView): void {
  const start = bucket.position + 1
  const end = start + (bucket.arena[bucket.position] ?? 0)
  into.set(bucket.arena, start, end)
  bucket.position = end
  bucket.entries--
}
