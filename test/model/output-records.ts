import { detailsWith, type Expected, type ExpectedObject, type ExpectedRecord, type Header, isoTime, jsonObject, type Kept, lengthBounds, type Moment, number } from './expected.ts'
import type { Trade } from './message.ts'
import { plainPartitionOf } from './plain-murmur2.ts'
import type { ModelInput, Outcome, StoredTrade } from './trade-model.ts'

/** A refusal that waits for its trade to come in right. */
export interface Case {
  readonly outcome: 'PAST_MATURITY' | 'INVALID'
  readonly reason: Expected
  readonly source: ExpectedObject
  readonly sinceMs: number
}

export interface AuditFields {
  readonly outcome: Outcome
  readonly tradeId: string | null
  readonly version: Expected
  readonly reason: Expected
  readonly businessDate: Expected
  readonly source: Expected
  readonly requestId: string | null
  readonly details: { readonly [name: string]: readonly string[] }
}

const ACTIONS: { readonly [outcome in Outcome]: readonly [action: string, status: string] } = {
  CREATED: ['CREATE', 'success'],
  UPDATED: ['UPDATE', 'success'],
  REPLACED: ['UPDATE', 'success'],
  DUPLICATE: ['UPDATE', 'success'],
  STALE_VERSION: ['VALIDATION_FAILED', 'failed'],
  PAST_MATURITY: ['VALIDATION_FAILED', 'failed'],
  INVALID: ['VALIDATION_FAILED', 'failed'],
  DELETED: ['DELETE', 'success'],
  NOT_FOUND: ['DELETE', 'failed'],
  EXPIRED: ['EXPIRE', 'success'],
}

// How much longer than its shortest form a value may be: an audit entry has two texts of 200 code points, each of up to twelve bytes when escaped;
// a trade may keep the escapes and spaces of its message, so its message is the bound.
const AUDIT_SLACK_BYTES = 6000
const ERROR_HEADERS_SLACK_BYTES = 16_384
const REPAIRED_SLACK_BYTES = 8192
const BATCH_BYTES = 61
export const ERROR_HEADERS = ['exception', 'message', 'stacktrace', 'topic', 'partition', 'offset'].map((name) => `__streams.errors.${name}`)

/** "Records that come out": builds what each topic must get. */
export class OutputRecords {
  readonly #partitions: number
  readonly #maxBytes: number

  constructor(options: { readonly partitions: number; readonly maxMessageBytes: number }) {
    this.#partitions = options.partitions
    this.#maxBytes = options.maxMessageBytes
  }

  audit(input: ModelInput, moment: Moment, fields: AuditFields): ExpectedRecord {
    const value = auditValue(fields, moment)
    return this.#record('trade.audit', input, moment, value, (shown) => lengthBounds(shown, AUDIT_SLACK_BYTES + (input.key?.length ?? 0) * 6))
  }

  processed(input: ModelInput, moment: Moment, stored: StoredTrade | null): ExpectedRecord {
    if (stored === null) return this.#record('trade.processed', input, moment, null, NO_LENGTH)
    const value = jsonObject(tradeFields(stored, true))
    return this.#record('trade.processed', input, moment, value, (shown) => tradeBounds(shown, input, 0))
  }

  repaired(input: ModelInput, moment: Moment, stored: StoredTrade, repairs: Case): ExpectedRecord {
    const value = jsonObject({
      trade: jsonObject(tradeFields(stored, true)),
      repaired: jsonObject({ outcome: repairs.outcome, reason: repairs.reason, source: repairs.source }),
      repaired_at: isoTime(moment),
    })
    return this.#record('trade.repaired', input, moment, value, (shown) => tradeBounds(shown, input, AUDIT_SLACK_BYTES))
  }

