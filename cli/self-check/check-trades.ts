import type { KafkaClient } from '../../ports/kafka-client.ts'
import { readTradeState } from '../../processors/trade-state.ts'
import { readHeaders } from '../../records/headers.ts'
import { canonicalJson } from '../../serdes/canonical-json.ts'
import { readTrades, type TradeRowText } from '../../sinks/postgres/read-trades.ts'
import type { StateStore } from '../../stores/state-store.ts'
import type { TradeTopics } from '../../topology/trade-topics.ts'
import { type Check, Differences } from './check.ts'
import { readTopic } from './read-topic.ts'

/** The last record of a key in trade.processed. */
interface Processed {
  readonly partition: number
  readonly offset: number
  /** `undefined`: deleted. */
  readonly json: string | undefined
}

/** Fields that have a column; everything else of a trade is in `attributes`. */
const COLUMNS = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'last_updated'] as const

/** PostgreSQL's `trades` = the state store, read from its files = the last trade.processed of each key, in every field. */
export async function checkTrades(options: { client: KafkaClient; topics: TradeTopics; postgres: string; stores: readonly StateStore[] }): Promise<Check[]> {
  const processed = await lastProcessed(options.client, options.topics)
  const store = checkStore(processed, options.stores)
  const refused = await refusedByDatabase(options.client, options.topics)
  const differences = new Differences()
  let rows = 0
  const seen = new Set<string>()
  await readTrades(options.postgres, (row) => {
    rows++
    seen.add(row.trade_id)
    const last = processed.get(row.trade_id)
    if (refused.has(row.trade_id)) return
    if (last === undefined) differences.add(`row ${row.trade_id} has no record in trade.processed`)
    else compareRow(row, last, differences)
  })
  for (const key of processed.keys()) if (!seen.has(key) && !refused.has(key)) differences.add(`trade ${key} has no row`)
  const dead = refused.size > 0 ? `, ${refused.size} refused by the database and dead-lettered` : ''
  return [store, differences.check('PostgreSQL trades = last trade.processed of each key, every field', `${rows} rows, ${processed.size} keys${dead}`)]
}

function checkStore(processed: ReadonlyMap<string, Processed>, stores: readonly StateStore[]): Check {
  const differences = new Differences()
  const live = new Set<string>()
  for (const store of stores) {
    store.entries((key, value) => {
      const state = readTradeState(value)
      if (!state.live) return
      const id = key.toString()
      live.add(id)
      const last = processed.get(id)
      if (last?.json !== state.json?.toString()) differences.add(`trade ${id} is ${state.json?.toString()} in the store, ${last?.json ?? 'deleted or unknown'} in trade.processed`)
    })
  }
  let expected = 0
  for (const [key, { json }] of processed) {
    if (json === undefined) continue
    expected++
    if (!live.has(key)) differences.add(`trade ${key} is in trade.processed, not in the store`)
  }
  return differences.check('state store (its files) = last trade.processed of each key', `${live.size} live trades in ${stores.length} stores, ${expected} expected`)
}

async function lastProcessed(client: KafkaClient, topics: TradeTopics): Promise<Map<string, Processed>> {
  const last = new Map<string, Processed>()
  await readTopic(client, topics.processed, (record, partition) => {
    last.set(record.key.toString(), { partition, offset: record.offset, json: record.hasValue ? record.value.toString() : undefined })
  })
  return last
}

/** Keys whose records the database refused: their rows stay at the last good state. */
async function refusedByDatabase(client: KafkaClient, topics: TradeTopics): Promise<Set<string>> {
  const keys = new Set<string>()
  await readTopic(client, topics.deadLetter, (record) => {
    const origin = readHeaders(record.headers).findLast(({ key }) => key === '__connect.errors.topic')
    if (origin?.value?.toString() === topics.processed) keys.add(record.key.toString())
  })
  return keys
}

function compareRow(row: TradeRowText, last: Processed, differences: Differences): void {
  if (Number(row.source_partition) !== last.partition || Number(row.source_offset) !== last.offset) {
    differences.add(`row ${row.trade_id} comes from ${row.source_partition}@${row.source_offset}, the last record is ${last.partition}@${last.offset}`)
    return
  }
  if ((row.deleted === 'true') !== (last.json === undefined)) differences.add(`row ${row.trade_id}: deleted is ${row.deleted}`)
  if (last.json === undefined) return
  // What trade.processed holds was written by our own processor.
  const trade = JSON.parse(last.json) as Record<string, unknown>
  for (const column of COLUMNS) {
    if (row[column] !== String(trade[column])) differences.add(`row ${row.trade_id}: ${column} is ${row[column]}, expected ${String(trade[column])}`)
  }
  const attributes = canonicalJson(last.json, new Set(COLUMNS))
  if (canonicalJson(row.attributes ?? '{}') !== attributes) differences.add(`row ${row.trade_id}: attributes are ${row.attributes}, expected ${attributes}`)
}
