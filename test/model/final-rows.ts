import type { ActualRecord } from './compare.ts'
import { isObject, JsonNumber, type JsonObject, type JsonValue, readJson } from './json.ts'

/** A row of `trades` or `trade_versions`; `source_generation` is the database's own and not told here. */
export interface TradeRow {
  readonly trade_id: string
  readonly version: number
  readonly counterparty_id: string
  readonly book_id: string
  readonly maturity_date: string
  readonly created_date: string
  readonly expired: boolean
  readonly deleted: boolean
  /** Milliseconds. A deleted trade keeps that of its last state. */
  readonly last_updated: number
  /** The unknown fields; empty if there are none. */
  readonly attributes: JsonObject
  readonly source_partition: number
  readonly source_offset: number
}

/** `_id` as its parts: the topic's id is the cluster's. */
export interface AuditDocument {
  readonly partition: number
  readonly offset: number
  /** The entry; `timestamp` is a Date in MongoDB, milliseconds here. */
  readonly entry: JsonObject
  readonly timestampMs: number
}

/** The rows of `trades` once all of `trade.processed` is applied, by trade id. A null value for a trade that never had a row leaves none. */
export function finalTrades(processed: Iterable<ActualRecord>): Map<string, TradeRow> {
  const rows = new Map<string, TradeRow>()
  for (const record of inOrder(processed)) {
    const tradeId = record.key?.toString('utf8') ?? ''
    if (record.value !== null) rows.set(tradeId, rowOf(record, record.value))
    else {
      const row = rows.get(tradeId)
      if (row !== undefined) rows.set(tradeId, { ...row, deleted: true, source_partition: record.partition, source_offset: record.offset })
    }
  }
  return rows
}

/** The rows of `trade_versions`, by `trade id/version`: of each version the last content, also after a delete. */
export function finalTradeVersions(processed: Iterable<ActualRecord>): Map<string, TradeRow> {
  const rows = new Map<string, TradeRow>()
  for (const record of inOrder(processed)) {
    if (record.value === null) continue
    const row = rowOf(record, record.value)
    rows.set(`${row.trade_id}/${row.version}`, row)
  }
  return rows
}

export function auditDocuments(audit: Iterable<ActualRecord>): AuditDocument[] {
  return inOrder(audit).map((record) => {
    const entry = objectOf(record.value)
    return { partition: record.partition, offset: record.offset, entry, timestampMs: Date.parse(textOf(entry, 'timestamp')) }
  })
}

const COLUMNS = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'last_updated']

function rowOf({ partition, offset }: ActualRecord, value: Buffer): TradeRow {
  const trade = objectOf(value)
  const version = trade.get('version')
  return {
    trade_id: textOf(trade, 'trade_id'),
    version: version instanceof JsonNumber ? Number(version.integer) : Number.NaN,
    counterparty_id: textOf(trade, 'counterparty_id'),
    book_id: textOf(trade, 'book_id'),
    maturity_date: textOf(trade, 'maturity_date'),
    created_date: textOf(trade, 'created_date'),
    expired: trade.get('expired') === true,
    deleted: false,
    last_updated: Date.parse(textOf(trade, 'last_updated')),
    attributes: new Map([...trade].filter(([name]) => !COLUMNS.includes(name))),
    source_partition: partition,
    source_offset: offset,
  }
}

function inOrder(records: Iterable<ActualRecord>): ActualRecord[] {
  return [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

function objectOf(value: Buffer | null): JsonObject {
  const json: JsonValue | undefined = value === null ? undefined : readJson(value.toString('utf8')).value
  if (!isObject(json)) throw new Error(`${value?.toString('utf8').slice(0, 200)} is not a JSON object`)
  return json
}

function textOf(object: JsonObject, name: string): string {
  const value = object.get(name)
  if (typeof value !== 'string') throw new Error(`${name} is ${String(value)}, expected a text`)
  return value
}
