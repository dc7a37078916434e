import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel, type Message, type Producer } from 'kafkajs'
import { type Workload, WorkloadRecord } from '../../../bench/workload/workload.ts'
import { murmur2, partitionOf } from '../../../records/murmur2.ts'

export interface ForeignLoadOptions {
  readonly brokers: string
  readonly topic: string
  readonly partitions: number
  readonly workload: Workload
  readonly ratePerS: number
}

/** What Kafka has acknowledged of one partition, in the order of the offsets. */
export interface AcknowledgedPartition {
  readonly offsets: number[]
  /** The number in the header `SERIAL_HEADER` of the record at that offset. */
  readonly serials: number[]
  /** When: ms, monotonic. */
  readonly atMs: number[]
}

/** Each record has its own number in it. */
export const SERIAL_HEADER = 'load-serial'

const STEP_MS = 20
const MOST_IN_A_BATCH = 200
/** Drawn and not yet acknowledged: where Kafka is away, the load waits. */
const MOST_WAITING = 5_000

/**
 * The load, sent with another client than ours (kafkajs), which repeats what is not acknowledged and may so write a record twice. Of each partition one batch is under way.
 * It keeps the offset of each record that was acknowledged. What it gives up is in the log or not: nobody knows.
 */
export class ForeignLoad {
  readonly acknowledged: readonly AcknowledgedPartition[]
  sent = 0
  /** Given up. */
  unknown = 0
  lastError: string | undefined
  readonly #options: ForeignLoadOptions
  readonly #waiting: Message[][]
  readonly #underWay: (Promise<void> | undefined)[]
  readonly #sentAtMs: (number | undefined)[]
  readonly #record = new WorkloadRecord()

  constructor(options: ForeignLoadOptions) {
    this.#options = options
    const each = <T>(make: () => T): T[] => Array.from({ length: options.partitions }, make)
    this.acknowledged = each(() => ({ offsets: [], serials: [], atMs: [] }))
    this.#waiting = each(() => [])
    this.#underWay = each(() => undefined)
    this.#sentAtMs = each(() => undefined)
  }

  get acknowledgedCount(): number {
    return this.acknowledged.reduce((sum, { offsets }) => sum + offsets.length, 0)
  }

  /** How long the batch that is under way has been waiting for its acknowledgement; 0: none is. */
  waitedMs(partition: number): number {
    const sentAtMs = this.#sentAtMs[partition]
    return sentAtMs === undefined ? 0 : performance.now() - sentAtMs
  }

  /** Sends at the rate until `signal`, then until nothing is left. */
  async run(signal: AbortSignal): Promise<void> {
    const retry = { retries: 8, initialRetryTime: 100, maxRetryTime: 1_000 }
    const kafka = new Kafka({ clientId: 'foreign-load', brokers: this.#options.brokers.split(','), logLevel: logLevel.NOTHING, connectionTimeout: 2_000, requestTimeout: 5_000, retry })
    const producer = kafka.producer({ allowAutoTopicCreation: false })
    await producer.connect()
    try {
      const startMs = performance.now()
      while (!signal.aborted) {
        const due = Math.floor(((performance.now() - startMs) * this.#options.ratePerS) / 1000)
        const waiting = this.#waiting.reduce((sum, messages) => sum + messages.length, 0)
        // Where it fell behind it does not catch up: the rate is an upper bound.
        for (let n = Math.min(due - this.sent, MOST_WAITING - waiting, this.#options.ratePerS); n > 0; n--) this.#draw()
        this.#flush(producer)
        await delay(STEP_MS)
      }
      for (this.#flush(producer); this.#underWay.some((send) => send !== undefined); this.#flush(producer)) await Promise.all(this.#underWay)
    } finally {
      await producer.disconnect()
    }
  }

  #draw(): void {
    const record = this.#record
    this.#options.workload.next(record)
    const { placement, key, value } = record
    const partition = (partitionOf(murmur2(placement.buffer, placement.start, placement.end), this.#options.partitions) + record.partitionShift) % this.#options.partitions
    const headers: Record<string, Buffer | Buffer[]> = { [SERIAL_HEADER]: Buffer.from(String(this.sent++)) }
    for (const header of record.headers) {
      // kafkajs cannot write a header without a value
      if (header.value === null) continue
      const before = headers[header.key]
      headers[header.key] = before === undefined ? header.value : [before, header.value].flat()
    }
    const timestamp = String(Date.now() - record.timestampAgeMs)
    this.#waiting[partition]?.push({ partition, timestamp, headers, key: record.hasKey ? key.copy() : null, value: record.hasValue ? value.copy() : null })
  }

  #flush(producer: Producer): void {
    for (const [partition, waiting] of this.#waiting.entries()) {
      if (waiting.length === 0 || this.#underWay[partition] !== undefined) continue
      this.#underWay[partition] = this.#send(producer, partition, waiting.splice(0, MOST_IN_A_BATCH)).finally(() => {
        this.#underWay[partition] = undefined
        this.#sentAtMs[partition] = undefined
      })
    }
  }

  async #send(producer: Producer, partition: number, messages: Message[]): Promise<void> {
    this.#sentAtMs[partition] = performance.now()
    try {
      const [answer] = await producer.send({ topic: this.#options.topic, acks: -1, timeout: 5_000, messages })
      const base = Number(answer?.baseOffset)
      if (answer?.partition !== partition || answer.errorCode !== 0 || !(base >= 0)) throw new Error(`an acknowledgement of partition ${partition} that cannot be understood: ${JSON.stringify(answer)}`)
      this.#keep(partition, base, messages)
    } catch (error) {
      this.lastError = error instanceof Error ? error.message : String(error)
      this.unknown += messages.length
    }
  }

  #keep(partition: number, base: number, messages: readonly Message[]): void {
    const { offsets = [], serials = [], atMs = [] } = this.acknowledged[partition] ?? {}
    const nowMs = performance.now()
    for (const [at, { headers }] of messages.entries()) {
      offsets.push(base + at)
      serials.push(Number(headers?.[SERIAL_HEADER]))
      atMs.push(nowMs)
    }
  }
}
