import type { TopicPartition } from '../../ports/broker.ts'
import { type Clock, sleep, type Timer } from '../../ports/clock.ts'
import type { FetchedChunk } from '../../ports/kafka-client.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { unavailable } from '../problem.ts'
import { EventStream } from './event-stream.ts'
import { type EventFilter, FeedEvent, type FeedKind } from './feed-event.ts'
import { FeedPosition } from './feed-position.ts'
import type { LiveKafka } from './live-kafka.ts'
import { type OffsetRange, readRanges } from './read-ranges.ts'
import { TradeBooks } from './trade-books.ts'

export interface EventFeedOptions {
  readonly kafka: LiveKafka
  readonly clock: Clock
  readonly topics: { readonly audit: string; readonly processed: string }
  /** The book of a trade by the state store; it may reject. */
  readonly bookOf: (tradeId: string) => Promise<string | undefined>
}

const HEARTBEAT_MS = 15_000
/** After a topic was not there, or was made anew. */
const RETRY_MS = 1_000
const MOST_LISTENERS = 1_000
/** Offsets that are replayed for one listener at most; who was away for longer is told how many he has missed. */
const MOST_REPLAYED = 100_000

/** One reading of the topics, from its first listener to its last. */
interface Run {
  readonly stop: AbortController
  /** Behind what was handed to the listeners; `undefined`: it has not begun yet. */
  position: FeedPosition | undefined
}

/**
 * The live feed: audit entries and states of trades as they are committed, to all that listen. One consumer reads for all of them, without a group, and only while somebody listens. Who comes back with the id of
 * the last event that he has seen gets what he missed, read again for him alone, and then goes on with the others.
 */
export class EventFeed {
  readonly #options: EventFeedOptions
  readonly #listeners = new Map<EventStream, FeedPosition | undefined>()
  /** Those for whom the live events begin where the run does. */
  readonly #waiting = new Set<EventStream>()
  readonly #books: TradeBooks
  readonly #kinds: ReadonlyMap<string, FeedKind>
  readonly #bookOf = (event: FeedEvent) => this.#books.of(event)
  #run: Run | undefined
  #heartbeat: Timer | undefined

