import type { Clock, Timer } from '../../ports/clock.ts'
import type { FetchedChunk } from '../../ports/kafka-client.ts'
import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import type { LiveKafka } from './live-kafka.ts'

export interface AuditSample {
  /** Audit entries since the last sample, by outcome; above `MOST_RECORDS` estimated from the newest of them. */
  readonly outcomes: Readonly<Record<string, number>>
  /** In which they came. */
  readonly seconds: number
  /** From the timestamp of a record to its committed audit entry here, of those that came while it was looked; `undefined`: none came. */
  readonly latency: LatencyHistogram | undefined
}

/** Entries that are read for one sample at most. */
const MOST_RECORDS = 5_000
/** How long live entries are looked at, once the earlier ones are read. */
const LIVE_MS = 250
const LIMIT_MS = 4_000

const OUTCOME = Buffer.from('"outcome":"')
const QUOTE = 0x22

/** Samples of trade.audit: what became of trades, and how long it took. It reads now and then, a bounded number of records, and nothing in between. */
export class AuditSamples {
  readonly #kafka: LiveKafka
  readonly #clock: Clock
  readonly #topic: string
  readonly #cursor = new CommittedCursor()
  /** By partition, the next offset to read; and when it was the end. A look that fails has passed over what came before it. */
  #before: { readonly atMs: number; readonly positions: readonly number[] } | undefined

  constructor(options: { kafka: LiveKafka; clock: Clock; topic: string }) {
    this.#kafka = options.kafka
    this.#clock = options.clock
    this.#topic = options.topic
  }

  /** `undefined`: it is the first one, or the topic is another one than before. Rejects where Kafka cannot be asked. */
  async take(): Promise<AuditSample | undefined> {
    const atMs = this.#clock.monotonicMs()
    const ends = await this.#ends()
    const before = this.#before?.positions
    const beforeMs = this.#before?.atMs ?? atMs
    this.#before = { atMs, positions: ends }
    if (before === undefined || before.length !== ends.length || ends.some((end, partition) => end < (before[partition] ?? 0))) return undefined
    const share = Math.ceil(MOST_RECORDS / Math.max(1, ends.length))
    const starts = ends.map((end, partition) => Math.max(before[partition] ?? 0, end - share))
    const { outcomes, latency, positions } = await this.#read(starts, ends)
    this.#before = { atMs, positions }
    const read = distance(starts, positions)
    const factor = read === 0 ? 1 : distance(before, positions) / read
    return { seconds: (atMs - beforeMs) / 1_000, outcomes: Object.fromEntries([...outcomes].map(([outcome, count]) => [outcome, count * factor])), latency: latency.count === 0 ? undefined : latency }
  }

  async #ends(): Promise<number[]> {
    const [found] = await this.#kafka.topics([this.#topic])
    const partitions = (found?.partitions ?? []).map(({ partition }) => ({ topic: this.#topic, partition }))
    const ends: number[] = []
    for (const { partition, offset } of await this.#kafka.listOffsets(partitions, 'stable')) ends[partition] = offset
    return ends
  }

  /** From the starts to the ends for the outcomes, and then a little on: what comes once everything has been taken has just been committed. */
  async #read(starts: readonly number[], ends: readonly number[]): Promise<{ outcomes: Map<string, number>; latency: LatencyHistogram; positions: number[] }> {
    const outcomes = new Map<string, number>()
    const latency = new LatencyHistogram()
    const positions = [...starts]
    const fetcher = this.#kafka.fetcher({ readCommitted: true })
    let isOver = false
    const end = () => {
      isOver = true
      fetcher.wake()
    }
    const limit = this.#clock.after(LIMIT_MS, end)
    let live: Timer | undefined
    try {
      for (const [partition, offset] of starts.entries()) fetcher.assign({ topic: this.#topic, partition }, { offset, leaderEpoch: undefined })
      while (!isOver) {
        const taken = fetcher.take()
        if (taken?.kind === 'failure') throw new Error(taken.message)
        if (taken !== undefined) {
          this.#count(taken, outcomes, live === undefined ? undefined : latency)
          positions[taken.partition] = taken.nextOffset
          continue
        }
        if (live === undefined && positions.every((position, partition) => position >= (ends[partition] ?? 0))) live = this.#clock.after(LIVE_MS, end)
        await fetcher.ready()
      }
    } finally {
      limit.cancel()
      live?.cancel()
      await fetcher.close()
    }
    return { outcomes, latency, positions }
  }

  #count(chunk: FetchedChunk, outcomes: Map<string, number>, latency: LatencyHistogram | undefined): void {
    const nowMs = this.#clock.now()
    this.#cursor.reset(chunk)
    while (this.#cursor.next()) {
      const outcome = outcomeOf(this.#cursor)
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      // Nobody waited for an expiry.
      if (outcome !== 'EXPIRED') latency?.record(Math.max(0, nowMs - this.#cursor.timestamp))
    }
    chunk.release?.()
  }
}

function distance(from: readonly number[], to: readonly number[]): number {
  return to.reduce((sum, offset, partition) => sum + offset - (from[partition] ?? 0), 0)
}

/** Audit entries are ours: the outcome is found without parsing the rest. */
function outcomeOf({ value }: CommittedCursor): string {
  const start = value.buffer.indexOf(OUTCOME, value.start) + OUTCOME.length
  return value.buffer.toString('latin1', start, value.buffer.indexOf(QUOTE, start))
}
