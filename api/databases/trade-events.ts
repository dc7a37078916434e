import { type Collection, Decimal128, type Document, type Filter, Long, type MongoClient, MongoServerError } from 'mongodb'
import { exactNumber } from '../exact-json.ts'

/** Filters of the audit log. All that are given hold. */
export interface AuditFilter {
  readonly tradeId?: string | undefined
  readonly action?: string | undefined
  readonly status?: string | undefined
  readonly outcome?: string | undefined
  /** Epoch ms, both included. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** All that are given hold. */
export interface OperationalFilter {
  readonly eventType?: string | undefined
  readonly severity?: string | undefined
  /** Epoch ms, both included. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** Where the page before has ended: the newest comes first, and of one moment the highest id. */
export interface EventKey {
  readonly timestampMs: number
  readonly id: string
}

export interface EventDocument {
  readonly id: string
  readonly timestampMs: number
  readonly fields: Readonly<Record<string, unknown>>
}

export interface OperationalEvent {
  /** Unique. */
  readonly id: string
  readonly eventType: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly tradeId: string | undefined
  readonly data: Readonly<Record<string, unknown>>
  readonly timestampMs: number
}

/** Audit entries and events as MongoDB has them: eventually consistent. */
export interface TradeEvents {
  audit(filter: AuditFilter, page: { readonly after: EventKey | undefined; readonly limit: number }): Promise<readonly EventDocument[]>
  /** What is kept of one trade in a collection, the newest so many at most, the newest first. Read as it is taken: whoever has enough stops. */
  ofTrade(collection: 'audit' | 'trade_history' | 'trade_events', tradeId: string, limit: number): AsyncIterable<EventDocument>
  /** Adds an operational event to `trade_events`, which no record stands for; one whose id is there already is left as it is. */
  record(event: OperationalEvent): Promise<void>
  /** Operational events whose id begins like this, the oldest first; of too many the newest, 100 for each beginning. */
  recorded(idPrefixes: readonly string[]): Promise<readonly EventDocument[]>
  /** Operational events that are about no trade, the newest so many, the newest first. */
  operational(filter: OperationalFilter, limit: number): Promise<readonly EventDocument[]>
  /** How many audit entries of each outcome there were since then. */
  outcomesSince(fromMs: number): Promise<Readonly<Record<string, number>>>
}

/** A filter without an index behind it may look at everything: no longer than this. */
const MAX_MS = 5_000
const MOST_RECORDED = 100
const DUPLICATE_KEY = 11_000

interface Stored extends Document {
  readonly _id: string
  readonly timestamp: Date
}

export class MongoTradeEvents implements TradeEvents {
  readonly #collection: (name: string) => Collection<Stored>

  constructor(client: MongoClient, databaseName: string) {
    const db = client.db(databaseName)
    this.#collection = (name) => db.collection<Stored>(name)
  }

  /**
   * The indexes order by time, and thousands of entries may share a millisecond. So a page is taken by time, its last moment, which the limit may have cut anywhere, is left off, and
   * read by id instead: each of the reads has an index that serves it, and the order is whole.
   */
  async audit(filter: AuditFilter, { after, limit }: { after: EventKey | undefined; limit: number }): Promise<readonly EventDocument[]> {
    const conditions = conditionsOf(filter)
    const found: Stored[] = after === undefined ? [] : await this.#moment(conditions, after, limit)
    const left = limit - found.length
    if (left <= 0) return found.map(documentOf)
    const before = after === undefined ? conditions : { $and: [conditions, { timestamp: { $lt: new Date(after.timestampMs) } }] }
    const older = await this.#audit.find(before, { maxTimeMS: MAX_MS }).sort({ timestamp: -1 }).limit(left).toArray()
    const last = older.at(-1)
    if (last === undefined || older.length < left) return [...found, ...inOrder(older)].map(documentOf)
    const whole = older.filter(({ timestamp }) => timestamp.getTime() !== last.timestamp.getTime())
    const cut = await this.#moment(conditions, { timestampMs: last.timestamp.getTime(), id: undefined }, left - whole.length)
    return [...found, ...inOrder(whole), ...cut].map(documentOf)
  }

  async *ofTrade(collection: 'audit' | 'trade_history' | 'trade_events', tradeId: string, limit: number): AsyncGenerator<EventDocument, void> {
    // MongoDB gives 16 MB at a time at most. A loop that is left closes the cursor.
    const found = this.#collection(collection).find({ trade_id: { $eq: tradeId } }, { maxTimeMS: MAX_MS }).sort({ timestamp: -1 }).limit(limit)
    for await (const document of found) yield documentOf(document)
  }

