import { ConnectionLostError } from '../ports/broker.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { KafkaClient, OutgoingBatch, Producer } from '../ports/kafka-client.ts'
import { RecordRefusedError } from '../ports/kafka-error.ts'
import { BatchBuilder } from '../records/batch-builder.ts'
import { ByteView } from '../records/byte-view.ts'
import { HeaderBlockBuilder } from '../records/headers.ts'
import { murmur2, partitionOf } from '../records/murmur2.ts'
import { passesByItself } from './passing-error.ts'
import type { SinkRecord } from './sink-record.ts'

export interface DeadLetter {
  readonly record: SinkRecord
  readonly reason: string
  readonly error: Error
}

export interface DeadLettersOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  /** Default `trade.dead-letter`. */
  readonly topic?: string
  /** Goes into the headers, with the class of the database. */
  readonly connectorName: string
}

const DAY_MS = 86_400_000
const RETRY_MS = 500

/**
 * Writes what a database refuses to the dead-letter topic: raw key and value, the original headers, then Kafka Connect's.
 *
 * A dead letter is written, and acknowledged, before the progress moves past its record. So none is ever missing; one may be there twice, after a crash
 * between the two. The headers topic, partition and offset name the record, so that a reader can tell a repetition.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions
  readonly #topic: string
  readonly #producer: Producer
  readonly #headers = new HeaderBlockBuilder()

  constructor(options: DeadLettersOptions) {
    this.#options = options
    this.#topic = options.topic ?? 'trade.dead-letter'
    this.#producer = options.client.producer()
  }

  /** Resolves once every letter is acknowledged, or `signal` is aborted (false). Rejects where Kafka says that no repetition helps. */
  async write(letters: readonly DeadLetter[], signal: AbortSignal): Promise<boolean> {
    const tooLarge = new Set<DeadLetter>()
    // A letter that is refused lies there already: another one of it would be refused, too, and so on.
    let left = letters.filter(({ record }) => record.source.topic !== this.#topic)
    while (left.length > 0 && !signal.aborted) {
      try {
        const partitions = await this.#partitions()
        const batches = left.map((letter) => this.#batch(letter, partitions, tooLarge.has(letter)))
        await this.#producer.produce(batches)
        left = []
      } catch (error) {
        const refused = error instanceof RecordRefusedError ? left[error.batchIndex] : undefined
        if (refused !== undefined && !tooLarge.has(refused)) tooLarge.add(refused)
        else if (passesByItself(error)) await sleep(this.#options.clock, RETRY_MS, signal)
        else throw error
      }
    }
    return left.length === 0
  }

  close(): Promise<void> {
    return this.#producer.close()
  }

  async #partitions(): Promise<number> {
    const [topic] = await this.#options.client.topics([this.#topic])
    if (topic === undefined || topic.errorCode !== 0 || topic.partitions.length === 0) {
      throw new ConnectionLostError(`the dead-letter topic '${this.#topic}' is not there (error ${topic?.errorCode}): create it, the sink waits for it`)
    }
    return topic.partitions.length
  }

  #batch({ record, reason, error }: DeadLetter, partitions: number, withoutValue: boolean): OutgoingBatch {
    const { source, timestampMs } = record
    const key = record.hasKey ? new ByteView(record.keyBuffer, record.keyStart, record.keyEnd) : undefined
    const value = record.hasValue && !withoutValue ? new ByteView(record.valueBuffer, record.valueStart, record.valueEnd) : undefined
    const headers = this.#headers
    headers.reset()
    headers.copyFrom(record.headerStart < 0 ? undefined : new ByteView(record.headerBuffer, record.headerStart, record.headerEnd))
    const add = (name: string, text: string) => headers.add(`__connect.errors.${name}`, text)
    add('topic', source.topic)
    add('partition', String(source.partition))
    add('offset', String(record.offset))
    add('connector.name', this.#options.connectorName)
    add('task.id', '0')
    add('stage', 'TASK_PUT')
    add('class.name', `tradewind.sinks.${this.#options.connectorName}`)
    add('exception.class.name', error.name)
    add('exception.message', reason)
    add('exception.stacktrace', error.stack ?? reason)
    if (withoutValue) add('value.dropped', 'true')
    const now = this.#options.clock.now()
    const builder = new BatchBuilder({ transactional: false, limitBytes: Number.MAX_SAFE_INTEGER })
    // an old timestamp would have retention delete the evidence at once
    builder.append(timestampMs <= now && timestampMs > now - DAY_MS ? timestampMs : now, key, value, headers.into(new ByteView()))
    const partition = key === undefined ? source.partition % partitions : partitionOf(murmur2(key.buffer, key.start, key.end), partitions)
    return { topic: this.#topic, partition, bytes: builder.seal(), recordCount: 1 }
  }
}
