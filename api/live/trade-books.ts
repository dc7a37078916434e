import type { FeedEvent } from './feed-event.ts'

/** Nobody can say now which book it is in: too many are being asked for, or the state store does not answer. */
export const UNKNOWN_BOOK = Symbol('unknown book')

/** `undefined`: in none. */
export type FoundBook = string | undefined | typeof UNKNOWN_BOOK

const MOST_TRADES = 50_000
const MOST_ASKED = 500

/**
 * The book of a trade, for events that do not say it themselves: audit entries and deletes. What state events have shown is remembered; what they have not is asked of the state store. Only listeners that
 * filter by book cost this.
 */
export class TradeBooks {
  readonly #ask: (tradeId: string) => Promise<string | undefined>
  /** The least recently seen first. */
  readonly #books = new Map<string, string | undefined>()
  readonly #asked = new Map<string, Promise<FoundBook>>()

  /** `ask`: what the state store says; it may reject. */
  constructor(ask: (tradeId: string) => Promise<string | undefined>) {
    this.#ask = ask
  }

  of(event: FeedEvent): FoundBook | Promise<FoundBook> {
    const { tradeId, bookId } = event
    if (tradeId === undefined) return undefined
    if (bookId !== undefined) {
      this.#remember(tradeId, bookId)
      return bookId
    }
    if (this.#books.has(tradeId)) return this.#books.get(tradeId)
    return this.#asked.get(tradeId) ?? this.#lookUp(tradeId)
  }

  #lookUp(tradeId: string): Promise<FoundBook> | typeof UNKNOWN_BOOK {
    if (this.#asked.size >= MOST_ASKED) return UNKNOWN_BOOK
    const asked: Promise<FoundBook> = this.#ask(tradeId)
      .then((book) => {
        // What is not there yet may be there soon: not remembered.
        if (book !== undefined && !this.#books.has(tradeId)) this.#remember(tradeId, book)
        return book
      })
      .catch((): typeof UNKNOWN_BOOK => UNKNOWN_BOOK)
      .finally(() => this.#asked.delete(tradeId))
    this.#asked.set(tradeId, asked)
    return asked
  }

  #remember(tradeId: string, book: string): void {
    this.#books.delete(tradeId)
    this.#books.set(tradeId, book)
    if (this.#books.size <= MOST_TRADES) return
    const [oldest] = this.#books.keys()
    if (oldest !== undefined) this.#books.delete(oldest)
  }
}
