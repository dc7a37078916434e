import pg from 'pg'
import { TRADE_TOPICS } from '../../../topology/trade-topics.ts'
import { TopicReader } from './topic-reader.ts'

/**
 * `insert-loop.ts BROKERS POSTGRES`: reads trade.processed from its start and writes trades and their versions, a batch after the other, until it is told to stop. No group, no fence, no
 * progress, no retry, no dead letters: the least that anybody can do with these rows and this database.
 */
const [brokers = '', postgres = ''] = process.argv.slice(2)
const BATCH_ROWS = 5_000

interface Row {
  readonly trade_id: string
  readonly version: number
  readonly counterparty_id: string
  readonly book_id: string
  readonly maturity_date: string
  readonly created_date: string
  readonly expired: boolean
  readonly last_updated: string
  partition: number
  offset: number
}

const COLUMNS = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'last_updated', 'source_partition', 'source_offset', 'source_generation'].join(', ')
const ROWS = 'unnest($1::text[], $2::int4[], $3::text[], $4::text[], $5::date[], $6::date[], $7::bool[], $8::timestamptz[], $9::int4[], $10::int8[])'
const CONTENT = COLUMNS.split(', ').slice(2)
const SET = CONTENT.map((name) => `${name} = excluded.${name}`).join(', ')
const INSERT_TRADES = `INSERT INTO trades (${COLUMNS}) SELECT *, 0 FROM ${ROWS} ON CONFLICT (trade_id) DO UPDATE SET version = excluded.version, ${SET}`
const INSERT_VERSIONS = `INSERT INTO trade_versions (${COLUMNS}) SELECT *, 0 FROM ${ROWS} ON CONFLICT (trade_id, version) DO UPDATE SET ${SET}`

const database = new pg.Client({ connectionString: postgres })
await database.connect()
const reader = await TopicReader.start(brokers, [TRADE_TOPICS.processed])
while (!reader.isStopping) {
  // the processor wrote it
  const rows = await reader.next(BATCH_ROWS, (cursor, _topic, partition) => ({ ...(JSON.parse(cursor.value.toString()) as Row), partition, offset: cursor.offset }))
  if (rows.length === 0) continue
  await database.query('BEGIN')
  await database.query(INSERT_TRADES, parameters(lastOf(rows, (row) => row.trade_id)))
  await database.query(INSERT_VERSIONS, parameters(lastOf(rows, (row) => `${row.trade_id} ${row.version}`)))
  await database.query('COMMIT')
  reader.written(rows.length)
}
await reader.close()
await database.end()

/** A statement may touch a row once. */
function lastOf(rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  return [...new Map(rows.map((row) => [keyOf(row), row])).values()]
}

function parameters(rows: readonly Row[]): unknown[] {
  const columns = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'last_updated', 'partition', 'offset'] as const
  return columns.map((column) => rows.map((row) => row[column]))
}
