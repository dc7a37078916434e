import type { NewTopic, TopicPartition } from '../../ports/broker.ts'
import type { KafkaClient, OutgoingBatch, Producer, TransactionalProducer } from '../../ports/kafka-client.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { HeaderBlockBuilder, readHeaders } from '../../records/headers.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import type { InputRecord, SimulatedRecord } from './simulated-application.ts'
import type { SimulatedProcess } from './simulated-process.ts'

const TOPIC_ALREADY_EXISTS = 36

/** The rest of the world: it writes the input and reads what comes out, with a client of its own on a network that is always good. */
export class Outside {
  readonly #client: KafkaClient
  readonly #process: SimulatedProcess
  readonly #partitionCounts: ReadonlyMap<string, number>
  readonly #producer: Producer
  readonly #transactional: TransactionalProducer
  #isInitialised = false

  constructor({ client, process, partitionCounts }: { client: KafkaClient; process: SimulatedProcess; partitionCounts: ReadonlyMap<string, number> }) {
    this.#client = client
    this.#process = process
    this.#partitionCounts = partitionCounts
    this.#producer = client.producer()
    this.#transactional = client.transactionalProducer({ transactionalId: 'outside' })
  }

  async createTopics(topics: readonly NewTopic[]): Promise<void> {
    for (const { name, errorCode, errorMessage } of await this.#client.broker.createTopics(topics)) {
      if (errorCode !== 0 && errorCode !== TOPIC_ALREADY_EXISTS) throw new Error(`topic ${name} could not be created: ${errorMessage ?? `error ${errorCode}`}`)
    }
  }

  /** Writes records, in this order within each partition. With an outcome it does so in a transaction: those of an aborted one must never be seen. */
  async write(records: readonly InputRecord[], outcome?: 'commit' | 'abort'): Promise<void> {
    const batches = this.#batches(records, outcome !== undefined)
    if (outcome === undefined) return void (await this.#producer.produce(batches))
    try {
      if (!this.#isInitialised) await this.#transactional.initialise()
      this.#isInitialised = true
      await this.#transactional.produce(batches)
      await this.#transactional.end(outcome)
    } catch {
      // Fenced by a time-out while the brokers were away: what was written is aborted. The input is what is found in the log.
      this.#isInitialised = false
    }
  }

  /** Every record of the topics up to their ends, by topic, partition and offset. */
  async read(topics: readonly string[], { readCommitted = true } = {}): Promise<SimulatedRecord[]> {
    const partitions = topics.flatMap((topic) => this.#partitions(topic))
    const found = new Map<string, SimulatedRecord[]>(partitions.map((at) => [keyOf(at), []]))
    await this.#scan(partitions, readCommitted, (cursor, at) => found.get(keyOf(at))?.push(recordOf(cursor, at)))
    return [...found.values()].flat()
  }

  /** Log ends of partitions. */
  async ends(topics: readonly string[], which: 'stable' | 'latest'): Promise<(TopicPartition & { offset: number })[]> {
    return this.#client.listOffsets(topics.flatMap((topic) => this.#partitions(topic)), which)
  }

  async committedOffsets(groupId: string, topics: readonly string[], { requireStable }: { requireStable: boolean }): Promise<(TopicPartition & { offset: number | undefined })[]> {
    return this.#client.committedOffsets(groupId, topics.flatMap((topic) => this.#partitions(topic)), { requireStable })
  }

  pause(forMs: number): Promise<void> {
    return new Promise((resolve) => this.#process.after(forMs, resolve))
  }

  #partitions(topic: string): TopicPartition[] {
    return Array.from({ length: this.#partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition }))
  }

  #batches(records: readonly InputRecord[], transactional: boolean): OutgoingBatch[] {
    const builders = new Map<string, TopicPartition & { builder: BatchBuilder }>()
    const whole: (TopicPartition & { builder: BatchBuilder })[] = []
    for (const record of records) {
      const { topic } = record
      const partition = record.partition ?? (record.key === null ? 0 : partitionOf(murmur2(record.key, 0, record.key.length), this.#partitionCounts.get(topic) ?? 1))
      const at = keyOf({ topic, partition })
      const append = (): boolean => {
        let batch = builders.get(at)
        if (batch === undefined) {
          batch = { topic, partition, builder: new BatchBuilder({ transactional }) }
          builders.set(at, batch)
          whole.push(batch)
        }
        const { key, value, ageMs = 0 } = record
        return batch.builder.append(this.#process.now() - ageMs, view(key), view(value), headerBlock(record))
      }
      if (append()) continue
      builders.delete(at)
      append()
    }
    return whole.map(({ topic, partition, builder }) => ({ topic, partition, bytes: builder.seal(), recordCount: builder.recordCount }))
  }

  async #scan(partitions: readonly TopicPartition[], readCommitted: boolean, visit: (cursor: CommittedCursor, at: TopicPartition) => void): Promise<void> {
    const starts = await this.#client.listOffsets(partitions, 'earliest')
    const ends = await this.#client.listOffsets(partitions, readCommitted ? 'stable' : 'latest')
    const left = new Map(ends.map((at) => [keyOf(at), at.offset]))
    const fetcher = this.#client.fetcher({ readCommitted })
    const cursor = new CommittedCursor()
    for (const at of starts) {
      if (at.offset < (left.get(keyOf(at)) ?? 0)) fetcher.assign(at, { offset: at.offset, leaderEpoch: undefined })
      else left.delete(keyOf(at))
    }
    while (left.size > 0) {
      const taken = fetcher.take()
      if (taken === undefined) {
        await fetcher.ready()
        continue
      }
      if (taken.kind === 'failure') throw new Error(`${keyOf(taken)} cannot be read: ${taken.message}`)
      cursor.reset(taken, readCommitted)
      while (cursor.next()) visit(cursor, taken)
      if (taken.nextOffset < (left.get(keyOf(taken)) ?? 0)) continue
      left.delete(keyOf(taken))
      fetcher.remove(taken)
    }
    await fetcher.close()
  }
}

function recordOf(cursor: CommittedCursor, { topic, partition }: TopicPartition): SimulatedRecord {
  return {
    topic,
    partition,
    offset: cursor.offset,
    timestamp: cursor.timestamp,
    key: cursor.hasKey ? cursor.key.copy() : null,
    value: cursor.hasValue ? cursor.value.copy() : null,
    headers: cursor.headerCount === 0 ? [] : readHeaders(cursor.headers).map(({ key, value }) => ({ key, value: value === undefined ? null : Buffer.from(value) })),
  }
}

function headerBlock({ headers = [] }: InputRecord): ByteView | undefined {
  if (headers.length === 0) return undefined
  const block = new HeaderBlockBuilder()
  block.reset()
  for (const { key, value } of headers) block.add(key, value ?? undefined)
  const into = new ByteView()
  block.into(into)
  return into
}

function view(bytes: Buffer | null): ByteView | undefined {
  return bytes === null ? undefined : new ByteView(bytes)
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