  constructor(options: EventFeedOptions) {
    this.#options = options
    this.#books = new TradeBooks(options.bookOf)
    this.#kinds = new Map([
      [options.topics.audit, 'audit'],
      [options.topics.processed, 'state'],
    ])
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** A position from the id of an event; `undefined`: the text is none. */
  positionOf(id: string): FeedPosition | undefined {
    return FeedPosition.parse(id, [...this.#kinds.keys()])
  }

  /** From now on, or from behind `after`. The stream ends when it is destroyed, or the feed is closed. @throws ProblemError (503) where too many listen */
  listen(filter: EventFilter, after?: FeedPosition): EventStream {
    if (this.#listeners.size >= MOST_LISTENERS) throw unavailable('too-many-listeners', `${MOST_LISTENERS} listen already; try again later`, 5)
    const stream = new EventStream(filter)
    this.#listeners.set(stream, after)
    this.#waiting.add(stream)
    stream.once('close', () => this.#leave(stream))
    if (this.#run === undefined) this.#start()
    else if (this.#run.position !== undefined) this.#takeIn(this.#run.position)
    return stream
  }

  close(): void {
    for (const stream of [...this.#listeners.keys()]) {
      this.#leave(stream)
      stream.push(null)
    }
  }

  #leave(stream: EventStream): void {
    this.#listeners.delete(stream)
    this.#waiting.delete(stream)
    if (this.#listeners.size > 0) return
    this.#run?.stop.abort()
    this.#run = undefined
    this.#heartbeat?.cancel()
    this.#heartbeat = undefined
  }

  #start(): void {
    const run: Run = { stop: new AbortController(), position: undefined }
    this.#run = run
    void this.#follow(run)
    this.#beatLater()
  }

  #beatLater(): void {
    this.#heartbeat = this.#options.clock.after(HEARTBEAT_MS, () => {
      const position = this.#run?.position?.toString()
      if (position !== undefined) for (const stream of this.#listeners.keys()) stream.beat(position)
      this.#beatLater()
    })
  }

  /** What goes wrong with Kafka passes, or is a topic that is not there yet: the listeners stay. */
  async #follow(run: Run): Promise<void> {
    const { signal } = run.stop
    while (!signal.aborted) {
      try {
        await this.#read(run, await this.#beginning(run.position))
      } catch {
        await sleep(this.#options.clock, RETRY_MS, signal)
      }
    }
  }

  /** The ends of the logs; after a failure, where it stood, as far as that is still there. */
  async #beginning(before: FeedPosition | undefined): Promise<FeedPosition> {
    const ends = await this.#ends()
    if (before === undefined) return ends
    for (const { topic, partition, offset: start } of await this.#options.kafka.listOffsets(ends.partitions, 'earliest')) {
      const stood = before.offset(topic, partition)
      if (stood !== undefined && stood >= start && stood < (ends.offset(topic, partition) ?? 0)) ends.move(topic, partition, stood)
    }
    return ends
  }

  async #ends(): Promise<FeedPosition> {
    const { kafka } = this.#options
    const topics = await kafka.topics([...this.#kinds.keys()])
    const partitions = topics.flatMap(({ name, partitions: list }) => list.map(({ partition }) => ({ topic: name, partition })))
    const missing = [...this.#kinds.keys()].filter((name) => !partitions.some(({ topic }) => topic === name))
    if (missing.length > 0) throw new Error(`topics ${missing.join(', ')} are not there`)
    const offsets = new Map([...this.#kinds.keys()].map((topic): [string, number[]] => [topic, []]))
    for (const { topic, partition, offset } of await kafka.listOffsets(partitions, 'stable')) {
      const list = offsets.get(topic)
      if (list !== undefined) list[partition] = offset
    }
    return new FeedPosition(offsets)
  }

  async #read(run: Run, position: FeedPosition): Promise<void> {
    const { signal } = run.stop
    if (signal.aborted) return
    const fetcher = this.#options.kafka.fetcher({ readCommitted: true })
    const wake = () => fetcher.wake()
    signal.addEventListener('abort', wake)
    try {
      for (const at of position.partitions) fetcher.assign(at, { offset: position.offset(at.topic, at.partition) ?? 0, leaderEpoch: undefined })
      run.position = position
      this.#takeIn(position)
      const cursor = new CommittedCursor()
      while (!signal.aborted) {
        const taken = fetcher.take()
        if (taken === undefined) await fetcher.ready()
        else if (taken.kind === 'failure') throw new Error(taken.message)
        else this.#handOut(taken, cursor, position)
      }
    } finally {
      signal.removeEventListener('abort', wake)
      await fetcher.close()
    }
  }

  #handOut(chunk: FetchedChunk, cursor: CommittedCursor, position: FeedPosition): void {
    const { topic, partition } = chunk
    const kind = this.#kinds.get(topic)
    if (kind === undefined) return
    const seenAtMs = this.#options.clock.now()
    cursor.reset(chunk)
    while (cursor.next()) {
      position.move(topic, partition, cursor.offset + 1)
      const event = new FeedEvent(kind, cursor, { position: position.toString(), seenAtMs })
      for (const stream of this.#listeners.keys()) if (!this.#waiting.has(stream)) stream.offer(event, this.#bookOf)
    }
    position.move(topic, partition, chunk.nextOffset)
    chunk.release?.()
  }

  /** The live events of those who wait begin at `position`; what they have missed before is read for them. */
  #takeIn(position: FeedPosition): void {
    for (const stream of this.#waiting) {
      this.#waiting.delete(stream)
      const after = this.#listeners.get(stream)
      if (after === undefined) stream.goLive()
      else void this.#catchUp(stream, after, position.copy()).finally(() => stream.goLive())
    }
  }

  async #catchUp(stream: EventStream, after: FeedPosition, to: FeedPosition): Promise<void> {
    const { kafka } = this.#options
    const gone = new AbortController()
    stream.once('close', () => gone.abort())
    const at = to.copy()
    const ranges = await this.#missed(after, to, stream).catch(() => [])
    for (const { topic, partition, from } of ranges) at.move(topic, partition, from)
    const visit = ({ topic, partition }: TopicPartition, record: CommittedCursor): Promise<void> => {
      at.move(topic, partition, record.offset + 1)
      return stream.replay(new FeedEvent(this.#kinds.get(topic) ?? 'audit', record, { position: at.toString(), seenAtMs: undefined }), this.#bookOf)
    }
    // What retention has taken away meanwhile cannot be replayed: it goes on with what is live.
    await readRanges(kafka, ranges, { signal: gone.signal, visit }).catch(() => {})
  }

  /** What lies between two positions and is still there, the newest of it where it is too much. */
  async #missed(after: FeedPosition, to: FeedPosition, stream: EventStream): Promise<OffsetRange[]> {
    const wanted = to.partitions.flatMap(({ topic, partition }): OffsetRange[] => {
      const from = after.offset(topic, partition)
      const end = to.offset(topic, partition) ?? 0
      return from === undefined || from >= end ? [] : [{ topic, partition, from, to: end }]
    })
    if (wanted.length === 0) return []
    const starts = await this.#options.kafka.listOffsets(wanted, 'earliest')
    const share = Math.ceil(MOST_REPLAYED / wanted.length)
    const ranges = wanted.map((range, at) => ({ ...range, from: Math.max(range.from, starts[at]?.offset ?? 0, range.to - share) }))
    const passedOver = ranges.reduce((sum, { from }, at) => sum + Math.max(0, from - (wanted[at]?.from ?? from)), 0)
    if (passedOver > 0) stream.passOver(passedOver)
    return ranges
  }
}