  async record({ id, eventType, severity, tradeId, data, timestampMs }: OperationalEvent): Promise<void> {
    const $setOnInsert = { event_type: eventType, severity, trade_id: tradeId ?? null, data, timestamp: new Date(timestampMs) }
    try {
      await this.#collection('trade_events').updateOne({ _id: id }, { $setOnInsert }, { upsert: true, writeConcern: { w: 'majority' } })
    } catch (error) {
      // Somebody else has added it at the same moment.
      if (!(error instanceof MongoServerError && error.code === DUPLICATE_KEY)) throw error
    }
  }

  /** By the index of `_id`: a range each. */
  async recorded(idPrefixes: readonly string[]): Promise<readonly EventDocument[]> {
    if (idPrefixes.length === 0) return []
    const $or = idPrefixes.map((prefix) => ({ _id: { $gte: prefix, $lt: `${prefix}\uffff` } }))
    const found = await this.#collection('trade_events').find({ $or }, { maxTimeMS: MAX_MS }).sort({ timestamp: -1 }).limit(MOST_RECORDED * idPrefixes.length).toArray()
    return found.reverse().map(documentOf)
  }

  /** By the index of trade_id and time: what has no trade_id is found there as null. */
  async operational({ eventType, severity, fromMs, toMs }: OperationalFilter, limit: number): Promise<readonly EventDocument[]> {
    const conditions: Filter<Stored>[] = [{ trade_id: null }, ...equal({ event_type: eventType, severity }), ...between(fromMs, toMs)]
    return (await this.#collection('trade_events').find({ $and: conditions }, { maxTimeMS: MAX_MS }).sort({ timestamp: -1 }).limit(limit).toArray()).map(documentOf)
  }

  async outcomesSince(fromMs: number): Promise<Readonly<Record<string, number>>> {
    const groups = await this.#audit.aggregate<{ _id: string; count: number }>([{ $match: { timestamp: { $gte: new Date(fromMs) } } }, { $group: { _id: '$outcome', count: { $sum: 1 } } }], { maxTimeMS: MAX_MS }).toArray()
    return Object.fromEntries(groups.map(({ _id, count }) => [_id, count]))
  }

  get #audit(): Collection<Stored> {
    return this.#collection('audit')
  }

  /** What of one moment comes after an id. */
  #moment(conditions: Filter<Stored>, { timestampMs, id }: { timestampMs: number; id: string | undefined }, limit: number): Promise<Stored[]> {
    const moment: Filter<Stored> = { timestamp: new Date(timestampMs), ...(id !== undefined && { _id: { $lt: id } }) }
    return this.#audit.find({ $and: [conditions, moment] }, { maxTimeMS: MAX_MS }).sort({ _id: -1 }).limit(limit).toArray()
  }
}

/** `$eq` and the like are ours; what came from outside is text and numbers by the route's schema. */
function conditionsOf({ tradeId, action, status, outcome, fromMs, toMs }: AuditFilter): Filter<Stored> {
  const conditions = [...equal({ trade_id: tradeId, action, status, outcome }), ...between(fromMs, toMs)]
  return conditions.length === 0 ? {} : { $and: conditions }
}

function equal(fields: Readonly<Record<string, string | undefined>>): Filter<Stored>[] {
  return Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [{ [field]: { $eq: value } }]))
}

function between(fromMs: number | undefined, toMs: number | undefined): Filter<Stored>[] {
  return [...(fromMs === undefined ? [] : [{ timestamp: { $gte: new Date(fromMs) } }]), ...(toMs === undefined ? [] : [{ timestamp: { $lte: new Date(toMs) } }])]
}

function inOrder(documents: readonly Stored[]): Stored[] {
  return documents.toSorted((a, b) => b.timestamp.getTime() - a.timestamp.getTime() || (a._id < b._id ? 1 : -1))
}

function documentOf({ _id: id, ...fields }: Stored): EventDocument {
  // Those of a sink are numbered by the driver.
  return { id: String(id), timestampMs: fields.timestamp.getTime(), fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, exactly(value)])) }
}

/** Numbers that the driver does not make a double of, because it could not keep them, as JSON has them. */
function exactly(value: unknown): unknown {
  if (value instanceof Long || value instanceof Decimal128) return exactNumber(String(value))
  if (Array.isArray(value)) return value.map(exactly)
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  return isPlain ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, exactly(part)])) : value
}
