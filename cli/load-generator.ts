import { NO_HEADERS, type Workload, WorkloadRecord } from '../bench/workload/workload.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { KafkaClient, OutgoingBatch, Producer } from '../ports/kafka-client.ts'
import { KafkaError, RecordRefusedError } from '../ports/kafka-error.ts'
import { BatchBuilder } from '../records/batch-builder.ts'
import { ByteView } from '../records/byte-view.ts'
import type { Compression } from '../records/compression.ts'
import { HeaderBlockBuilder } from '../records/headers.ts'
import { murmur2, partitionOf } from '../records/murmur2.ts'
import { PersonsMistake } from './exit.ts'

export interface LoadGeneratorOptions {
  readonly client: Pick<KafkaClient, 'topics' | 'producer'>
  readonly clock: Clock
  readonly workload: Workload
  /** Default `trade.ingested`. */
  readonly topic?: string
  /** Records a second; 0: as fast as possible. */
  readonly ratePerS: number
  /** Ends after so many records. Default: never. */
  readonly count?: number
  /** Ends when the records that are due within this time are sent. Default: never. */
  readonly durationMs?: number
  /** Default `none`. */
  readonly compression?: Compression
  /** How many bytes may be under way. Default 16 MB. */
  readonly maxBytesInFlight?: number
  /** How long to wait for a topic that is not there yet. Default 30 s. */
  readonly topicTimeoutMs?: number
}

export interface LoadReport {
  /** When the first record was due, ms since the epoch; `undefined`: before it. */
  readonly startedMs: number | undefined
  readonly sent: number
  readonly acknowledged: number
  /** Sent together with something that was given up: in the log or not, nobody knows. */
  readonly unknown: number
  /** Refused by the broker for what they are. */
  readonly refused: number
  readonly acknowledgedByPartition: readonly number[]
  /** The last thing that went wrong. */
  readonly lastError: string | undefined
}

const STEP_MS = 5
const TOPIC_POLL_MS = 200
const RECORDS_PER_STEP = 10_000
// After a signal: how long answers are waited for.
const DRAIN_MS = 4000
// As fast as possible: a request of this size a step. Larger ones hold the event loop, smaller ones cost the broker more.
const STEP_BYTES = 2_000_000
// What one partition may have waiting behind the batch that is under way.
const BATCH_BYTES = 200_000

/**
 * Sends a workload to a topic, partitioned by murmur2, and counts what was acknowledged. Of each partition one batch is under way; what is due meanwhile goes into
 * the next one: batches grow as answers get slow. (A batch of two records every 5 ms, one after the other, once made a queue of its own: seconds where the broker took more than 5 ms.)
 *
 * At a rate, each record is due at a moment that the start and the rate fix, and is stamped with it, whenever it is really sent: where the generator or Kafka falls
 * behind, the wait is in the latency that is measured (no coordinated omission), and what is late is sent as soon as there is room.
 *
 * Restarts of brokers are the idempotent producer's business. What it gives up is counted as `unknown` and the load goes on; what no repetition helps ends it.
 */
export class LoadGenerator {
  readonly #options: LoadGeneratorOptions
  readonly #clock: Clock
  readonly #topic: string
  readonly #record = new WorkloadRecord()
  readonly #headers = new HeaderBlockBuilder()
  readonly #headerBlock = new ByteView()
  #builders: readonly BatchBuilder[] = []
  /** By partition. */
  #isUnderWay: boolean[] = []
  /** `#record` was drawn from the workload, and there was no room for it. */
  #isHeld = false
  #acknowledged: number[] = []
  #startedMs: number | undefined
  #sent = 0
  #unknown = 0
  #refused = 0
  #bytesInFlight = 0
  #inFlight = 0
  #lastError: string | undefined
  #fatal: Error | undefined
  #answered: (() => void) | undefined

  constructor(options: LoadGeneratorOptions) {
    if (!(options.ratePerS >= 0)) throw new RangeError(`ratePerS is ${options.ratePerS}, expected records a second, or 0 for as fast as possible`)
    this.#options = options
    this.#clock = options.clock
    this.#topic = options.topic ?? 'trade.ingested'
  }

