import type { TopicPartition } from '../../ports/broker.ts'
import type { FeedEvent } from './feed-event.ts'
import type { FeedPosition } from './feed-position.ts'

/** Less than may wait for one listener: all of them can be handed to him at once. */
const MOST_EVENTS = 900
const MOST_CHARACTERS = 300_000

interface Recent {
  readonly at: TopicPartition & { readonly offset: number }
  readonly event: FeedEvent
}

/** The newest live events, kept while somebody catches up: who has come to where they begin needs nothing more of Kafka. */
export class RecentEvents {
  readonly #items: Recent[] = []
  /** Everything from here on is in them. */
  readonly #base: FeedPosition
  #characters = 0

  /** `position`: where the events begin that are to be added. */
  constructor(position: FeedPosition) {
    this.#base = position.copy()
  }

  add(at: Recent['at'], event: FeedEvent): void {
    this.#items.push({ at, event })
    this.#characters += event.characters
    while (this.#items.length > MOST_EVENTS || this.#characters > MOST_CHARACTERS) {
      const oldest = this.#items.shift()
      if (oldest === undefined) return
      this.#characters -= oldest.event.characters
      this.#base.move(oldest.at.topic, oldest.at.partition, oldest.at.offset + 1)
    }
  }

  /** What lies behind a position, with ids that do not fall back behind it; `undefined`: not all of that is here. */
  since(seen: FeedPosition): readonly FeedEvent[] | undefined {
    if (!seen.covers(this.#base)) return undefined
    const position = seen.copy()
    const found: FeedEvent[] = []
    for (const { at, event } of this.#items) {
      if (at.offset < (position.offset(at.topic, at.partition) ?? 0)) continue
      position.move(at.topic, at.partition, at.offset + 1)
      found.push(event.at(position.toString()))
    }
    return found
  }
}
