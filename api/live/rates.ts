interface Counted {
  readonly atMs: number
  readonly count: number
}

/** A rate is over so long at least, so that one record more or less is not taken for many a second. */
const LEAST_MS = 900
/** A rate over longer than this is none of now. */
const MOST_MS = 30_000
/** Names that nobody asks for any more are forgotten. */
const MOST_NAMES = 10_000

/** Rates from counters, as they are looked at: between one look and an earlier one. */
export class Rates {
  /** Of each name the last looks that may still be an earlier one, the oldest first. */
  readonly #counted = new Map<string, Counted[]>()

  /** `undefined`: there was no look before, or not lately, or the counter has begun anew. Times are monotonic. */
  perSecond(name: string, nowMs: number, count: number): number | undefined {
    const counted = this.#counted.get(name) ?? []
    const begunAnew = count < (counted.at(-1)?.count ?? 0)
    const before = begunAnew ? undefined : counted.findLast(({ atMs }) => nowMs - atMs >= LEAST_MS && nowMs - atMs <= MOST_MS)
    const kept = begunAnew ? [] : counted.filter((one) => before === undefined || one.atMs >= before.atMs)
    // Looks that come in quick succession leave a mark now and then only.
    if (kept.length === 0 || nowMs - (kept.at(-1)?.atMs ?? 0) >= LEAST_MS / 2) kept.push({ atMs: nowMs, count })
    this.#counted.delete(name)
    this.#counted.set(name, kept)
    if (this.#counted.size > MOST_NAMES) this.#forgetOldest()
    return before === undefined ? undefined : ((count - before.count) / (nowMs - before.atMs)) * 1_000
  }

  #forgetOldest(): void {
    const [oldest] = this.#counted.keys()
    if (oldest !== undefined) this.#counted.delete(oldest)
  }
}
