import { ByteView } from '../records/byte-view.ts'
import { HeaderBlockBuilder } from '../records/headers.ts'
import type { TopicCollector } from './record-collector.ts'
import type { RecordQueue } from './record-queue.ts'

/** Names of the headers that a dead letter carries (KIP-1034). */
const PREFIX = '__streams.errors.'
const STACKTRACE_LIMIT = 4_000

/** Sends records that could not be processed to the dead-letter topic: raw key and value, original headers, and the error in headers (KIP-1034). */
export class DeadLetters {
  readonly #topic: TopicCollector

  constructor(topic: TopicCollector) {
    this.#topic = topic
  }

  /** The head of `queue`, to the number of its input partition. */
  send(queue: RecordQueue, error: Error): void {
    const { cursor } = queue
    const headers = new HeaderBlockBuilder()
    headers.reset()
    headers.copyFrom(cursor.headerCount > 0 ? cursor.headers : undefined)
    headers.add(`${PREFIX}exception`, error.name)
    headers.add(`${PREFIX}message`, error.message)
    headers.add(`${PREFIX}stacktrace`, (error.stack ?? '').slice(0, STACKTRACE_LIMIT))
    headers.add(`${PREFIX}topic`, queue.topic)
    headers.add(`${PREFIX}partition`, String(queue.partition))
    headers.add(`${PREFIX}offset`, String(cursor.offset))
    this.#topic.append(queue.partition % this.#topic.partitions, cursor.timestamp, cursor.hasKey ? cursor.key : undefined, cursor.hasValue ? cursor.value : undefined, headers.into(new ByteView()))
  }
}