  get report(): LoadReport {
    return {
      startedMs: this.#startedMs,
      sent: this.#sent,
      acknowledged: this.#acknowledged.reduce((sum, n) => sum + n, 0),
      unknown: this.#unknown,
      refused: this.#refused,
      acknowledgedByPartition: [...this.#acknowledged],
      lastError: this.#lastError,
    }
  }

  /** Resolves when all is sent and answered, or, after `signal`, when what was under way is, or was waited for for 4 s. Rejects if the topic does not come or no repetition helps. */
  async run(signal?: AbortSignal): Promise<LoadReport> {
    const partitions = await this.#partitionCount(signal)
    if (partitions === undefined) return this.report
    const { compression } = this.#options
    this.#builders = Array.from({ length: partitions }, () => new BatchBuilder({ transactional: false, limitBytes: BATCH_BYTES, ...(compression && { compression }) }))
    this.#acknowledged = new Array<number>(partitions).fill(0)
    this.#isUnderWay = new Array<boolean>(partitions).fill(false)
    const producer = this.#options.client.producer()
    try {
      await (this.#options.ratePerS > 0 ? this.#paced(producer, signal) : this.#unpaced(producer, signal))
      await this.#drain(producer, signal)
    } finally {
      await producer.close()
    }
    // What the closed producer has given up is counted by then.
    await this.#clock.turn()
    if (this.#fatal !== undefined) throw this.#fatal
    return this.report
  }

  async #paced(producer: Producer, signal: AbortSignal | undefined): Promise<void> {
    const { ratePerS, count = Number.POSITIVE_INFINITY, durationMs = Number.POSITIVE_INFINITY } = this.#options
    const end = Math.min(count, Math.floor((durationMs * ratePerS) / 1000))
    const startMs = this.#start()
    const beganMs = this.#clock.monotonicMs()
    while (this.#sent < end && this.#goesOn(signal)) {
      // The record n is due n intervals after the start: the first one at once.
      const elapsedMs = this.#clock.monotonicMs() - beganMs
      const due = Math.min(end, Math.floor((elapsedMs * ratePerS) / 1000) + 1, this.#sent + RECORDS_PER_STEP)
      while (this.#sent < due && this.#append(producer, startMs + Math.floor((this.#sent * 1000) / ratePerS)) > 0);
      this.#flush(producer)
      const isBehind = due < end && Math.floor((elapsedMs * ratePerS) / 1000) >= due
      await (this.#isFull() ? this.#answer(signal) : isBehind ? this.#clock.turn() : sleep(this.#clock, STEP_MS, signal))
    }
  }

  async #unpaced(producer: Producer, signal: AbortSignal | undefined): Promise<void> {
    const { count = Number.POSITIVE_INFINITY, durationMs = Number.POSITIVE_INFINITY } = this.#options
    this.#start()
    const beganMs = this.#clock.monotonicMs()
    while (this.#sent < count && this.#clock.monotonicMs() - beganMs < durationMs && this.#goesOn(signal)) {
      const nowMs = this.#clock.now()
      const end = Math.min(count, this.#sent + RECORDS_PER_STEP)
      let bytes = 0
      for (let more = 1; this.#sent < end && bytes < STEP_BYTES && more > 0; bytes += more) more = this.#append(producer, nowMs)
      this.#flush(producer)
      await (this.#isFull() ? this.#answer(signal) : this.#clock.turn())
    }
  }

  #start(): number {
    this.#startedMs = this.#clock.now()
    return this.#startedMs
  }

  /** Answers how many bytes the batch has grown by; 0: the record has to wait until its partition's batch is acknowledged. */
  #append(producer: Producer, dueMs: number): number {
    const record = this.#record
    if (!this.#isHeld) this.#options.workload.next(record)
    this.#isHeld = false
    const { placement } = record
    const partition = (partitionOf(murmur2(placement.buffer, placement.start, placement.end), this.#builders.length) + record.partitionShift) % this.#builders.length
    const builder = this.#builders[partition]
    if (builder === undefined) throw new RangeError(`partition ${partition} of ${this.#builders.length}`)
    const key = record.hasKey ? record.key : undefined
    const value = record.hasValue ? record.value : undefined
    const headers = this.#headersOf(record)
    const timestamp = dueMs - record.timestampAgeMs
    let before = builder.sizeBytes
    if (!builder.append(timestamp, key, value, headers)) {
      if (this.#isUnderWay[partition]) {
        this.#isHeld = true
        return 0
      }
      this.#flush(producer)
      before = builder.sizeBytes
      builder.append(timestamp, key, value, headers)
    }
    this.#sent++
    return builder.sizeBytes - before
  }

  #headersOf(record: WorkloadRecord): ByteView | undefined {
    if (record.headers === NO_HEADERS || record.headers.length === 0) return undefined
    this.#headers.reset()
    for (const { key, value } of record.headers) this.#headers.add(key, value ?? undefined)
    return this.#headers.into(this.#headerBlock)
  }

  /** Sends what the builders hold for partitions without a batch under way, as one call: the producer makes one request a node of it. */
  #flush(producer: Producer): void {
    const batches: OutgoingBatch[] = []
    this.#builders.forEach((builder, partition) => {
      if (builder.recordCount === 0 || this.#isUnderWay[partition]) return
      this.#isUnderWay[partition] = true
      batches.push({ topic: this.#topic, partition, bytes: builder.seal(), recordCount: builder.recordCount })
      builder.reset()
    })
    if (batches.length > 0) void this.#send(producer, batches)
  }

  async #send(producer: Producer, batches: readonly OutgoingBatch[]): Promise<void> {
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
    this.#bytesInFlight += bytes
    this.#inFlight++
    try {
      await producer.produce(batches)
      for (const { partition, recordCount } of batches) this.#acknowledged[partition] = (this.#acknowledged[partition] ?? 0) + recordCount
    } catch (error) {
      this.#failed(error, batches)
    } finally {
      this.#bytesInFlight -= bytes
      this.#inFlight--
      for (const { partition } of batches) this.#isUnderWay[partition] = false
      if (this.#fatal === undefined) this.#flush(producer)
      this.#answered?.()
    }
  }

  #failed(error: unknown, batches: readonly OutgoingBatch[]): void {
    this.#lastError = error instanceof Error ? error.message : String(error)
    const refused = error instanceof RecordRefusedError ? batches[error.batchIndex] : undefined
    for (const batch of batches) {
      if (batch === refused) this.#refused += batch.recordCount
      else this.#unknown += batch.recordCount
    }
    const goesOn = error instanceof ConnectionLostError || (error instanceof KafkaError && error.scope !== 'fatal')
    if (!goesOn) this.#fatal ??= error instanceof Error ? error : new Error(this.#lastError)
  }

  #goesOn(signal: AbortSignal | undefined): boolean {
    return !signal?.aborted && this.#fatal === undefined
  }

  #isFull(): boolean {
    return this.#isHeld || this.#bytesInFlight >= (this.#options.maxBytesInFlight ?? 16_000_000)
  }

  async #drain(producer: Producer, signal: AbortSignal | undefined): Promise<void> {
    // From here on every answer sends what is left.
    this.#flush(producer)
    while (this.#inFlight > 0 && !signal?.aborted) await this.#answer(signal)
    const giveUp = new AbortController()
    const timer = this.#clock.after(DRAIN_MS, () => giveUp.abort())
    while (this.#inFlight > 0 && !giveUp.signal.aborted) await this.#answer(giveUp.signal)
    timer.cancel()
  }

  /** Resolves with the next answer to a request under way, or with `signal`. */
  #answer(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        signal?.removeEventListener('abort', end)
        this.#answered = undefined
        resolve()
      }
      if (signal?.aborted) return resolve()
      this.#answered = end
      signal?.addEventListener('abort', end)
    })
  }

  /** `undefined`: stopped before the topic came. */
  async #partitionCount(signal: AbortSignal | undefined): Promise<number | undefined> {
    const { client, topicTimeoutMs = 30_000 } = this.#options
    const beganMs = this.#clock.monotonicMs()
    while (!signal?.aborted) {
      const [topic] = await client.topics([this.#topic])
      if (topic !== undefined && topic.errorCode === 0 && topic.partitions.length > 0) return topic.partitions.length
      if (this.#clock.monotonicMs() - beganMs >= topicTimeoutMs) {
        throw new PersonsMistake(`topic ${this.#topic} is not there (error ${topic?.errorCode ?? 'unknown'}) after ${topicTimeoutMs / 1000} s: start the processor, which creates it, or name another with --topic`)
      }
      await sleep(this.#clock, TOPIC_POLL_MS, signal)
    }
    return undefined
  }
}
