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

  /** The head of `queue`, to the number of its input partition. `bare`: without key, value and its own headers, where the topic refused it whole; topic, partition and offset say where to find it. */
  send(queue: RecordQueue, error: Error, form: 'whole' | 'bare'): void {
    const { cursor } = queue
    const headers = new HeaderBlockBuilder()
    headers.reset()
    const isWhole = form === 'whole'
    headers.copyFrom(isWhole && cursor.headerCount > 0 ? cursor.headers : undefined)
    headers.add(`${PREFIX}exception`, error.name)
    headers.add(`${PREFIX}message`, error.message)
    headers.add(`${PREFIX}stacktrace`, (error.stack ?? '').slice(0, STACKTRACE_LIMIT))
    headers.add(`${PREFIX}topic`, queue.topic)
    headers.add(`${PREFIX}partition`, String(queue.partition))
    headers.add(`${PREFIX}offset`, String(cursor.offset))
    this.#topic.append(queue.partition % this.#topic.partitions, cursor.timestamp, isWhole && cursor.hasKey ? cursor.key : undefined, isWhole && cursor.hasValue ? cursor.value : undefined, headers.into(new ByteView()))
  }
}
