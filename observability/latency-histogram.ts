/** Buckets a power of two: values are told apart to 3 %. */
const BUCKETS_PER_OCTAVE = 32
const OCTAVES = 32

/** Latencies in ms, in buckets whose width grows with the value: constant memory for any number of samples. From 0.01 ms to some months. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS_PER_OCTAVE * OCTAVES)
  #total = 0
  #maxMs = 0

  get count(): number {
    return this.#total
  }

  get maxMs(): number {
    return this.#maxMs
  }

  record(latencyMs: number): void {
    const bucket = Math.floor(Math.log2(Math.max(latencyMs, SMALLEST_MS) / SMALLEST_MS) * BUCKETS_PER_OCTAVE)
    const at = Math.min(bucket, this.#counts.length - 1)
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#total++
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs
  }

  /** The value below which a share of the samples lies, 0 to 1; `undefined` without samples. */
  percentileMs(share: number): number | undefined {
    if (this.#total === 0) return undefined
    let left = Math.ceil(this.#total * share)
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return Math.min(this.#maxMs, SMALLEST_MS * 2 ** ((bucket + 1) / BUCKETS_PER_OCTAVE))
    }
    return this.#maxMs
  }

  add(other: LatencyHistogram): void {
    for (const [bucket, count] of other.#counts.entries()) this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count
    this.#total += other.#total
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs)
  }

  reset(): void {
    this.#counts.fill(0)
    this.#total = 0
    this.#maxMs = 0
  }
}

const SMALLEST_MS = 0.01
