import { MongoClient } from 'mongodb'
import pg from 'pg'
import type { Fetcher, KafkaClient } from '../../../ports/kafka-client.ts'
import { ByteView } from '../../../records/byte-view.ts'
import { CommittedCursor } from '../../../records/committed-cursor.ts'
import { findLastHeader } from '../../../records/headers.ts'
import type { TradeTopics } from '../../../topology/trade-topics.ts'
import { SERIAL_HEADER } from './foreign-load.ts'

/** By partition: everything below is done. */
export type Front = readonly number[]

/** How far the trades have come, by partition. */
export interface Fronts {
  /** Input offsets whose audit entry is committed. */
  readonly processed: Front
  /** Offsets of `trade.processed` in PostgreSQL. */
  readonly postgres: Front
  /** Offsets of `trade.audit` in MongoDB. */
  readonly mongo: Front
}

export interface CommitWatchOptions {
  readonly client: KafkaClient
  readonly topics: TradeTopics
  readonly partitions: number
  readonly applicationId: string
  readonly postgres: string
  /** Of each member of the replica set. */
  readonly mongo: readonly string[]
}

const POLL_MS = 100
const SERIAL = Buffer.from(SERIAL_HEADER)
const SOURCE = /"source":\{"topic":"[^"]*","partition":(\d+),"offset":(\d+)\}/

/** Looks on from outside, past the proxies: reads the committed output as any consumer would, and asks the databases how far they are. */
export class CommitWatch implements Fronts {
  readonly processed: number[]
  readonly postgres: number[]
  readonly mongo: number[]
  /** Ends of `trade.processed` and `trade.audit`, as far as they were read. */
  readonly ends: { readonly processed: number[]; readonly audit: number[] }
  audits = 0
  /** By input partition: the highest number of the load whose audit entry is committed. */
  readonly committedSerials: number[]
  readonly #options: CommitWatchOptions
  readonly #fetcher: Fetcher
  readonly #cursor = new CommittedCursor()
  readonly #serial = new ByteView()
  readonly #tasks: Promise<void>[]
  readonly #moved: () => void
  #isClosed = false
  failure: Error | undefined

  private constructor(options: CommitWatchOptions, fetcher: Fetcher, moved: () => void) {
    this.#options = options
    this.#fetcher = fetcher
    this.#moved = moved
    const zeros = () => new Array<number>(options.partitions).fill(0)
    this.processed = zeros()
    this.postgres = zeros()
    this.mongo = zeros()
    this.committedSerials = zeros().fill(-1)
    this.ends = { processed: zeros(), audit: zeros() }
    this.#tasks = [this.#readTopics(), this.#poll(() => this.#askPostgres()), ...options.mongo.map((url) => this.#poll(() => this.#askMongo(url)))]
  }

  /** From the beginning of the topics on. `moved`: called when something is further than before. */
  static start(options: CommitWatchOptions, moved: () => void): CommitWatch {
    const fetcher = options.client.fetcher({ readCommitted: true })
    const { audit, processed } = options.topics
    for (const topic of [audit, processed]) {
      for (let partition = 0; partition < options.partitions; partition++) fetcher.assign({ topic, partition }, { offset: 0, leaderEpoch: undefined })
    }
    return new CommitWatch(options, fetcher, moved)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#fetcher.wake()
    await Promise.all(this.#tasks)
    await this.#fetcher.close()
  }

  async #readTopics(): Promise<void> {
    while (!this.#isClosed) {
      const taken = this.#fetcher.take()
      if (taken === undefined) await this.#fetcher.ready()
      else if (taken.kind === 'failure') {
        this.failure = new Error(`${taken.topic}-${taken.partition} cannot be read: ${taken.message}`)
        return
      } else {
        const isAudit = taken.topic === this.#options.topics.audit
        if (isAudit) this.#readAudit(taken)
        const ends = isAudit ? this.ends.audit : this.ends.processed
        ends[taken.partition] = taken.nextOffset
        this.#moved()
      }
    }
  }

  #readAudit(chunk: Parameters<CommittedCursor['reset']>[0]): void {
    this.#cursor.reset(chunk)
    while (this.#cursor.next()) {
      this.audits++
      const { value } = this.#cursor
      const source = SOURCE.exec(value.buffer.toString('latin1', value.start, value.end))
      if (source === null) continue
      const partition = Number(source[1])
      this.processed[partition] = Math.max(this.processed[partition] ?? 0, Number(source[2]) + 1)
      // Headers of an input travel with its outputs.
      if (findLastHeader(this.#cursor.headers, SERIAL, this.#serial) !== 'found') continue
      this.committedSerials[partition] = Math.max(this.committedSerials[partition] ?? -1, Number(this.#serial.toString()))
    }
  }

  /** A database that is away is asked again with the next turn. */
  async #poll(ask: () => Promise<void>): Promise<void> {
    while (!this.#isClosed) {
      await ask().catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Asks until the connection breaks. */
  async #askPostgres(): Promise<void> {
    const client = new pg.Client({ connectionString: this.#options.postgres, connectionTimeoutMillis: 2_000, query_timeout: 2_000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      while (!this.#isClosed) {
        const { rows } = await client.query<{ partition: number; next_offset: string }>('SELECT partition, next_offset FROM sink_progress WHERE group_id = $1', [`${this.#options.applicationId}-sink-postgres`])
        for (const { partition, next_offset } of rows) this.postgres[partition] = Number(next_offset)
        this.#moved()
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    } finally {
      // one that is paused would not say good-bye
      await Promise.race([client.end(), new Promise((resolve) => setTimeout(resolve, POLL_MS))])
    }
  }

  /** What a majority has is there for good, whichever member says so; one may be behind the others. */
  async #askMongo(url: string): Promise<void> {
    const client = new MongoClient(url, { serverSelectionTimeoutMS: 2_000, connectTimeoutMS: 2_000, socketTimeoutMS: 2_000 })
    try {
      const progress = client.db().collection<{ partition: number; next_offset: number }>('sink_progress')
      while (!this.#isClosed) {
        const documents = await progress.find({ topic: this.#options.topics.audit }, { readConcern: { level: 'majority' } }).toArray()
        for (const { partition, next_offset } of documents) this.mongo[partition] = Math.max(this.mongo[partition] ?? 0, Number(next_offset))
        this.#moved()
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    } finally {
      // one that is paused would not say good-bye
      await Promise.race([client.close(), new Promise((resolve) => setTimeout(resolve, POLL_MS))])
    }
  }
}
