import type { Fetcher, KafkaClient } from '../../ports/kafka-client.ts'
import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'

/**
 * Reads trade.audit as any consumer would, read committed. The timestamp of an entry is that of its input record, which is the moment when it was due: what waited in a
 * queue of the load generator has its wait in the figure.
 */
export class AuditWatch {
  /** Stretch by stretch of the window, the entries whose input was due within it, however late they come. */
  stretches: readonly LatencyHistogram[] = [new LatencyHistogram()]
  entries = 0
  /** When the first entry came after `mark`, ms since the epoch. */
  firstAfterMarkMs: number | undefined
  readonly #fetcher: Fetcher
  readonly #cursor = new CommittedCursor()
  readonly #reading: Promise<void>
  #fromMs = Number.POSITIVE_INFINITY
  #stretchMs = 1
  #isMarked = false
  /** By partition: when its last entry came, and the longest time between two. */
  #silences: { lastMs: number; longestMs: number }[] = []
  #isClosed = false
  #failure: Error | undefined

  readonly #clockBehindMs: number

  private constructor(fetcher: Fetcher, clockBehindMs: number) {
    this.#fetcher = fetcher
    this.#clockBehindMs = clockBehindMs
    this.#reading = this.#read()
  }

  /** Watches from now on. `clockBehindMs`: so much is the clock behind by which the input is stamped, and in which windows are given. Default 0. */
  static async start(client: KafkaClient, { clockBehindMs = 0 }: { clockBehindMs?: number } = {}): Promise<AuditWatch> {
    const topic = TRADE_TOPICS.audit
    const [metadata] = await client.topics([topic])
    const partitions = (metadata?.partitions ?? []).map(({ partition }) => ({ topic, partition }))
    const fetcher = client.fetcher({ readCommitted: true })
    for (const { partition, offset } of await client.listOffsets(partitions, 'latest')) fetcher.assign({ topic, partition }, { offset, leaderEpoch: undefined })
    return new AuditWatch(fetcher, clockBehindMs)
  }

  /** Of the first stretch. */
  get histogram(): LatencyHistogram {
    return this.stretches[0] ?? new LatencyHistogram()
  }

  /** Begins new histograms, of inputs that are due in the window (ms since the epoch), which is cut into so many stretches. Default: one. */
  measure({ fromMs, toMs, stretches = 1 }: { fromMs: number; toMs: number; stretches?: number }): void {
    this.stretches = Array.from({ length: stretches }, () => new LatencyHistogram())
    this.#fromMs = fromMs
    this.#stretchMs = (toMs - fromMs) / stretches
  }

  /** The next entry is the first. */
  mark(): void {
    this.firstAfterMarkMs = undefined
    this.#isMarked = true
  }

  /** Measures from now on how long each partition is silent. */
  listen(partitions: number): void {
    const lastMs = Date.now() - this.#clockBehindMs
    this.#silences = Array.from({ length: partitions }, () => ({ lastMs, longestMs: 0 }))
  }

  /** Whether every partition has had an entry since then, ms since the epoch. */
  hasHeardAll(sinceMs: number): boolean {
    return this.#silences.every(({ lastMs }) => lastMs > sinceMs)
  }

  /** By partition, the longest time without an entry, ms; the one that lasts counts. */
  silences(): number[] {
    const nowMs = Date.now() - this.#clockBehindMs
    return this.#silences.map(({ lastMs, longestMs }) => Math.max(longestMs, nowMs - lastMs))
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#fetcher.wake()
    await this.#reading
    await this.#fetcher.close()
  }

  async #read(): Promise<void> {
    while (!this.#isClosed) {
      const taken = this.#fetcher.take()
      if (taken === undefined) await this.#fetcher.ready()
      else if (taken.kind === 'failure') {
        this.#failure = new Error(`${taken.topic}-${taken.partition} cannot be read: ${taken.message}`)
        return
      } else this.#count(Date.now() - this.#clockBehindMs, taken.partition, taken)
    }
  }

  #count(nowMs: number, partition: number, chunk: Parameters<CommittedCursor['reset']>[0]): void {
    const entriesBefore = this.entries
    this.#cursor.reset(chunk)
    while (this.#cursor.next()) {
      const dueMs = this.#cursor.timestamp
      this.stretches[Math.floor((dueMs - this.#fromMs) / this.#stretchMs)]?.record(Math.max(0, nowMs - dueMs))
      this.entries++
      if (!this.#isMarked) continue
      this.firstAfterMarkMs = nowMs
      this.#isMarked = false
    }
    const silence = this.#silences[partition]
    if (silence === undefined || this.entries === entriesBefore) return
    silence.longestMs = Math.max(silence.longestMs, nowMs - silence.lastMs)
    silence.lastMs = nowMs
  }
}
