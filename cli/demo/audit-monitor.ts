import type { KafkaClient, Fetcher } from '../../ports/kafka-client.ts'
import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { PersonsMistake } from '../exit.ts'

/** Watches trade.audit as any consumer would, read committed: what became of the trades, and how long after they were due. */
export class AuditMonitor {
  readonly outcomes = new Map<string, number>()
  /** From the timestamp of the input record to the committed audit entry in the hands of a reader: of the last second, and of the whole run. */
  readonly lastSecond = new LatencyHistogram()
  readonly all = new LatencyHistogram()
  entries = 0
  readonly #fetcher: Fetcher
  readonly #cursor = new CommittedCursor()
  #closed = false
  #failure: Error | undefined
  readonly #reading: Promise<void>

  private constructor(fetcher: Fetcher) {
    this.#fetcher = fetcher
    this.#reading = this.#read()
  }

  /** Watches from now on. */
  static async start(client: KafkaClient, audit: string): Promise<AuditMonitor> {
    const [topic] = await client.topics([audit])
    const partitions = (topic?.partitions ?? []).map(({ partition }) => ({ topic: audit, partition }))
    const fetcher = client.fetcher({ readCommitted: true })
    for (const { topic: name, partition, offset } of await client.listOffsets(partitions, 'latest')) fetcher.assign({ topic: name, partition }, { offset, leaderEpoch: undefined })
    return new AuditMonitor(fetcher)
  }

  /** Throws what ended the watching, if something did. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#fetcher.wake()
    await this.#reading
    await this.#fetcher.close()
  }

  async #read(): Promise<void> {
    while (!this.#closed) {
      const taken = this.#fetcher.take()
      if (taken === undefined) await this.#fetcher.ready()
      else if (taken.kind === 'failure') {
        this.#failure = new PersonsMistake(`${taken.topic}-${taken.partition} cannot be read: ${taken.message}`)
        return
      } else {
        this.#cursor.reset(taken)
        const nowMs = Date.now()
        while (this.#cursor.next()) this.#count(nowMs)
      }
    }
  }

  #count(nowMs: number): void {
    const { value, timestamp } = this.#cursor
    // Audit entries are ours: the outcome is found without parsing the rest.
    const at = value.buffer.indexOf(OUTCOME, value.start)
    const start = at + OUTCOME.length
    const outcome = value.buffer.toString('latin1', start, value.buffer.indexOf(QUOTE, start))
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    this.entries++
    if (outcome === 'EXPIRED') return
    this.lastSecond.record(nowMs - timestamp)
    this.all.record(nowMs - timestamp)
  }
}

const OUTCOME = Buffer.from('"outcome":"')
const QUOTE = 0x22
