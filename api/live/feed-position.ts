import type { TopicPartition } from '../../ports/broker.ts'

const RADIX = 36
const TEXT = /^[0-9a-z.~]{1,10000}$/
const NUMBER = /^[0-9a-z]{1,10}$/

/**
 * Where a reader of several topics stands: the next offset of each partition. As text it is the id of an event, so that whoever comes back with it goes on there, at whichever gateway: offsets in base 36, `.` between
 * partitions, `~` between topics.
 */
export class FeedPosition {
  readonly #offsets: ReadonlyMap<string, number[]>
  /** The offsets as text: one changes with each record, the others need not be written anew. */
  readonly #texts: ReadonlyMap<string, string[]>

  /** Of each topic, in this order, the next offset of each partition from 0 on. */
  constructor(offsets: ReadonlyMap<string, readonly number[]>) {
    this.#offsets = new Map([...offsets].map(([topic, list]) => [topic, [...list]]))
    this.#texts = new Map([...offsets].map(([topic, list]) => [topic, list.map((offset) => offset.toString(RADIX))]))
  }

  /** `undefined`: no text of a position in these topics. */
  static parse(text: string, topics: readonly string[]): FeedPosition | undefined {
    if (!TEXT.test(text)) return undefined
    const parts = text.split('~').map((part) => part.split('.'))
    if (parts.length !== topics.length || !parts.every((part) => part.every((number) => NUMBER.test(number)))) return undefined
    return new FeedPosition(new Map(topics.map((topic, at) => [topic, (parts[at] ?? []).map((number) => Number.parseInt(number, RADIX))])))
  }

  get partitions(): TopicPartition[] {
    return [...this.#offsets].flatMap(([topic, list]) => list.map((_, partition) => ({ topic, partition })))
  }

  /** `undefined`: the partition is not among those of this position. */
  offset(topic: string, partition: number): number | undefined {
    return this.#offsets.get(topic)?.[partition]
  }

  move(topic: string, partition: number, nextOffset: number): void {
    const offsets = this.#offsets.get(topic)
    const texts = this.#texts.get(topic)
    if (offsets === undefined || texts === undefined || partition >= offsets.length) return
    offsets[partition] = nextOffset
    texts[partition] = nextOffset.toString(RADIX)
  }

  /** The further of the two, partition by partition, in the partitions of this one. */
  furthest(other: FeedPosition): FeedPosition {
    return new FeedPosition(new Map([...this.#offsets].map(([topic, list]) => [topic, list.map((offset, partition) => Math.max(offset, other.offset(topic, partition) ?? 0))])))
  }

  /** Nothing lies before the other one that does not lie before this one. */
  covers(other: FeedPosition): boolean {
    return other.partitions.every(({ topic, partition }) => (this.offset(topic, partition) ?? 0) >= (other.offset(topic, partition) ?? 0))
  }

  copy(): FeedPosition {
    return new FeedPosition(this.#offsets)
  }

  toString(): string {
    let text = ''
    for (const part of this.#texts.values()) text += text === '' ? part.join('.') : `~${part.join('.')}`
    return text
  }
}
