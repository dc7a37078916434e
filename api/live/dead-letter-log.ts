import type { Clock } from '../../ports/clock.ts'
import { type DeadLetter, deadLetterOf } from './dead-letter.ts'
import { unavailable } from '../problem.ts'
import { askInTime, type LiveKafka } from './live-kafka.ts'
import { type OffsetRange, RangeGoneError, readRanges } from './read-ranges.ts'

export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[]
  /** Where the next page begins: behind the last offset to show, of each partition. `undefined`: there is no more. */
  readonly next: readonly number[] | undefined
}

const LIMIT_MS = 10_000
/** A page ends when its letters are that large together, however few they are. */
const PAGE_BYTES = 8_000_000
const FIRST_WINDOW = 4
const LARGEST_WINDOW = 256
/** An answer of Kafka holds no more of a partition, but for a single batch. */
const PARTITION_BYTES = 250_000

/** One partition, read from its end to its beginning. */
interface Backwards {
  readonly partition: number
  readonly start: number
  /** Everything from here on was read. */
  readTo: number
  /** Behind the newest letter that was not taken yet. */
  bound: number
  window: number
  /** Read and not taken, the newest last. */
  letters: DeadLetter[]
  /** Of those. */
  bytes: number
}

/**
 * The dead-letter topic, read from Kafka, where the letters are kept for 30 days. Kafka reads forwards only: from the end of each partition a stretch is read, a longer one as long as there is not enough. Between partitions the
 * timestamp orders, within one the offset.
 */
export class DeadLetterLog {
  readonly #kafka: LiveKafka
  readonly #clock: Clock
  readonly #topic: string

  constructor(options: { kafka: LiveKafka; clock: Clock; topic: string }) {
    this.#kafka = options.kafka
    this.#clock = options.clock
    this.#topic = options.topic
  }

  /** The newest first. `before`: `next` of the page before. @throws ProblemError (503) */
  async page(limit: number, before: readonly number[] | undefined): Promise<DeadLetterPage> {
    const read = () => this.#inTime((signal) => this.#page(limit, before, signal))
    try {
      return await read().catch((error: unknown) => {
        // Retention has come by: the partitions begin elsewhere now.
        if (error instanceof RangeGoneError) return read()
        throw error
      })
    } catch (error) {
      if (error instanceof RangeGoneError) throw unavailable('dead-letters-away', `the dead letters cannot be read: ${error.message}; try again`)
      throw error
    }
  }

  /** `undefined`: there is none at this place. @throws ProblemError (503) */
  letter(partition: number, offset: number): Promise<DeadLetter | undefined> {
    return this.#inTime((signal) => this.#letter(partition, offset, signal))
  }

  /** Identity of the topic: offsets start anew in a topic that is made anew. @throws ProblemError (503) */
  topicId(): Promise<string> {
    return this.#inTime(async () => (await this.#kafka.topics([this.#topic]))[0]?.topicId ?? '')
  }

  async #inTime<T>(read: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController()
    try {
      return await askInTime(this.#clock, LIMIT_MS, 'the dead letters cannot be read', read(stop.signal))
    } finally {
      stop.abort()
    }
  }

