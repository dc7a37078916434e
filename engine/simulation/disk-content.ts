import type { SeededRandom } from './seeded-random.ts'

/** The content of a file, and what of it would survive a power cut. */
export class DiskContent {
  readonly identity: string
  #bytes = Buffer.alloc(0)
  #sizeBytes = 0
  /** So much from the start has been synced, unless `#kept` says otherwise. */
  #syncedBytes = 0
  /** The synced content, once the file has been cut below its end: a power cut may bring it back. */
  #kept: Buffer<ArrayBuffer> | undefined

  constructor(identity: string, content?: Uint8Array) {
    this.identity = identity
    if (content !== undefined) this.append(content)
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get current(): Buffer {
    return this.#bytes.subarray(0, this.#sizeBytes)
  }

  append(chunk: Uint8Array): void {
    const end = this.#sizeBytes + chunk.length
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(4096, end * 2))
      this.current.copy(larger)
      this.#bytes = larger
    }
    this.#bytes.set(chunk, this.#sizeBytes)
    this.#sizeBytes = end
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#syncedBytes) {
      this.#kept ??= Buffer.from(this.#bytes.subarray(0, this.#syncedBytes))
      this.#syncedBytes = sizeBytes
    }
    this.#bytes.fill(0, sizeBytes, this.#sizeBytes)
    this.#sizeBytes = sizeBytes
  }

  /** What had been appended when the sync was asked for. */
  synced(bytes: number): void {
    this.#syncedBytes = Math.min(bytes, this.#sizeBytes)
    this.#kept = undefined
  }

  /** Pages are written in any order: of what was not synced, some is there, some is not, and some is nothing but zeros. */
  cutPower(random: SeededRandom): void {
    if (this.#kept !== undefined) {
      if (random.chance(0.5)) return this.#becomes(this.#kept)
      return this.#becomes(Buffer.from(this.current))
    }
    // The system writes everything back some time later, asked or not.
    if (random.chance(0.5)) return this.#becomes(Buffer.from(this.current))
    const unsynced = this.#sizeBytes - this.#syncedBytes
    const kept = Buffer.from(this.#bytes.subarray(0, this.#syncedBytes + random.integer(0, unsynced)))
    if (kept.length > this.#syncedBytes && random.chance(0.5)) {
      const from = random.integer(this.#syncedBytes, kept.length - 1)
      kept.fill(0, from, random.chance(0.5) ? kept.length : Math.min(kept.length, from + 8))
    }
    this.#becomes(kept)
  }

  #becomes(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#sizeBytes = bytes.length
    this.#syncedBytes = bytes.length
    this.#kept = undefined
  }
}
