import type { Clock, Timer } from '../ports/clock.ts'
import { KafkaAwayError, type OutgoingBatch, type OutgoingRecord, type Producer, type RecordProducer } from '../ports/kafka-client.ts'
import { RecordRefusedError } from '../ports/kafka-error.ts'
import { BatchBuilder } from '../records/batch-builder.ts'
import { ByteView } from '../records/byte-view.ts'
import { HeaderBlockBuilder } from '../records/headers.ts'

export interface AccumulatingProducerOptions {
  readonly producer: Producer
  readonly clock: Clock
  /** After this without an acknowledgement Kafka counts as away. Default 3,000. */
  readonly awayAfterMs?: number
  /** While requests are under way, the next one goes out this long after the last, if no answer comes before. Default 4. */
  readonly pacingMs?: number
  /** Bytes that may wait or be under way; more is refused as if Kafka were away. Default 64 MB. */
  readonly maxBytes?: number
}

interface Pending {
  readonly record: OutgoingRecord
  readonly resolve: (offset: number) => void
  readonly reject: (error: Error) => void
}

interface Lane {
  readonly topic: string
  readonly partition: number
  /** Not sent yet. */
  waiting: Pending[]
  /** In the batch that is under way. */
  underWay: Pending[]
  sentAtMs: number
  /** Its records were told that nobody knows. */
  isGivenUp: boolean
}

const BATCH_BYTES = 500_000
/** More than what the batch says of a record beside its key, value and headers. */
const RECORD_OVERHEAD_BYTES = 64

/**
 * Records in, batches out. Of each partition one batch is under way, and what comes meanwhile goes into the next: batches grow as answers get slow. A record that comes when all is quiet
 * goes out at once; while requests are under way, the next one waits for an answer or some milliseconds, so that thousands of records a second make a few hundred requests.
 *
 * ```
 * here -> away   (a batch has had no answer for `awayAfterMs`: who waits for that partition is told so, and what comes is refused at once)
 *   ^       |
 *   +-------+    (the batch is acknowledged, or given up by the producer: then the next record finds out)
 * ```
 */
export class AccumulatingProducer implements RecordProducer {
  readonly #options: AccumulatingProducerOptions
  readonly #clock: Clock
  readonly #lanes = new Map<string, Lane>()
  readonly #headers = new HeaderBlockBuilder()
  readonly #views = { key: new ByteView(), value: new ByteView(), headers: new ByteView() }
  #bytes = 0
  #requests = 0
  #lastFlushMs = Number.NEGATIVE_INFINITY
  #isFlushDue = false
  #pacing: Timer | undefined
  #watch: Timer | undefined
  #isClosed = false

