/** An end of the log, and from when to when it was that. */
interface Seen {
  readonly firstMs: number
  lastMs: number
  readonly end: number
}

/** How far back ends are remembered. */
const KEPT_MS = 15 * 60_000

/** When the log of a partition had got where: samples of its end, so that an offset tells its time without being read. */
export class EndTimes {
  readonly #seen: Seen[] = []

  add(atMs: number, end: number): void {
    const last = this.#seen.at(-1)
    // A topic that was made anew begins anew.
    if (last !== undefined && end < last.end) this.#seen.length = 0
    if (last?.end === end) last.lastMs = atMs
    else this.#seen.push({ firstMs: atMs, lastMs: atMs, end })
    while (this.#seen.length > 1 && (this.#seen[0]?.lastMs ?? 0) < atMs - KEPT_MS) this.#seen.shift()
  }

  /** When the record at `offset` was written, between two samples; `undefined`: before the first one, or not yet. */
  timeOf(offset: number): number | undefined {
    const at = this.#seen.findIndex(({ end }) => end > offset)
    const before = this.#seen[at - 1]
    const after = this.#seen[at]
    if (before === undefined || after === undefined) return undefined
    return before.lastMs + ((offset - before.end + 1) / (after.end - before.end)) * (after.firstMs - before.lastMs)
  }
}
