import { ByteView } from '../../records/byte-view.ts'
import { findLastHeader } from '../../records/headers.ts'
import { epochMsAt } from '../instant-at.ts'
import type { SinkRecord } from '../sink-record.ts'
import { parseExactly } from './exact-json.ts'

/** The value of a record is not what its topic holds. The message names the field, what was found and what was expected. */
export class DocumentFormatError extends Error {
  override readonly name = 'DocumentFormatError'
}

export interface SinkDocument {
  /** `<topic id>#<partition>#<offset>`: whoever writes the record, however often, it is one document. */
  readonly _id: string
  readonly timestamp: Date
  readonly [field: string]: unknown
}

/** The collection that a topic goes to, and the document that a record of it becomes. Throws `DocumentFormatError`. */
export interface DocumentMapping {
  readonly collection: 'audit' | 'trade_history' | 'trade_events'
  document(record: SinkRecord, generation: number): SinkDocument
}

export const AUDIT: DocumentMapping = {
  collection: 'audit',
  document(record) {
    const entry = objectOf(record)
    return { ...plain(entry), ...traceOf(record), _id: idOf(record), timestamp: instant(entry, 'timestamp') }
  },
}

const TRADE_FIELDS = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired'] as const

/** A state that a trade had, in the columns of the PostgreSQL table: unknown fields stand apart, so that their names cannot collide with ours. */
export const TRADE_HISTORY: DocumentMapping = {
  collection: 'trade_history',
  document(record, generation) {
    if (!record.hasKey) throw new DocumentFormatError('no key: the key of a trade is its trade_id')
    const { topic, partition } = record.source
    const source = { topic, partition, offset: record.offset, generation }
    const at = { _id: idOf(record), timestamp: dateOf(record.timestampMs), ...traceOf(record) }
    if (!record.hasValue) return { ...at, trade_id: record.keyText(), deleted: true, source }
    const attributes = objectOf(record)
    const state: Record<string, unknown> = {}
    for (const field of TRADE_FIELDS) state[field] = take(attributes, field)
    const lastUpdated = instant(attributes, 'last_updated')
    attributes.delete('last_updated')
    return { ...at, ...state, last_updated: lastUpdated, deleted: false, attributes, source }
  },
}

export const EXPIRY_EVENTS: DocumentMapping = {
  collection: 'trade_events',
  document(record) {
    const trade = objectOf(record)
    return { _id: idOf(record), event_type: 'TRADE_EXPIRED', severity: 'info', trade_id: trade.get('trade_id') ?? null, data: trade, timestamp: instant(trade, 'expired_at'), ...traceOf(record) }
  },
}

export const REPAIR_EVENTS: DocumentMapping = {
  collection: 'trade_events',
  document(record) {
    const event = objectOf(record)
    return { _id: idOf(record), event_type: 'TRADE_REPAIRED', severity: 'info', trade_id: keyOf(record), data: event, timestamp: instant(event, 'repaired_at'), ...traceOf(record) }
  },
}

/** Of the processor (KIP-1034), and of sinks (Kafka Connect), whose names are longer. */
const ERROR_HEADERS = {
  exception: ['__streams.errors.exception', '__connect.errors.exception.class.name'],
  message: ['__streams.errors.message', '__connect.errors.exception.message'],
  topic: ['__streams.errors.topic', '__connect.errors.topic'],
  partition: ['__streams.errors.partition', '__connect.errors.partition'],
  offset: ['__streams.errors.offset', '__connect.errors.offset'],
} as const

/** That there is a dead letter, and why; the letter itself stays in Kafka, where it is found by `data.dead_letter`. */
export const DEAD_LETTER_EVENTS: DocumentMapping = {
  collection: 'trade_events',
  document(record) {
    // What a sink refused may have been a letter of the processor's in an earlier life: the name that the sink gave counts.
    const error = Object.fromEntries(Object.entries(ERROR_HEADERS).map(([field, [own, connect]]) => [field, headerText(record, connect) ?? headerText(record, own) ?? null]))
    const numbers = { partition: numberOf(error['partition']), offset: numberOf(error['offset']) }
    const data = { dead_letter: `${record.source.partition}-${record.offset}`, ...error, ...numbers }
    return { _id: idOf(record), event_type: 'DEAD_LETTER', severity: 'warning', trade_id: keyOf(record), data, timestamp: dateOf(record.timestampMs), ...traceOf(record) }
  },
}

const NAMES = new Map<string, Buffer>()
const block = new ByteView()
const found = new ByteView()

/** `undefined`: not there, or null. */
function headerText(record: SinkRecord, name: string): string | undefined {
  if (record.headerStart < 0) return undefined
  const bytes = NAMES.get(name) ?? Buffer.from(name)
  NAMES.set(name, bytes)
  if (findLastHeader(block.set(record.headerBuffer, record.headerStart, record.headerEnd), bytes, found) !== 'found') return undefined
  return found.buffer.toString('utf8', found.start, found.end)
}

function numberOf(text: string | null | undefined): number | null {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : null
}

/** W3C Trace Context. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/

/** Of a record that is part of a trace. */
function traceOf(record: SinkRecord): { trace_id?: string } {
  const traceId = TRACEPARENT.exec(headerText(record, 'traceparent') ?? '')?.[1]
  return traceId === undefined ? {} : { trace_id: traceId }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The key of what could not be read may be anything: null where it is no text. */
function keyOf(record: SinkRecord): string | null {
  if (!record.hasKey) return null
  try {
    return utf8.decode(record.keyBuffer.subarray(record.keyStart, record.keyEnd))
  } catch {
    return null
  }
}

/** BSON's type for times is the language's Date: here, and nowhere else in the sinks, one is made, from a number. */
export function dateOf(epochMs: number): Date {
  return new Date(epochMs)
}

function idOf({ source, offset }: SinkRecord): string {
  return `${source.topicId}#${source.partition}#${offset}`
}

function objectOf(record: SinkRecord): Map<string, unknown> {
  if (!record.hasValue) throw new DocumentFormatError('the value is null, expected a JSON object')
  let value: unknown
  try {
    value = parseExactly(record.valueText())
  } catch (error) {
    throw new DocumentFormatError(`the value is no JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  if (value instanceof Map) return value
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new DocumentFormatError(`the value is ${JSON.stringify(value)?.slice(0, 80)}, expected a JSON object`)
  return new Map(Object.entries(value))
}

function plain(members: Map<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(members)
}

function take(members: Map<string, unknown>, field: string): unknown {
  if (!members.has(field)) throw new DocumentFormatError(`field ${field}: not there`)
  const value = members.get(field)
  members.delete(field)
  return value
}

function instant(members: Map<string, unknown>, field: string): Date {
  const found = members.get(field)
  const text = Buffer.from(typeof found === 'string' ? found : '')
  const epochMs = epochMsAt(text, 0, text.length)
  if (epochMs === undefined) throw new DocumentFormatError(`field ${field}: found ${String(JSON.stringify(found)).slice(0, 80)}, expected a time as YYYY-MM-DDTHH:MM:SS.mmmZ`)
  return dateOf(epochMs)
}