  constructor(options: AccumulatingProducerOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  /** Whether a partition waits for Kafka longer than it should. */
  get isAway(): boolean {
    for (const lane of this.#lanes.values()) if (lane.isGivenUp) return true
    return false
  }

  send(record: OutgoingRecord): Promise<number> {
    const lane = this.#laneOf(record)
    const bytes = sizeOf(record)
    if (this.#isClosed) return Promise.reject(new KafkaAwayError('the producer is closed', false))
    if (lane.isGivenUp) return Promise.reject(new KafkaAwayError(`Kafka has not answered for ${lane.topic}-${lane.partition} for ${Math.round(this.#clock.monotonicMs() - lane.sentAtMs)} ms`, false))
    if (this.#bytes + bytes > (this.#options.maxBytes ?? 64_000_000)) return Promise.reject(new KafkaAwayError(`${this.#bytes} bytes wait for Kafka`, false))
    return new Promise((resolve, reject) => {
      lane.waiting.push({ record, resolve, reject })
      this.#bytes += bytes
      this.#flushSoon()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#pacing?.cancel()
    this.#watch?.cancel()
    await this.#options.producer.close()
    for (const lane of this.#lanes.values()) this.#refuseWaiting(lane, new KafkaAwayError('the producer was closed', false))
  }

  #laneOf({ topic, partition }: OutgoingRecord): Lane {
    const key = `${topic}-${partition}`
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { topic, partition, waiting: [], underWay: [], sentAtMs: 0, isGivenUp: false }
      this.#lanes.set(key, lane)
    }
    return lane
  }

  /** At the end of this turn of the event loop, so that what it brings goes together; paced while requests are under way. */
  #flushSoon(): void {
    if (this.#isFlushDue || this.#pacing !== undefined) return
    const pauseMs = this.#requests === 0 ? 0 : this.#lastFlushMs + (this.#options.pacingMs ?? 4) - this.#clock.monotonicMs()
    if (pauseMs > 0) {
      this.#pacing = this.#clock.after(pauseMs, () => this.#flush())
      return
    }
    this.#isFlushDue = true
    void this.#clock.turn().then(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushDue = false
    this.#pacing?.cancel()
    this.#pacing = undefined
    if (this.#isClosed) return
    const lanes: Lane[] = []
    const batches: OutgoingBatch[] = []
    for (const lane of this.#lanes.values()) {
      if (lane.waiting.length === 0 || lane.underWay.length > 0) continue
      lanes.push(lane)
      batches.push(this.#batchOf(lane))
    }
    if (batches.length === 0) return
    this.#lastFlushMs = this.#clock.monotonicMs()
    this.#requests++
    let left = lanes.length
    for (const [index, acknowledged] of this.#options.producer.produceEach(batches).entries()) {
      const lane = lanes[index]
      if (lane === undefined) continue
      const over = () => {
        if (--left === 0) this.#requests--
        this.#flushSoon()
      }
      acknowledged.then((baseOffset) => this.#acknowledged(lane, baseOffset), (error: unknown) => this.#failed(lane, error)).then(over, over)
    }
    this.#watchAnswers()
  }

  /** Takes of what waits as much as goes into one batch. */
  #batchOf(lane: Lane): OutgoingBatch {
    const builder = new BatchBuilder({ transactional: false, limitBytes: BATCH_BYTES })
    let taken = 0
    while (taken < lane.waiting.length && this.#append(builder, lane.waiting[taken]?.record)) taken++
    lane.underWay = lane.waiting.splice(0, taken)
    lane.sentAtMs = this.#clock.monotonicMs()
    return { topic: lane.topic, partition: lane.partition, bytes: builder.seal(), recordCount: builder.recordCount }
  }

  #append(builder: BatchBuilder, record: OutgoingRecord | undefined): boolean {
    if (record === undefined) return false
    const { key, value, headers } = this.#views
    this.#headers.reset()
    for (const [name, content] of record.headers) this.#headers.add(name, content)
    const block = this.#headers.count === 0 ? undefined : this.#headers.into(headers)
    return builder.append(record.timestamp, viewOf(record.key, key), viewOf(record.value, value), block)
  }

  #acknowledged(lane: Lane, baseOffset: number): void {
    const records = this.#ended(lane)
    for (const [index, { resolve }] of records.entries()) resolve(baseOffset + index)
  }

  #failed(lane: Lane, error: unknown): void {
    const records = this.#ended(lane)
    // One record may be to blame, the others are not: each is tried alone.
    if (error instanceof RecordRefusedError && records.length > 1) {
      for (const { record, resolve, reject } of records) this.#alone(record).then(resolve, reject)
      return
    }
    for (const { reject } of records) reject(error instanceof Error ? error : new Error(String(error)))
  }

  async #alone(record: OutgoingRecord): Promise<number> {
    const builder = new BatchBuilder({ transactional: false, limitBytes: BATCH_BYTES })
    this.#append(builder, record)
    const [offset] = await this.#options.producer.produce([{ topic: record.topic, partition: record.partition, bytes: builder.seal(), recordCount: 1 }])
    return offset ?? -1
  }

  #ended(lane: Lane): readonly Pending[] {
    const records = lane.underWay
    lane.underWay = []
    lane.isGivenUp = false
    this.#bytes -= bytesOf(records)
    return records
  }

  /** One timer for all: it fires when the batch that was sent first has had its time. */
  #watchAnswers(): void {
    if (this.#watch !== undefined || this.#isClosed) return
    const awayAfterMs = this.#options.awayAfterMs ?? 3_000
    let firstMs = Number.POSITIVE_INFINITY
    for (const lane of this.#lanes.values()) if (lane.underWay.length > 0 && !lane.isGivenUp) firstMs = Math.min(firstMs, lane.sentAtMs)
    if (firstMs === Number.POSITIVE_INFINITY) return
    this.#watch = this.#clock.after(Math.max(1, firstMs + awayAfterMs - this.#clock.monotonicMs()), () => {
      this.#watch = undefined
      const nowMs = this.#clock.monotonicMs()
      for (const lane of this.#lanes.values()) if (lane.underWay.length > 0 && !lane.isGivenUp && nowMs - lane.sentAtMs >= awayAfterMs) this.#giveUp(lane, awayAfterMs)
      this.#watchAnswers()
    })
  }

  /** Its batch goes on being repeated below; nobody waits for it here any more. What was not sent never will be. */
  #giveUp(lane: Lane, afterMs: number): void {
    lane.isGivenUp = true
    const message = `Kafka has not acknowledged ${lane.topic}-${lane.partition} within ${afterMs} ms`
    for (const { reject } of lane.underWay) reject(new KafkaAwayError(message, true))
    this.#refuseWaiting(lane, new KafkaAwayError(message, false))
  }

  #refuseWaiting(lane: Lane, error: KafkaAwayError): void {
    const records = lane.waiting
    lane.waiting = []
    this.#bytes -= bytesOf(records)
    for (const { reject } of records) reject(error)
  }
}

function viewOf(bytes: Buffer | undefined, view: ByteView): ByteView | undefined {
  return bytes === undefined ? undefined : view.set(bytes, 0, bytes.length)
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  return headers.reduce((sum, [name, content]) => sum + name.length + (content?.length ?? 0), RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0))
}

function bytesOf(records: readonly Pending[]): number {
  return records.reduce((sum, { record }) => sum + sizeOf(record), 0)
}
