import { Readable } from 'node:stream'
import { eventFrame, type EventFilter, type FeedEvent } from './feed-event.ts'
import { type FoundBook, UNKNOWN_BOOK } from './trade-books.ts'

/** What may wait for one listener. */
const MOST_EVENTS = 1_000
const MOST_BYTES = 1_000_000
/** How soon a browser comes back. */
const RETRY_MS = 2_000

type BookOf = (event: FeedEvent) => FoundBook | Promise<FoundBook>

interface Waiting {
  readonly event: FeedEvent
  /** Whether the listener wants it, which may not be found out; the book of a trade may have to be asked for. */
  readonly isWanted: true | Promise<boolean | typeof UNKNOWN_BOOK>
}

/**
 * The events of one listener, as bytes of a `text/event-stream`. Who reads too slowly loses the oldest ones, and is told how many; nobody else waits for him.
 *
 * ```
 * replaying -> live       (from the start where nothing is to be replayed)
 *       any -> destroyed  (the connection has ended)
 * ```
 */
export class EventStream extends Readable {
  readonly #filter: EventFilter
  readonly #queue: Waiting[] = []
  #bytes = 0
  #dropped = 0
  #isLive = false
  /** The reader takes more. */
  #isWanted = false
  #isPumping = false
  #room = Promise.withResolvers<void>()

  constructor(filter: EventFilter) {
    super()
    this.#filter = filter
    this.push(`retry: ${RETRY_MS}\n\n`)
  }

  /** An event of now. While earlier ones are replayed it waits. */
  offer(event: FeedEvent, bookOf: BookOf): void {
    if (!event.matches(this.#filter)) return
    const isWanted = this.#isInBook(event, bookOf)
    if (isWanted === false) return
    if (isWanted === UNKNOWN_BOOK) {
      this.passOver(1)
      return
    }
    this.#queue.push({ event, isWanted })
    this.#bytes += event.frame.length
    while (this.#queue.length > MOST_EVENTS || (this.#bytes > MOST_BYTES && this.#queue.length > 1)) {
      this.#take()
      this.#dropped++
    }
    void this.#pump()
  }

  /** An event of earlier, in its turn: resolves when there is room for the next one, or nobody listens any more. */
  async replay(event: FeedEvent, bookOf: BookOf): Promise<void> {
    if (!event.matches(this.#filter)) return
    const isWanted = await this.#isInBook(event, bookOf)
    if (isWanted === UNKNOWN_BOOK) this.passOver(1)
    if (isWanted !== true) return
    while (!this.#isWanted && !this.destroyed) await this.#room.promise
    if (this.destroyed) return
    // Whoever comes back with the id of this one is not told any more.
    if (this.#dropped > 0) this.#tellDropped()
    this.#isWanted = this.push(event.frame)
  }

  /** Events that the listener does not get: he is told how many, in their place as far as that is known. */
  passOver(count: number): void {
    this.#dropped += count
    void this.#pump()
  }

  /** Everything of earlier has been replayed. */
  goLive(): void {
    this.#isLive = true
    void this.#pump()
  }

  /** So that the connection is not taken for dead. Whoever comes back then goes on from here: nothing that he wanted lies before it, once everything of earlier has been replayed. */
  beat(position: string): void {
    if (!this.#isLive && this.#isWanted) this.#isWanted = this.push(': \n\n')
    if (!this.#isLive || !this.#isWanted || this.#isPumping || this.#queue.length > 0 || this.#dropped > 0) return
    this.#isWanted = this.push(`: \nid: ${position}\n\n`)
  }

  override _read(): void {
    this.#isWanted = true
    this.#signalRoom()
    void this.#pump()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#queue.length = 0
    this.#bytes = 0
    this.#signalRoom()
    done(error)
  }

  #isInBook(event: FeedEvent, bookOf: BookOf): boolean | typeof UNKNOWN_BOOK | Promise<boolean | typeof UNKNOWN_BOOK> {
    const { books } = this.#filter
    if (books.size === 0) return true
    const isOneOf = (book: FoundBook) => (book === UNKNOWN_BOOK ? UNKNOWN_BOOK : book !== undefined && books.has(book))
    const book = bookOf(event)
    return book instanceof Promise ? book.then(isOneOf) : isOneOf(book)
  }

  async #pump(): Promise<void> {
    if (this.#isPumping || !this.#isLive) return
    this.#isPumping = true
    while (this.#isWanted && !this.destroyed) {
      if (this.#dropped > 0) {
        this.#tellDropped()
        continue
      }
      const next = this.#take()
      if (next === undefined) break
      const isWanted = next.isWanted === true || (await next.isWanted)
      if (isWanted === UNKNOWN_BOOK) this.#dropped++
      else if (isWanted && !this.destroyed) this.#isWanted = this.push(next.event.frame)
    }
    this.#isPumping = false
  }

  #tellDropped(): void {
    const count = this.#dropped
    this.#dropped = 0
    this.#isWanted = this.push(eventFrame('dropped', undefined, JSON.stringify({ count })))
  }

  #take(): Waiting | undefined {
    const next = this.#queue.shift()
    if (next !== undefined) this.#bytes -= next.event.frame.length
    return next
  }

  #signalRoom(): void {
    this.#room.resolve()
    this.#room = Promise.withResolvers<void>()
  }
}
