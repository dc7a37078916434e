import { type Clock, sleep, type Timer } from '../../ports/clock.ts'
import type { FetchedChunk } from '../../ports/kafka-client.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { unavailable } from '../problem.ts'
import { CatchUps } from './catch-up.ts'
import { EventStream } from './event-stream.ts'
import { type EventFilter, FeedEvent, type FeedKind } from './feed-event.ts'
import { FeedPosition } from './feed-position.ts'
import type { LiveKafka } from './live-kafka.ts'
import { RecentEvents } from './recent-events.ts'
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

/**
 * ```
 * waiting -> catching up -> live    (from the start, where there is no `after`)
 * ```
 * While it waits or catches up live events are not kept for it: they are read with what it has missed.
 */
interface Listener {
  readonly stream: EventStream
  /** What its id says that it has had. */
  readonly after: FeedPosition | undefined
  /** Live, at a gateway that is behind the one it came from: what lies before it is not for this listener. */
  covered: FeedPosition | undefined
}

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
  readonly #listeners = new Map<EventStream, Listener>()
  /** Those who came before the run has begun. */
  readonly #waiting = new Set<Listener>()
  readonly #live = new Set<Listener>()
  readonly #books: TradeBooks
  readonly #kinds: ReadonlyMap<string, FeedKind>
  readonly #bookOf = (event: FeedEvent) => this.#books.of(event)
  readonly #catchUps: CatchUps
  /** Of this reading of the topics; while somebody catches up. */
  #recent: RecentEvents | undefined
  #catchingUp = 0
  #run: Run | undefined
  #heartbeat: Timer | undefined

  constructor(options: EventFeedOptions) {
    this.#options = options
    this.#books = new TradeBooks(options.bookOf)
    this.#kinds = new Map([
      [options.topics.audit, 'audit'],
      [options.topics.processed, 'state'],
    ])
    this.#catchUps = new CatchUps({ kafka: options.kafka, clock: options.clock, kinds: this.#kinds, bookOf: this.#bookOf })
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
    const listener: Listener = { stream, after, covered: undefined }
    this.#listeners.set(stream, listener)
    this.#waiting.add(listener)
    stream.once('close', () => this.#leave(stream))
    if (this.#run === undefined) this.#start()
    else if (this.#run.position !== undefined) this.#takeIn()
    return stream
  }

  close(): void {
    for (const stream of [...this.#listeners.keys()]) {
      this.#leave(stream)
      stream.push(null)
    }
  }

  #leave(stream: EventStream): void {
    const listener = this.#listeners.get(stream)
    if (listener === undefined) return
    this.#listeners.delete(stream)
    this.#waiting.delete(listener)
    this.#live.delete(listener)
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
      const position = this.#run?.position
      const text = position?.toString() ?? ''
      for (const { stream, covered } of this.#listeners.values()) stream.beat(position === undefined || covered === undefined ? text : position.furthest(covered).toString())
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

  /** The ends of the logs; after a failure, where it stood, or the oldest that is left: who is live is told what that passes over. */
  async #beginning(before: FeedPosition | undefined): Promise<FeedPosition> {
    const ends = await this.#ends()
    if (before === undefined) return ends
    let passedOver = 0
    for (const { topic, partition, offset: start } of await this.#options.kafka.listOffsets(ends.partitions, 'earliest')) {
      const stood = before.offset(topic, partition)
      // Beyond the end it stood in another log.
      if (stood !== undefined && stood > (ends.offset(topic, partition) ?? 0)) continue
      ends.move(topic, partition, Math.max(stood ?? start, start))
      passedOver += Math.max(0, start - (stood ?? start))
    }
    if (passedOver > 0) for (const { stream } of this.#live) stream.passOver(passedOver)
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
      if (this.#catchingUp > 0) this.#recent = new RecentEvents(position)
      this.#takeIn()
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
      const event = FeedEvent.of(kind, cursor, { position: position.toString(), seenAtMs })
      this.#recent?.add({ topic, partition, offset: cursor.offset }, event)
      for (const { stream, covered } of this.#live) {
        if (covered === undefined) stream.offer(event, this.#bookOf)
        else if (cursor.offset >= (covered.offset(topic, partition) ?? 0)) stream.offer(event.at(position.furthest(covered).toString()), this.#bookOf)
      }
    }
    position.move(topic, partition, chunk.nextOffset)
    for (const listener of this.#live) if (listener.covered !== undefined && position.covers(listener.covered)) listener.covered = undefined
    chunk.release?.()
  }

  #takeIn(): void {
    for (const listener of this.#waiting) {
      this.#waiting.delete(listener)
      if (listener.after === undefined) {
        this.#live.add(listener)
        listener.stream.goLive()
      } else void this.#catchUp(listener, listener.after)
    }
  }

  /** Where it fails the connection ends: whoever was there comes back with the id that he has. */
  async #catchUp(listener: Listener, after: FeedPosition): Promise<void> {
    const { stream } = listener
    if (this.#catchingUp++ === 0) this.#recent = new RecentEvents(this.#position())
    try {
      await this.#catchUps.run(stream, after, { live: () => this.#position(), join: (at) => this.#join(listener, at) })
    } catch {
      stream.destroy()
    }
    if (--this.#catchingUp === 0) this.#recent = undefined
  }

  #position(): FeedPosition {
    const position = this.#run?.position
    if (position === undefined) throw new Error('nobody listens any more')
    return position
  }

  /** In one step: no live event comes between what is handed over here and what follows. */
  #join(listener: Listener, at: FeedPosition): boolean {
    const events = this.#recent?.since(at)
    if (events === undefined || !this.#listeners.has(listener.stream)) return false
    for (const event of events) listener.stream.offer(event, this.#bookOf)
    listener.covered = this.#position().covers(at) ? undefined : at.copy()
    this.#live.add(listener)
    listener.stream.goLive()
    return true
  }
}
