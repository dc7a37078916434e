/** Wall-clock punctuations of a task. Missed calls collapse to one, the next is an interval from now (as in Kafka Streams). */
export class Punctuations {
  readonly #entries: { intervalMs: number; dueMs: number; punctuate: (nowMs: number) => void }[] = []
  #nowMs = 0

  /** Punctuations added from now on are first due an interval after `nowMs`. */
  start(nowMs: number): void {
    this.#nowMs = nowMs
    for (const entry of this.#entries) entry.dueMs = nowMs + entry.intervalMs
  }

  add(intervalMs: number, punctuate: (nowMs: number) => void): void {
    this.#entries.push({ intervalMs, dueMs: this.#nowMs + intervalMs, punctuate })
  }

  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const entry of this.#entries) next = Math.min(next, entry.dueMs)
    return next
  }

  due(nowMs: number): boolean {
    return this.nextMs <= nowMs || this.#clockWentBack(nowMs)
  }

  run(nowMs: number): void {
    const wentBack = this.#clockWentBack(nowMs)
    this.#nowMs = nowMs
    for (const entry of this.#entries) {
      if (entry.dueMs > nowMs && !wentBack) continue
      entry.dueMs = nowMs + entry.intervalMs
      entry.punctuate(nowMs)
    }
  }

  clear(): void {
    this.#entries.length = 0
  }

  /** After a jump of the clock into the past the next call would lie too far away. */
  #clockWentBack(nowMs: number): boolean {
    return this.#entries.some((entry) => entry.dueMs - nowMs > entry.intervalMs)
  }
}
