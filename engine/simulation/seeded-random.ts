import type { Random } from '../../ports/random.ts'

/** Chance from a seed: the same numbers on any machine. What is drawn in one place must not shift what is drawn in another: each place has a fork of its own. */
export class SeededRandom implements Random {
  readonly #label: string
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number | string) {
    this.#label = String(seed)
    let hash = 2_166_136_261
    const word = (): number => {
      for (let i = 0; i < this.#label.length; i++) hash = Math.imul(hash ^ this.#label.charCodeAt(i), 16_777_619)
      hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
      return hash >>> 0
    }
    this.#a = word()
    this.#b = word()
    this.#c = word()
    this.#d = word() | 1
    for (let i = 0; i < 12; i++) this.next()
  }

  /** Chance of its own, the same for the same seed and name. */
  fork(name: string): SeededRandom {
    return new SeededRandom(`${this.#label}/${name}`)
  }

  /** sfc32. */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t
    return (t >>> 0) / 4_294_967_296
  }

  uuid(): string {
    const digits = (count: number) => Array.from({ length: count }, () => this.integer(0, 15).toString(16)).join('')
    return `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A whole number, both ends included. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  /** A number with many orders of magnitude: each of them as likely as another. */
  logarithmic(from: number, to: number): number {
    return from * (to / from) ** this.next()
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.integer(0, from.length - 1)]
    if (picked === undefined) throw new RangeError('there is nothing to pick from')
    return picked
  }
}
