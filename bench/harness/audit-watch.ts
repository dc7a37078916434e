import type { Fetcher, KafkaClient } from '../../ports/kafka-client.ts'
import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'

/**
 * Reads trade.audit as any consumer would, read committed. The timestamp of an entry is that of its input record, which is the moment when it was due: what waited in a
 * queue of the load generator has its wait in the figure.
 */
export class AuditWatch {
  /** Entries whose input was due within the window. */
  readonly histogram = new LatencyHistogram()
  entries = 0
  /** When the first entry came after `mark`, ms since the epoch. */
  firstAfterMarkMs: number | undefined
  readonly #fetcher: Fetcher
  readonly #cursor = new CommittedCursor()
  readonly #reading: Promise<void>
  #window = { fromMs: Number.POSITIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }
  #isMarked = false
  #isClosed = false
  #failure: Error | undefined

  private constructor(fetcher: Fetcher) {
    this.#fetcher = fetcher
    this.#reading = this.#read()
  }

  /** Watches from now on. */
  static async start(client: KafkaClient): Promise<AuditWatch> {
    const topic = TRADE_TOPICS.audit
    const [metadata] = await client.topics([topic])
    const partitions = (metadata?.partitions ?? []).map(({ partition }) => ({ topic, partition }))
    const fetcher = client.fetcher({ readCommitted: true })
    for (const { partition, offset } of await client.listOffsets(partitions, 'latest')) fetcher.assign({ topic, partition }, { offset, leaderEpoch: undefined })
    return new AuditWatch(fetcher)
  }

  /** Begins a new histogram, of inputs that are due in the window (ms since the epoch). */
  measure(window: { fromMs: number; toMs: number }): void {
    this.histogram.reset()
    this.#window = window
  }

  /** The next entry is the first. */
  mark(): void {
    this.firstAfterMarkMs = undefined
    this.#isMarked = true
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
      } else this.#count(Date.now(), taken)
    }
  }

  #count(nowMs: number, chunk: Parameters<CommittedCursor['reset']>[0]): void {
    const { fromMs, toMs } = this.#window
    this.#cursor.reset(chunk)
    while (this.#cursor.next()) {
      const dueMs = this.#cursor.timestamp
      if (dueMs >= fromMs && dueMs < toMs) this.histogram.record(Math.max(0, nowMs - dueMs))
      this.entries++
      if (!this.#isMarked) continue
      this.firstAfterMarkMs = nowMs
      this.#isMarked = false
    }
  }
}
