import { BatchBuilder } from '../records/batch-builder.ts'
import type { ByteView } from '../records/byte-view.ts'
import type { ChangelogStore, StoreLayer } from './changelog-store.ts'
import { emptyTransaction, type Transaction } from './transaction.ts'

/** A builder above this is sealed before further records are processed: below the topic default of 1 MiB with room for what one record may add. */
const BATCH_FULL_BYTES = 700_000
const TRANSACTION_FULL_BYTES = 16_000_000

/**
 * Collects what tasks of one stream thread write into the open transaction: one batch builder for each partition that is written to. Several tasks may write to
 * one partition; within a transaction their records share a batch, because a Produce request takes one batch a partition (two: error 87).
 */
export class RecordCollector {
  readonly #partitionCounts: ReadonlyMap<string, number>
  readonly #fullBytes: number
  readonly #topics = new Map<string, TopicCollector>()
  /** By topic: the batches of one are about as large each time, so their buffers seldom have to grow. */
  readonly #pools = new Map<string, BatchBuilder[]>()
  #open: Transaction = emptyTransaction(1)

  /** `fullBytes`: a transaction above this takes no further records, which bounds memory while a commit is held up. Default 16,000,000. */
  constructor(partitionCounts: ReadonlyMap<string, number>, fullBytes = TRANSACTION_FULL_BYTES) {
    this.#partitionCounts = partitionCounts
    this.#fullBytes = fullBytes
  }

  get open(): Transaction {
    return this.#open
  }

  /** What has been written into the open transaction. */
  get openBytes(): number {
    return this.#open.batches.reduce((sum, { builder }) => sum + builder.sizeBytes, 0)
  }

  /** Whether the open transaction has to be committed before anything more is processed. Looked at between records: some 37 builders, 40 ns. */
  get full(): boolean {
    let sizeBytes = 0
    for (const { builder } of this.#open.batches) {
      if (builder.sizeBytes > BATCH_FULL_BYTES) return true
      sizeBytes += builder.sizeBytes
    }
    return sizeBytes > this.#fullBytes
  }

  topic(name: string): TopicCollector {
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      topic = new TopicCollector(this, name, this.#partitionCounts.get(name) ?? 0)
      this.#topics.set(name, topic)
    }
    return topic
  }

  /** A new batch in the open transaction. */
  begin(topic: string, partition: number, store?: ChangelogStore, layer?: StoreLayer): BatchBuilder {
    const builder = layer?.builder ?? this.builder(topic)
    this.#open.batches.push({ topic, partition, builder, store, layer })
    return builder
  }

  builder(topic: string): BatchBuilder {
    return this.#poolOf(topic).pop() ?? new BatchBuilder({ transactional: true })
  }

  /** Takes the open transaction; what is written from now on belongs to the next one. */
  seal(): Transaction {
    const sealed = this.#open
    this.#open = emptyTransaction(sealed.number + 1)
    for (const topic of this.#topics.values()) topic.sealed()
    for (const { store } of sealed.batches) store?.sealed()
    return sealed
  }

  /** Gives back the builders, and their buffers, of a transaction that was committed and applied: nobody reads its bytes any more. */
  recycle(transaction: Transaction): void {
    for (const { topic, builder } of transaction.batches) {
      builder.recycle(builder.seal())
      builder.reset()
      const pool = this.#poolOf(topic)
      if (pool.length < POOL_LIMIT) pool.push(builder)
    }
    transaction.batches.length = 0
  }

  #poolOf(topic: string): BatchBuilder[] {
    let pool = this.#pools.get(topic)
    if (pool === undefined) {
      pool = []
      this.#pools.set(topic, pool)
    }
    return pool
  }

  /** Forgets the open transaction. */
  discard(): void {
    for (const { builder } of this.seal().batches) builder.reset()
  }
}

/** Builders kept for reuse, of one topic: three transactions of 12 partitions. */
const POOL_LIMIT = 36

/** The open batches of one output topic. */
export class TopicCollector {
  readonly name: string
  readonly partitions: number
  readonly #collector: RecordCollector
  readonly #open: (BatchBuilder | undefined)[]

  constructor(collector: RecordCollector, name: string, partitions: number) {
    this.#collector = collector
    this.name = name
    this.partitions = partitions
    this.#open = new Array(partitions).fill(undefined)
  }

  append(partition: number, timestamp: number, key: ByteView | undefined, value: ByteView | undefined, headers: ByteView | undefined): void {
    const builder = this.#open[partition] ?? this.#begin(partition)
    // A processor that hands on more than a batch holds for one input: the rest goes into a further batch of the same transaction.
    if (!builder.append(timestamp, key, value, headers)) this.#begin(partition).append(timestamp, key, value, headers)
  }

  sealed(): void {
    this.#open.fill(undefined)
  }

  #begin(partition: number): BatchBuilder {
    const builder = this.#collector.begin(this.name, partition)
    this.#open[partition] = builder
    return builder
  }
}