  async #page(limit: number, before: readonly number[] | undefined, signal: AbortSignal): Promise<DeadLetterPage> {
    const sources = await this.#sources(before)
    const letters: DeadLetter[] = []
    let bytes = 0
    for (let count = 0; count < limit && bytes < PAGE_BYTES; count++) {
      await this.#fill(sources, Math.max(FIRST_WINDOW, Math.ceil(limit / Math.max(1, sources.length))), signal)
      const newest = sources.reduce<Backwards | undefined>((best, source) => (timeOf(source) > timeOf(best) ? source : best), undefined)
      const letter = newest?.letters.pop()
      if (newest === undefined || letter === undefined) break
      newest.bound = letter.offset
      letters.push(letter)
      bytes += sizeOf(letter)
      newest.bytes -= sizeOf(letter)
    }
    await this.#fill(sources, FIRST_WINDOW, signal)
    if (sources.every((source) => source.letters.length === 0)) return { letters, next: undefined }
    const next: number[] = []
    for (const { partition, bound } of sources) next[partition] = bound
    return { letters, next }
  }

  async #sources(before: readonly number[] | undefined): Promise<Backwards[]> {
    const partitions = await this.#partitions()
    const [starts, ends] = await Promise.all([this.#kafka.listOffsets(partitions, 'earliest'), this.#kafka.listOffsets(partitions, 'stable')])
    return ends.map(({ partition, offset: end }, at) => {
      const start = starts[at]?.offset ?? 0
      const bound = Math.max(start, Math.min(end, before?.[partition] ?? end))
      return { partition, start, readTo: bound, bound, window: 0, letters: [], bytes: 0 }
    })
  }

  async #partitions(): Promise<{ topic: string; partition: number }[]> {
    const [found] = await this.#kafka.topics([this.#topic])
    return (found?.partitions ?? []).map(({ partition }) => ({ topic: this.#topic, partition }))
  }

  /**
   * Each partition that has earlier letters shows its newest one. Between letters may lie markers and aborted records: the stretch gets longer each time. Where it turns out to hold more bytes than the partition's share of a page,
   * it is left, and a shorter one read: a single offset is never too much.
   */
  async #fill(sources: readonly Backwards[], firstWindow: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const empty = sources.filter(({ letters, readTo, start }) => letters.length === 0 && readTo > start)
      if (empty.length === 0 || signal.aborted) return
      const ranges = empty.map((source): OffsetRange => {
        if (source.window === 0) source.window = firstWindow
        return { topic: this.#topic, partition: source.partition, from: Math.max(source.start, source.readTo - source.window), to: source.readTo }
      })
      const share = PAGE_BYTES / sources.length
      const tooLong = new Set<Backwards>()
      await readRanges(this.#kafka, ranges, {
        signal,
        maxPartitionBytes: PARTITION_BYTES,
        visit: ({ partition, from, to }, record) => {
          const source = sources.find((one) => one.partition === partition)
          if (source === undefined) return 'enough'
          const letter = deadLetterOf(partition, record)
          source.letters.push(letter)
          source.bytes += sizeOf(letter)
          if (source.bytes <= share || to - from === 1) return undefined
          tooLong.add(source)
          return 'enough'
        },
      })
      for (const [at, source] of empty.entries()) {
        const mean = source.bytes / Math.max(1, source.letters.length)
        if (tooLong.has(source)) {
          source.window = Math.max(1, Math.min(Math.floor(share / mean), source.window >> 1))
          source.letters = []
          source.bytes = 0
        } else {
          source.readTo = ranges[at]?.from ?? source.start
          if (source.bytes * 2 <= share) source.window = Math.min(LARGEST_WINDOW, source.window * 2)
        }
      }
    }
  }

  async #letter(partition: number, offset: number, signal: AbortSignal): Promise<DeadLetter | undefined> {
    const at = (await this.#partitions()).filter((candidate) => candidate.partition === partition)
    const [[start], [end]] = await Promise.all([this.#kafka.listOffsets(at, 'earliest'), this.#kafka.listOffsets(at, 'stable')])
    if (start === undefined || end === undefined || offset < start.offset || offset >= end.offset) return undefined
    let found: DeadLetter | undefined
    const visit = (_: OffsetRange, record: Parameters<typeof deadLetterOf>[1]): 'enough' => {
      if (record.offset === offset) found = deadLetterOf(partition, record)
      return 'enough'
    }
    try {
      await readRanges(this.#kafka, [{ topic: this.#topic, partition, from: offset, to: offset + 1 }], { signal, maxPartitionBytes: PARTITION_BYTES, visit })
    } catch (error) {
      // Retention has come by meanwhile.
      if (!(error instanceof RangeGoneError)) throw error
    }
    return found
  }
}

function sizeOf({ key, value }: DeadLetter): number {
  return (key?.length ?? 0) + (value?.length ?? 0)
}

function timeOf(source: Backwards | undefined): number {
  return source?.letters.at(-1)?.timestampMs ?? Number.NEGATIVE_INFINITY
}
