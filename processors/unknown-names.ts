import { decodeJsonString } from '../serdes/json-text.ts'

/** More names than this are looked up in a map: a hostile message may have a hundred thousand. */
const LISTED_LIMIT = 16

/** Names of the unknown fields of a message, to find one that is there twice: the last one counts. */
export class UnknownNames {
  #buffer: Buffer = Buffer.alloc(0)
  /** For each name its start, its end and the start of its member. */
  readonly #listed = new Int32Array(LISTED_LIMIT * 3)
  #count = 0
  /** Members by name; `undefined`: all names are listed. */
  #mapped: Map<string, number> | undefined

  reset(buffer: Buffer): void {
    this.#buffer = buffer
    this.#count = 0
    this.#mapped = undefined
  }

  /** Answers the start of the earlier member of this name; `undefined`: it is the first. */
  add(start: number, end: number, escaped: boolean, member: number): number | undefined {
    if (this.#mapped !== undefined || escaped || this.#count === LISTED_LIMIT) return this.#addMapped(start, end, member)
    for (let at = 0; at < this.#count * 3; at += 3) {
      if (!this.#same(this.#listed[at] ?? 0, this.#listed[at + 1] ?? 0, start, end)) continue
      const earlier = this.#listed[at + 2]
      this.#listed[at + 2] = member
      return earlier
    }
    const at = this.#count++ * 3
    this.#listed[at] = start
    this.#listed[at + 1] = end
    this.#listed[at + 2] = member
    return undefined
  }

  #addMapped(start: number, end: number, member: number): number | undefined {
    const mapped = (this.#mapped ??= this.#mapOfListed())
    const name = decodeJsonString(this.#buffer, start, end)
    const earlier = mapped.get(name)
    mapped.set(name, member)
    return earlier
  }

  #mapOfListed(): Map<string, number> {
    const mapped = new Map<string, number>()
    for (let at = 0; at < this.#count * 3; at += 3)
      mapped.set(decodeJsonString(this.#buffer, this.#listed[at] ?? 0, this.#listed[at + 1] ?? 0), this.#listed[at + 2] ?? 0)
    return mapped
  }

  #same(start: number, end: number, otherStart: number, otherEnd: number): boolean {
    if (end - start !== otherEnd - otherStart) return false
    for (let a = start, b = otherStart; a < end; a++, b++) if (this.#buffer[a] !== this.#buffer[b]) return false
    return true
  }
}
