import { setTimeout as delay } from 'node:timers/promises'
import { type Collection, MongoClient } from 'mongodb'
import pg from 'pg'
import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import type { Fetcher, KafkaClient } from '../../ports/kafka-client.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'

/** How exactly an arrival is known, about. */
const LOOK_EVERY_MS = 5

interface Sample {
  readonly tradeId: string
  readonly version: number
  readonly offset: number
  /** As ours names the document, and as MongoDB's connector does. */
  readonly documentIds: readonly string[]
  readonly dueMs: number
}

/**
 * Follows some of the trades that were accepted until their row can be read in PostgreSQL and their document in MongoDB. The timestamp of a record is the moment when its input was due.
 */
export class RowWatch {
  readonly toRow = new LatencyHistogram()
  readonly toDocument = new LatencyHistogram()
  readonly #rows: Sample[] = []
  readonly #documents: Sample[] = []
  readonly #database: pg.Client
  readonly #mongo: MongoClient
  readonly #collection: Collection<{ _id: string }>
  readonly #fetcher: Fetcher
  readonly #topicId: string
  readonly #cursor = new CommittedCursor()
  readonly #working: Promise<unknown>
  #window = { fromMs: Number.POSITIVE_INFINITY, toMs: Number.POSITIVE_INFINITY, every: 1 }
  #seen = 0
  #isClosed = false
  #failure: unknown

  private constructor(database: pg.Client, mongo: MongoClient, fetcher: Fetcher, topicId: string) {
    this.#database = database
    this.#mongo = mongo
    this.#collection = mongo.db('tradewind').collection('trade_history')
    this.#fetcher = fetcher
    this.#topicId = topicId
    this.#working = Promise.all([this.#read(), this.#look(this.#rows, this.toRow, () => this.#findRows()), this.#look(this.#documents, this.toDocument, () => this.#findDocuments())]).catch(
      (error: unknown) => {
        this.#failure = error
      },
    )
  }

  /** Follows what comes from now on, once it is told a window. */
  static async start(client: KafkaClient, { postgres, mongo }: { postgres: string; mongo: string }): Promise<RowWatch> {
    const database = new pg.Client({ connectionString: postgres })
    await database.connect()
    const topic = TRADE_TOPICS.processed
    const [metadata] = await client.topics([topic])
    const partitions = (metadata?.partitions ?? []).map(({ partition }) => ({ topic, partition }))
    const fetcher = client.fetcher({ readCommitted: true })
    for (const { partition, offset } of await client.listOffsets(partitions, 'latest')) fetcher.assign({ topic, partition }, { offset, leaderEpoch: undefined })
    return new RowWatch(database, new MongoClient(mongo), fetcher, metadata?.topicId ?? '')
  }

  /** Follows one in so many of the trades whose input is due in the window (ms since the epoch). */
  follow(window: { fromMs: number; toMs: number; every: number }): void {
    this.toRow.reset()
    this.toDocument.reset()
    this.#window = window
  }

  /** So many are followed and have not arrived everywhere. */
  get waiting(): number {
    return this.#rows.length + this.#documents.length
  }

  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#fetcher.wake()
    await this.#working
    await Promise.all([this.#fetcher.close(), this.#database.end(), this.#mongo.close()])
  }

  async #read(): Promise<void> {
    while (!this.#isClosed) {
      const taken = this.#fetcher.take()
      if (taken === undefined) await this.#fetcher.ready()
      else if (taken.kind === 'failure') throw new Error(`${taken.topic}-${taken.partition} cannot be read: ${taken.message}`)
      else {
        this.#cursor.reset(taken)
        while (this.#cursor.next()) this.#sample(this.#cursor, taken.partition)
      }
    }
  }

  #sample({ timestamp, key, value, offset }: CommittedCursor, partition: number): void {
    const { fromMs, toMs, every } = this.#window
    if (timestamp < fromMs || timestamp >= toMs || this.#seen++ % every !== 0) return
    // the contender wrote it
    const { version } = JSON.parse(value.toString()) as { version: number }
    const documentIds = [this.#topicId, TRADE_TOPICS.processed].map((name) => `${name}#${partition}#${offset}`)
    const sample = { tradeId: key.toString(), version, offset, documentIds, dueMs: timestamp }
    this.#rows.push(sample)
    this.#documents.push(sample)
  }

  async #look(samples: Sample[], histogram: LatencyHistogram, find: () => Promise<ReadonlySet<Sample>>): Promise<void> {
    while (!this.#isClosed) {
      if (samples.length > 0) {
        const found = await find()
        const nowMs = Date.now()
        for (const { dueMs } of found) histogram.record(Math.max(0, nowMs - dueMs))
        samples.splice(0, samples.length, ...samples.filter((sample) => !found.has(sample)))
      }
      await delay(LOOK_EVERY_MS)
    }
  }

  /** A version that was replaced since has the row of a later record. */
  async #findRows(): Promise<ReadonlySet<Sample>> {
    const samples = [...this.#rows]
    const { rows } = await this.#database.query<{ at: number }>(
      `SELECT s.at FROM unnest($1::int[], $2::text[], $3::int[], $4::int8[]) AS s (at, trade_id, version, written)
       JOIN trade_versions t ON t.trade_id = s.trade_id AND t.version = s.version WHERE t.source_offset >= s.written`,
      [samples.map((_, at) => at), samples.map(({ tradeId }) => tradeId), samples.map(({ version }) => version), samples.map(({ offset }) => offset)],
    )
    return new Set(rows.flatMap(({ at }) => samples[at] ?? []))
  }

  async #findDocuments(): Promise<ReadonlySet<Sample>> {
    const samples = new Map(this.#documents.flatMap((sample) => sample.documentIds.map((id) => [id, sample])))
    const documents = await this.#collection.find({ _id: { $in: [...samples.keys()] } }, { projection: { _id: 1 } }).toArray()
    return new Set(documents.flatMap(({ _id }) => samples.get(_id) ?? []))
  }
}
