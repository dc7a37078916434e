import { type AnyBulkWriteOperation, type Collection, type Db, MongoBulkWriteError, MongoClient, MongoServerError } from 'mongodb'
import type { Claim, PartitionWrite, PoisonRecord, SinkDatabase, WriteResult } from '../sink-database.ts'
import { SinkFatalError, SinkPoisonError, SinkRetriableError } from '../sink-database.ts'
import type { SinkRecord, SinkSource } from '../sink-record.ts'
import { answeredWithin } from './answered-within.ts'
import { classifyMongoError, earlyEnd, isPoisonCode, isRetriableCode } from './classify-error.ts'
import { DocumentFormatError, type DocumentMapping, dateOf, type SinkDocument } from './documents.ts'

export interface MongoDatabaseOptions {
  /** `mongodb://host:port/database`. Without a database in it: `tradewind`. */
  readonly url: string
  /** Names the progress documents; the consumer group's id. */
  readonly groupId: string
  /** What becomes of each topic. */
  readonly mappings: ReadonlyMap<string, DocumentMapping>
  /** How long documents are kept, counted from their `timestamp`. Default 90. */
  readonly retentionDays?: number
  /** How long an operation waits for a primary. Default 5,000. */
  readonly serverSelectionTimeoutMs?: number
}

const DUPLICATE_KEY = 11000
/** Beyond the limits of the driver, which tell more. */
const ANSWER_TIMEOUT_MS = 60_000
const DATA_COLLECTIONS = ['audit', 'trade_history', 'trade_events'] as const

/**
 * Appends documents under ids made of topic id, partition and offset. That makes a claim superfluous: whatever a zombie or a replay adds is there
 * already. The progress only ever goes up (`$max`) and is written behind the documents, so that what it says is true.
 */
export class MongoDatabase implements SinkDatabase {
  readonly manifest = { name: 'mongodb', fencing: 'idempotent-append' } as const
  readonly #client: MongoClient
  readonly #db: Db
  readonly #groupId: string
  readonly #mappings: ReadonlyMap<string, DocumentMapping>
  readonly #retentionSeconds: number
  readonly #progress: Collection<ProgressDocument>
  readonly #generations: Collection<GenerationDocument>

