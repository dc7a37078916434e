import { LatencyHistogram } from './latency-histogram.ts'

/** Latencies of the last time: of one to two windows. Memory is constant. */
export class RecentLatencies {
  readonly #windowMs: number
  #current = new LatencyHistogram()
  #previous = new LatencyHistogram()
  #startedMs: number

  /** Times are monotonic. */
  constructor(options: { windowMs: number; nowMs: number }) {
    this.#windowMs = options.windowMs
    this.#startedMs = options.nowMs
  }

  record(latencyMs: number, nowMs: number): void {
    this.#turn(nowMs)
    this.#current.record(latencyMs)
  }

  /** As a histogram of its own. */
  take(nowMs: number): LatencyHistogram {
    this.#turn(nowMs)
    const both = new LatencyHistogram()
    both.add(this.#current)
    both.add(this.#previous)
    return both
  }

  #turn(nowMs: number): void {
    const passed = nowMs - this.#startedMs
    if (passed < this.#windowMs) return
    this.#previous = passed < 2 * this.#windowMs ? this.#current : new LatencyHistogram()
    this.#current = new LatencyHistogram()
    this.#startedMs = nowMs
  }
}
