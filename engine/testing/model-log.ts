import type { AbortedTransaction } from '../../ports/broker.ts'
import type { FetchedChunk } from '../../ports/kafka-client.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { BatchCursor } from '../../records/batch-cursor.ts'
import { ByteView } from '../../records/byte-view.ts'
import { ATTRIBUTE, FIELD, setBaseOffset, setLeaderEpoch, stampBatch } from '../../records/record-batch.ts'

interface Stored {
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly nextOffset: number
  readonly producerId: number
  readonly isMarker: boolean
}

/** A record as a reader finds it. */
export interface ModelRecord {
  readonly offset: number
  readonly key: string | undefined
  readonly value: string | undefined
  readonly timestamp: number
}

/** The log of one partition, with open, committed and aborted transactions. */
export class ModelLog {
  readonly topic: string
  readonly partition: number
  start = 0
  leaderEpoch = 0
  /** What `endOfEpoch` says where the test does not leave it to the log. */
  epochEnd: { leaderEpoch: number; endOffset: number } | undefined
  #batches: Stored[] = []
  /** Producer id to the first offset of its open transaction. */
  readonly #open = new Map<number, number>()
  readonly #aborted: (AbortedTransaction & { readonly lastOffset: number })[] = []

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get end(): number {
    return this.#batches.at(-1)?.nextOffset ?? this.start
  }

  get stable(): number {
    return Math.min(this.end, ...this.#open.values())
  }

  /** Records written outside of transactions. A value of `undefined` is a tombstone. */
  write(records: readonly { key?: string; value?: string; timestamp?: number }[]): void {
    const builder = new BatchBuilder({ transactional: false })
    for (const { key, value, timestamp } of records) builder.append(timestamp ?? 1_000, viewOf(key), viewOf(value), undefined)
    this.append(builder.seal(), records.length, -1)
  }

  /** The same in a transaction, which stays open until `endTransaction`. */
  writeOpen(records: readonly { key?: string; value?: string; timestamp?: number }[], producerId: number): void {
    const builder = new BatchBuilder({ transactional: true })
    for (const { key, value, timestamp } of records) builder.append(timestamp ?? 1_000, viewOf(key), viewOf(value), undefined)
    this.append(builder.seal(), records.length, producerId)
  }

  append(bytes: Buffer, recordCount: number, producerId: number): number {
    const baseOffset = this.end
    if (producerId >= 0 && !this.#open.has(producerId)) this.#open.set(producerId, baseOffset)
    this.#store(bytes, { baseOffset, recordCount, producerId, isMarker: false })
    return baseOffset
  }

  /** The marker that ends a transaction. */
  endTransaction(producerId: number, committed: boolean): void {
    const firstOffset = this.#open.get(producerId)
    if (firstOffset === undefined) return
    this.#open.delete(producerId)
    if (!committed) this.#aborted.push({ producerId, firstOffset, lastOffset: this.end })
    const builder = new BatchBuilder({ transactional: true })
    builder.append(1, new ByteView(Buffer.from([0, 0, 0, committed ? 1 : 0])), new ByteView(Buffer.alloc(6)), undefined)
    this.#store(builder.seal(), { baseOffset: this.end, recordCount: 1, producerId, isMarker: true })
  }

  /** Everything below is gone. */
  deleteBefore(offset: number): void {
    this.start = offset
    this.#batches = this.#batches.filter(({ nextOffset }) => nextOffset > offset)
  }

  chunk(fetchOffset: number, readCommitted: boolean): FetchedChunk | undefined {
    const limit = readCommitted ? this.stable : this.end
    const batches = this.#batches.filter(({ baseOffset, nextOffset }) => nextOffset > fetchOffset && baseOffset < limit)
    const nextOffset = batches.at(-1)?.nextOffset
    if (nextOffset === undefined) return undefined
    const buffer = Buffer.concat(batches.map(({ bytes }) => bytes))
    const abortedTransactions = this.#aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= fetchOffset && firstOffset < nextOffset)
    const { topic, partition, leaderEpoch } = this
    return { kind: 'chunk', topic, partition, fetchOffset, nextOffset, leaderEpoch, highWatermark: this.end, lastStableOffset: this.stable, abortedTransactions, buffer, start: 0, end: buffer.length }
  }

  /** What a reader of committed records finds, in order. */
  committed(): ModelRecord[] {
    const found: ModelRecord[] = []
    for (const batch of this.#batches) {
      const { bytes, baseOffset, producerId, isMarker } = batch
      const isHidden = this.#open.has(producerId) ? baseOffset >= (this.#open.get(producerId) ?? 0) : this.#aborted.some((one) => one.producerId === producerId && baseOffset >= one.firstOffset && baseOffset <= one.lastOffset)
      if (isMarker || isHidden) continue
      const cursor = new BatchCursor()
      cursor.reset(bytes, 0, bytes.length)
      cursor.nextBatch()
      while (cursor.nextRecord()) {
        const { offset, timestamp, hasKey, key, hasValue, value } = cursor
        found.push({ offset, timestamp, key: hasKey ? key.toString() : undefined, value: hasValue ? value.toString() : undefined })
      }
    }
    return found
  }

  #store(from: Buffer, { baseOffset, recordCount, producerId, isMarker }: { baseOffset: number; recordCount: number; producerId: number; isMarker: boolean }): void {
    // The producer stamps the bytes that it is given; the log keeps its own copy, with its offsets.
    stampBatch(from, { producerId, producerEpoch: 0, baseSequence: -1 })
    const bytes = Buffer.from(from)
    setBaseOffset(bytes, 0, baseOffset)
    setLeaderEpoch(bytes, 0, this.leaderEpoch)
    if (isMarker) bytes.writeInt16BE(ATTRIBUTE.control | ATTRIBUTE.transactional, FIELD.attributes)
    stampBatch(bytes, { producerId, producerEpoch: 0, baseSequence: -1 })
    this.#batches.push({ bytes, baseOffset, nextOffset: baseOffset + recordCount, producerId, isMarker })
  }
}

function viewOf(text: string | undefined): ByteView | undefined {
  return text === undefined ? undefined : ByteView.of(text)
}