  constructor(options: MongoDatabaseOptions) {
    this.#client = new MongoClient(options.url, {
      serverSelectionTimeoutMS: options.serverSelectionTimeoutMs ?? 5_000,
      connectTimeoutMS: 5_000,
      socketTimeoutMS: 35_000,
      maxPoolSize: 8,
      writeConcern: { w: 'majority' },
    })
    this.#db = this.#client.db(/^[^/]+:\/\/[^/]+\/([^?]+)/.exec(options.url)?.[1] ?? 'tradewind')
    this.#groupId = options.groupId
    this.#mappings = options.mappings
    this.#retentionSeconds = (options.retentionDays ?? 90) * 86_400
    this.#progress = this.#db.collection('sink_progress')
    this.#generations = this.#db.collection('sink_generations')
  }

  open(): Promise<void> {
    return this.#guard('creating indexes', async () => {
      for (const name of DATA_COLLECTIONS) {
        await this.#keepFor(this.#db.collection(name))
        await this.#db.collection(name).createIndex({ trade_id: 1, timestamp: 1 })
      }
    })
  }

  claim(sources: readonly SinkSource[]): Promise<Claim[]> {
    return this.#guard('reading the progress', async () => {
      const ids = sources.map((source) => this.#progressId(source))
      // majority: a progress that a fail-over could take back is no progress
      const found = await this.#progress.find({ _id: { $in: ids } }, { readConcern: { level: 'majority' } }).toArray()
      const claims: Claim[] = []
      for (const [index, source] of sources.entries()) {
        const nextOffset = found.find(({ _id }) => _id === ids[index])?.next_offset ?? 0
        claims.push({ source, generation: await this.#generation(source), epoch: 0, nextOffset })
      }
      return claims
    })
  }

  async write(batch: readonly PartitionWrite[]): Promise<WriteResult> {
    const appends = this.#appends(batch)
    return this.#guard('adding documents', async () => {
      let rowsWritten = 0
      let rowsStale = 0
      for (const [name, append] of appends) {
        const added = await this.#add(name, append)
        rowsWritten += added
        rowsStale += append.documents.length - added
      }
      const moves = batch.map((write): AnyBulkWriteOperation<ProgressDocument> => {
        const { topic, partition } = write.claim.source
        const $set = { group_id: this.#groupId, topic, partition }
        return { updateOne: { filter: { _id: this.#progressId(write.claim.source) }, update: { $max: { next_offset: write.toOffset }, $set }, upsert: true } }
      })
      await this.#progress.bulkWrite(moves, { ordered: false })
      return { outcomes: batch.map(() => 'applied'), rowsWritten, rowsStale }
    })
  }

  /** Adds an operational event, which no record stands for, to `trade_events`. */
  recordEvent(event: { readonly eventType: string; readonly severity: 'info' | 'warning' | 'error'; readonly data: Readonly<Record<string, unknown>>; readonly timestampMs: number }): Promise<void> {
    return this.#guard('recording an event', async () => {
      await this.#db.collection('trade_events').insertOne({ event_type: event.eventType, severity: event.severity, data: event.data, timestamp: dateOf(event.timestampMs) })
    })
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  #appends(batch: readonly PartitionWrite[]): Map<string, Append> {
    const appends = new Map<string, Append>()
    const poison: PoisonRecord[] = []
    for (const { claim, records } of batch) {
      const mapping = this.#mappings.get(claim.source.topic)
      if (mapping === undefined) throw new SinkFatalError(`no collection is set for topic '${claim.source.topic}'; there is one for ${[...this.#mappings.keys()].join(', ')}`)
      const append = appends.get(mapping.collection) ?? { documents: [], records: [] }
      appends.set(mapping.collection, append)
      for (const record of records) {
        try {
          append.documents.push(mapping.document(record, claim.generation))
          append.records.push(record)
        } catch (error) {
          if (!(error instanceof DocumentFormatError)) throw error
          poison.push({ record, reason: error.message })
        }
      }
    }
    if (poison.length > 0) throw new SinkPoisonError(`${poison.length} records cannot become documents, the first one ${poison[0]?.record.position}: ${poison[0]?.reason}`, poison)
    return appends
  }

  /** Answers how many documents were not there before. */
  async #add(name: string, { documents, records }: Append): Promise<number> {
    if (documents.length === 0) return 0
    try {
      return (await this.#db.collection<SinkDocument>(name).insertMany(documents, { ordered: false })).insertedCount
    } catch (error) {
      if (!(error instanceof MongoBulkWriteError)) throw error
      if (error.result.getWriteConcernError() !== undefined) throw new SinkRetriableError(`MongoDB, adding documents: ${error.message}`, { cause: error })
      // Which documents were written is not known then: all of them are added again.
      if (earlyEnd(error) !== undefined) throw error
      const poison: PoisonRecord[] = []
      for (const { code, errmsg, index } of [error.writeErrors].flat()) {
        const record = records[index]
        if (code === DUPLICATE_KEY && errmsg?.includes('index: _id_')) continue
        if (isRetriableCode(code)) throw new SinkRetriableError(`MongoDB, adding documents: ${errmsg} (${code})`, { cause: error })
        if (record === undefined || !(isPoisonCode(code) || code === DUPLICATE_KEY)) throw new SinkFatalError(`MongoDB, adding documents: ${errmsg} (${code})`, { cause: error })
        poison.push({ record, reason: `${errmsg} (${code})` })
      }
      if (poison.length > 0) throw new SinkPoisonError(`MongoDB refuses ${poison.length} documents: ${poison[0]?.reason}`, poison, { cause: error })
      return error.insertedCount
    }
  }

  /** Numbers topics in the order in which they are first seen. Two that ask at once may burn a number. */
  async #generation({ clusterId, topicId, topic }: SinkSource): Promise<number> {
    const _id = `${clusterId} ${topicId}`
    const known = await this.#generations.findOne({ _id })
    if (known !== null) return known.generation
    const last = await this.#generations.findOneAndUpdate({ _id: 'last' }, { $inc: { generation: 1 } }, { upsert: true, returnDocument: 'after' })
    try {
      await this.#generations.insertOne({ _id, topic, generation: last?.generation ?? 1 })
    } catch (error) {
      if (!(error instanceof MongoServerError && error.code === DUPLICATE_KEY)) throw error
    }
    return (await this.#generations.findOne({ _id }))?.generation ?? 1
  }

  /** The retention, changed in place where the index is there with another one. */
  async #keepFor(collection: Collection): Promise<void> {
    const expireAfterSeconds = this.#retentionSeconds
    await this.#db.createCollection(collection.collectionName).catch((error: unknown) => {
      if (!(error instanceof MongoServerError && error.codeName === 'NamespaceExists')) throw error
    })
    const index = (await collection.indexes()).find(({ key }) => Object.keys(key).join() === 'timestamp')
    if (index === undefined) await collection.createIndex({ timestamp: 1 }, { expireAfterSeconds })
    else if (index['expireAfterSeconds'] !== expireAfterSeconds) await this.#db.command({ collMod: collection.collectionName, index: { name: index.name, expireAfterSeconds } })
  }

  #progressId({ topicId, partition }: SinkSource): string {
    return `${this.#groupId}#${topicId}#${partition}`
  }

  async #guard<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await answeredWithin(ANSWER_TIMEOUT_MS, doing, work)
    } catch (error) {
      throw classifyMongoError(error, doing)
    }
  }
}

interface Append {
  readonly documents: SinkDocument[]
  /** The record of each document. */
  readonly records: SinkRecord[]
}

interface ProgressDocument {
  readonly _id: string
  readonly group_id: string
  readonly topic: string
  readonly partition: number
  readonly next_offset: number
}

interface GenerationDocument {
  readonly _id: string
  readonly topic?: string
  readonly generation: number
}