  /** Raw key and value, the original headers, the error in headers behind them. */
  deadLetter(input: ModelInput, moment: Moment): ExpectedRecord {
    const { key, value, headers } = input
    const withErrors = [...headers, ...ERROR_HEADERS.map((name) => ({ key: name, value: EMPTY }))]
    const kept = this.#fits(recordBytes(key, value?.length, withErrors), ERROR_HEADERS_SLACK_BYTES)
    const headersKept = this.#fits(recordBytes(key, undefined, withErrors), ERROR_HEADERS_SLACK_BYTES)
    const raw = { bytes: value, kept: value === null ? 'yes' as const : kept }
    return { topic: 'trade.dead-letter', partition: this.#partitionOf(key, input.partition), key, value: null, raw, timestamp: moment, headers, headersKept }
  }

  expiry(stored: StoredTrade, businessDate: Expected): { audit: ExpectedRecord; processed: ExpectedRecord; expired: ExpectedRecord } {
    const { trade, lastUpdated } = stored
    const key = Buffer.from(trade.tradeId)
    const audit: AuditFields = {
      outcome: 'EXPIRED', tradeId: trade.tradeId, version: number(trade.version), reason: null, businessDate, source: null, requestId: null, details: {},
    }
    const record = (topic: string, value: ExpectedObject): ExpectedRecord => (
      { topic, partition: this.#partitionOf(key, 0), key, value, timestamp: lastUpdated, headers: [], headersKept: 'yes' }
    )
    return {
      audit: record('trade.audit', auditValue(audit, lastUpdated)),
      processed: record('trade.processed', jsonObject(tradeFields(stored, true))),
      expired: record('trade.expired', jsonObject({ ...tradeFields(stored, true), expired_at: isoTime(lastUpdated) })),
    }
  }

  /**
   * Whether the trade fits into the topics in its largest form, `trade.repaired` with the longest reason, without headers. How long that is depends on
   * how the product writes texts and spaces; a record in the band between is no test of anything, so it is refused here.
   */
  tradeFits(trade: Trade, messageBytes: number): boolean {
    const key = Buffer.from(trade.tradeId)
    if (recordBytes(key, messageBytes, []) + REPAIRED_SLACK_BYTES <= this.#maxBytes) return true
    const processed = jsonObject(tradeFields({ trade, expired: false, lastUpdated: { ms: 0, source: 'input' } }, false))
    const least = recordBytes(key, lengthBounds(processed, 0).least, [])
    if (least > this.#maxBytes) return false
    throw new RangeError(`trade ${trade.tradeId}: a message of ${messageBytes} bytes is too close to the limit of ${this.#maxBytes} to say whether it fits; use one that clearly does or does not`)
  }

  #record(topic: string, input: ModelInput, timestamp: Moment, value: ExpectedObject | null, lengthOf: (value: ExpectedObject) => Bounds): ExpectedRecord {
    const { key, headers } = input
    let headersKept: Kept = 'yes'
    if (headers.length > 0 && !this.#fitsByFar(input)) {
      const length = value === null ? undefined : lengthOf(value)
      headersKept = this.#fits(recordBytes(key, length?.least, headers), length === undefined ? 0 : length.most - length.least)
    }
    return { topic, partition: this.#partitionOf(key, input.partition), key, value, timestamp, headers, headersKept }
  }

  /** Whatever is written of the input, with every character escaped twice over. */
  #fitsByFar({ key, value, headers }: ModelInput): boolean {
    return 12 * recordBytes(key, value?.length, headers) + AUDIT_SLACK_BYTES + REPAIRED_SLACK_BYTES <= this.#maxBytes
  }

  #fits(leastBytes: number, slackBytes: number): Kept {
    // 64: what an implementation that counts the frame of a record generously may add.
    return leastBytes > this.#maxBytes ? 'no' : leastBytes + slackBytes + 64 <= this.#maxBytes ? 'yes' : 'either'
  }

  /** A record without a key goes to the partition its input came from. */
  #partitionOf(key: Buffer | null, inputPartition: number): number {
    return key === null ? inputPartition : plainPartitionOf(key, this.#partitions)
  }
}

/** A trade as `trade.processed` has it. `own`: the record is the one that set `last_updated`. */
export function tradeFields({ trade, expired, lastUpdated }: StoredTrade, own: boolean): { [name: string]: Expected } {
  const fields: { [name: string]: Expected } = Object.create(null) // so that an unknown field may be called __proto__
  for (const [name, value] of trade.unknown) fields[name] = value
  fields['trade_id'] = trade.tradeId
  fields['version'] = number(trade.version)
  fields['counterparty_id'] = trade.counterpartyId
  fields['book_id'] = trade.bookId
  fields['maturity_date'] = trade.maturityDate
  fields['created_date'] = trade.createdDate
  fields['expired'] = expired
  fields['last_updated'] = isoTime(lastUpdated, own)
  return fields
}

/** A product may pass on the escapes and spaces of the message, or not. */
function tradeBounds(value: ExpectedObject, input: ModelInput, moreBytes: number): Bounds {
  const { least } = lengthBounds(value, 0)
  return { least, most: Math.max(least, (input.value?.length ?? 0) + 128) + moreBytes }
}

function auditValue(fields: AuditFields, moment: Moment): ExpectedObject {
  const [action, status] = ACTIONS[fields.outcome]
  return jsonObject({
    trade_id: fields.tradeId, version: fields.version, action, status, outcome: fields.outcome, reason: fields.reason, business_date: fields.businessDate,
    source: fields.source, request_id: fields.requestId, timestamp: isoTime(moment), details: detailsWith(fields.details),
  })
}

/** Bytes of a batch that holds this one record, uncompressed: record format 2. */
export function recordBytes(key: Buffer | null, valueBytes: number | undefined, headers: readonly Header[]): number {
  let bytes = 3 + sized(key?.length) + sized(valueBytes) + varintBytes(headers.length)
  for (const header of headers) bytes += sized(Buffer.byteLength(header.key)) + sized(header.value?.length)
  return BATCH_BYTES + varintBytes(bytes) + bytes
}

/** A length (-1 for null) and so many bytes. */
function sized(length: number | undefined): number {
  return length === undefined ? 1 : varintBytes(length) + length
}

function varintBytes(n: number): number {
  return Math.floor(Math.log2(Math.max(1, 2 * n)) / 7) + 1
}

interface Bounds {
  readonly least: number
  readonly most: number
}

const NO_LENGTH = (): Bounds => ({ least: 0, most: 0 })
const EMPTY = Buffer.alloc(0)
