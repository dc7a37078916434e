import type { TopicPartition } from '../../ports/broker.ts'
import type { FetchedChunk, Fetcher, FetchFailure, FetchPosition } from '../../ports/kafka-client.ts'
import type { ModelLog } from './model-log.ts'

interface Position extends TopicPartition {
  offset: number
  isPaused: boolean
}

/** Hands out what the logs of the model hold. Reactions on `ready` are counted: who asks again and again for one answer lets them pile up. */
export class ModelFetcher implements Fetcher {
  readonly #options: { log: (topic: string, partition: number) => ModelLog; readCommitted: boolean; closed: () => void }
  readonly #positions = new Map<string, Position>()
  #failures: FetchFailure[] = []
  #waiter: PromiseWithResolvers<void> | undefined
  #isWoken = false

  constructor(options: { log: (topic: string, partition: number) => ModelLog; readCommitted: boolean; closed: () => void }) {
    this.#options = options
  }

  assign({ topic, partition }: TopicPartition, { offset }: FetchPosition): void {
    this.#positions.set(`${topic}-${partition}`, { topic, partition, offset, isPaused: false })
    this.look()
  }

  remove({ topic, partition }: TopicPartition): void {
    this.#positions.delete(`${topic}-${partition}`)
  }

  pause({ topic, partition }: TopicPartition): void {
    const position = this.#positions.get(`${topic}-${partition}`)
    if (position !== undefined) position.isPaused = true
  }

  resume({ topic, partition }: TopicPartition): void {
    const position = this.#positions.get(`${topic}-${partition}`)
    if (position !== undefined) position.isPaused = false
    this.look()
  }

  take(): FetchedChunk | FetchFailure | undefined {
    const failure = this.#failures.shift()
    if (failure !== undefined) return failure
    for (const position of this.#positions.values()) {
      const { topic, partition, offset, isPaused } = position
      if (isPaused) continue
      const log = this.#options.log(topic, partition)
      if (offset < log.start) {
        this.remove(position)
        return { kind: 'failure', topic, partition, reason: 'offset-out-of-range', message: `${topic}-${partition}: offset ${offset} is not in the log` }
      }
      const chunk = log.chunk(offset, this.#options.readCommitted)
      if (chunk === undefined) continue
      position.offset = chunk.nextOffset
      return lent(chunk)
    }
    return undefined
  }

  /** It reads from the log what is taken. */
  readonly waiting = 0

  fail(failure: FetchFailure): void {
    this.#failures.push(failure)
    this.look()
  }

  ready(): Promise<void> {
    if (this.#isWoken) {
      this.#isWoken = false
      return Promise.resolve()
    }
    this.#waiter ??= Promise.withResolvers<void>()
    return this.#waiter.promise
  }

  /** There may be something to take. */
  look(): void {
    this.wake()
  }

  wake(): void {
    if (this.#waiter === undefined) this.#isWoken = true
    this.#waiter?.resolve()
    this.#waiter = undefined
  }

  async close(): Promise<void> {
    this.#options.closed()
    this.wake()
  }
}

/** With memory of its own, which is spoilt once it is released: whoever still looks at it is found out. */
function lent(chunk: FetchedChunk): FetchedChunk {
  const buffer = Buffer.from(chunk.buffer.subarray(chunk.start, chunk.end))
  return { ...chunk, buffer, start: 0, end: buffer.length, release: () => buffer.fill(0xdb) }
}
