/** Something that must hold, and whether it does. */
export interface Check {
  readonly name: string
  readonly held: boolean
  /** What was counted; where it does not hold, the first differences. */
  readonly detail: string
}

/** Collects differences; of many the first few are shown. */
export class Differences {
  readonly #first: string[] = []
  #count = 0

  add(difference: string): void {
    if (this.#count++ < SHOWN) this.#first.push(difference)
  }

  check(name: string, detail: string): Check {
    if (this.#count === 0) return { name, held: true, detail }
    return { name, held: false, detail: `${this.#count} differences (${detail}): ${this.#first.join('; ')}` }
  }
}

const SHOWN = 5
