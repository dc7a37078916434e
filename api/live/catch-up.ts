import type { TopicPartition } from '../../ports/broker.ts'
import type { Clock, Timer } from '../../ports/clock.ts'
import type { CommittedCursor } from '../../records/committed-cursor.ts'
import type { EventStream } from './event-stream.ts'
import { FeedEvent, type FeedKind } from './feed-event.ts'
import type { FeedPosition } from './feed-position.ts'
import type { LiveKafka } from './live-kafka.ts'
import { type OffsetRange, RangeGoneError, readRanges } from './read-ranges.ts'
import type { FoundBook } from './trade-books.ts'

export interface CatchUpsOptions {
  readonly kafka: LiveKafka
  readonly clock: Clock
  readonly kinds: ReadonlyMap<string, FeedKind>
  readonly bookOf: (event: FeedEvent) => FoundBook | Promise<FoundBook>
}

/** The feed that a listener comes back to. */
export interface JoinedFeed {
  /** Behind what was handed out. @throws where the feed has ended */
  readonly live: () => FeedPosition
  /** The listener has had everything before `at`. Answers whether what is behind it is at hand: then he has been given that, and is live. */
  readonly join: (at: FeedPosition) => boolean
}

/** Each has a consumer of its own, and what that has fetched in memory. */
const AT_A_TIME = 4
/** Offsets that are replayed for one listener at most; who was away for longer is told how many he has missed. */
const MOST_REPLAYED = 100_000
/** Nobody holds the others up for longer without taking anything. */
const STALLED_MS = 30_000

/**
 * Reads for listeners that come back what lies between the last event they have seen and the live ones, and what has become live meanwhile, until the feed has the rest at hand. Nothing waits for them, so nothing is lost
 * however long it takes.
 */
export class CatchUps {
  readonly #options: CatchUpsOptions
  readonly #turns: (() => void)[] = []
  #running = 0

  constructor(options: CatchUpsOptions) {
    this.#options = options
  }

  /** Resolves when the listener is live, or has gone. Rejects where that cannot be read, or the listener takes nothing: he is to come back. */
  async run(stream: EventStream, after: FeedPosition, feed: JoinedFeed): Promise<void> {
    if (this.#running >= AT_A_TIME) await new Promise<void>((turn) => this.#turns.push(turn))
    this.#running++
    try {
      await this.#run(stream, after, feed)
    } finally {
      this.#running--
      this.#turns.shift()?.()
    }
  }

  async #run(stream: EventStream, after: FeedPosition, { live, join }: JoinedFeed): Promise<void> {
    if (stream.destroyed) return
    const gone = new AbortController()
    stream.once('close', () => gone.abort())
    const progress = { replayed: 0 }
    const stop = this.#watch(stream, progress)
    try {
      const at = await this.#start(after, live())
      while (!gone.signal.aborted && !join(at)) {
        const to = live().copy()
        // The new ones are not in what was begun with.
        if (to.partitions.length !== at.partitions.length) throw new Error('the topics have other partitions now')
        await this.#replay(stream, { at, to, progress, signal: gone.signal })
      }
    } finally {
      stop()
    }
  }

  /** What the id means now: a partition that it does not know came later, and an offset that its log has not reached is that of another log. */
  async #start(after: FeedPosition, live: FeedPosition): Promise<FeedPosition> {
    const { kafka } = this.#options
    const at = live.copy()
    const { partitions } = at
    const [starts, ends] = await Promise.all([kafka.listOffsets(partitions, 'earliest'), kafka.listOffsets(partitions, 'stable')])
    for (const [n, { topic, partition }] of partitions.entries()) {
      const seen = after.offset(topic, partition) ?? starts[n]?.offset ?? 0
      const end = Math.max(ends[n]?.offset ?? 0, at.offset(topic, partition) ?? 0)
      if (seen <= end) at.move(topic, partition, seen)
    }
    return at
  }

  /** Moves `at` on to `to`. What retention takes away meanwhile is passed over, and counted. */
  async #replay(stream: EventStream, { at, to, progress, signal }: { at: FeedPosition; to: FeedPosition; progress: { replayed: number }; signal: AbortSignal }): Promise<void> {
    const { kafka, kinds, bookOf } = this.#options
    const visit = ({ topic, partition }: TopicPartition, record: CommittedCursor): Promise<void> => {
      at.move(topic, partition, record.offset + 1)
      progress.replayed++
      return stream.replay(FeedEvent.of(kinds.get(topic) ?? 'audit', record, { position: at.toString(), seenAtMs: undefined }), bookOf)
    }
    let failure: RangeGoneError | undefined
    for (;;) {
      const { ranges, passedOver } = await this.#missed(at, to)
      if (failure !== undefined && passedOver === 0) throw failure
      if (passedOver > 0) stream.passOver(passedOver)
      try {
        await readRanges(kafka, ranges, { signal, visit })
        for (const range of ranges) at.move(range.topic, range.partition, range.to)
        return
      } catch (error) {
        if (!(error instanceof RangeGoneError)) throw error
        failure = error
      }
    }
  }

  /** What lies between two positions and is still there, the newest of it where it is too much; `at` moves over the rest. */
  async #missed(at: FeedPosition, to: FeedPosition): Promise<{ ranges: OffsetRange[]; passedOver: number }> {
    const wanted = rangesOf(at, to)
    if (wanted.length === 0) return { ranges: [], passedOver: 0 }
    const starts = await this.#options.kafka.listOffsets(wanted, 'earliest')
    const share = Math.ceil(MOST_REPLAYED / wanted.length)
    const ranges = wanted.map((range, n) => ({ ...range, from: Math.min(range.to, Math.max(range.from, starts[n]?.offset ?? 0, range.to - share)) }))
    for (const { topic, partition, from } of ranges) at.move(topic, partition, from)
    return { ranges, passedOver: ranges.reduce((sum, { from }, n) => sum + from - (wanted[n]?.from ?? from), 0) }
  }

  /** Destroys the stream where nothing has been taken for a while. Answers what ends that. */
  #watch(stream: EventStream, progress: { readonly replayed: number }): () => void {
    let before = progress.replayed
    let timer: Timer
    const look = () => {
      if (progress.replayed === before) stream.destroy()
      before = progress.replayed
      timer = this.#options.clock.after(STALLED_MS, look)
    }
    timer = this.#options.clock.after(STALLED_MS, look)
    return () => timer.cancel()
  }
}

function rangesOf(at: FeedPosition, to: FeedPosition): OffsetRange[] {
  return to.partitions.flatMap(({ topic, partition }) => {
    const [from = 0, end = 0] = [at.offset(topic, partition), to.offset(topic, partition)]
    return from < end ? [{ topic, partition, from, to: end }] : []
  })
}
