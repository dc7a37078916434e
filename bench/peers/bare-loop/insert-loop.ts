import pg from 'pg'
import { connectKafka } from '../../../cli/kafka.ts'
import { loadSettings } from '../../../config/load-settings.ts'
import { CommittedCursor } from '../../../records/committed-cursor.ts'
import { TRADE_TOPICS } from '../../../topology/trade-topics.ts'

/**
 * `insert-loop.ts BROKERS POSTGRES`: reads trade.processed from its start and writes trades and their versions, a batch after the other, until it is told to stop. No group, no fence, no
 * progress, no retry, no dead letters: the least that anybody can do with these rows and this database.
 */
const [brokers = '', postgres = ''] = process.argv.slice(2)
const BATCH_ROWS = 5_000
const TOLD_EVERY_MS = 100

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

const kafka = connectKafka(loadSettings(new Map(), {}).values, brokers, 'insert-loop')
const database = new pg.Client({ connectionString: postgres })
await database.connect()
const [topic] = await kafka.client.topics([TRADE_TOPICS.processed])
const partitions = (topic?.partitions ?? []).map(({ partition }) => ({ topic: TRADE_TOPICS.processed, partition }))
const fetcher = kafka.client.fetcher({ readCommitted: true })
for (const { partition, offset } of await kafka.client.listOffsets(partitions, 'earliest')) fetcher.assign({ topic: TRADE_TOPICS.processed, partition }, { offset, leaderEpoch: undefined })

let isStopping = false
process.once('SIGTERM', () => {
  isStopping = true
  fetcher.wake()
})
let written = 0
const telling = setInterval(() => console.log(`WRITTEN ${written}`), TOLD_EVERY_MS)
console.log('RUNNING')

const cursor = new CommittedCursor()
while (!isStopping) {
  const rows = await nextRows()
  if (rows.length === 0) continue
  await database.query('BEGIN')
  await database.query(INSERT_TRADES, parameters(lastOf(rows, (row) => row.trade_id)))
  await database.query(INSERT_VERSIONS, parameters(lastOf(rows, (row) => `${row.trade_id} ${row.version}`)))
  await database.query('COMMIT')
  written += rows.length
}
clearInterval(telling)
await fetcher.close()
await kafka.close()
await database.end()

/** What has arrived, up to a batch and the rest of its last chunk. */
async function nextRows(): Promise<Row[]> {
  const rows: Row[] = []
  while (rows.length < BATCH_ROWS) {
    const chunk = fetcher.take()
    if (chunk === undefined) {
      if (rows.length > 0 || isStopping) break
      await fetcher.ready()
    } else if (chunk.kind === 'failure') throw new Error(`${chunk.topic}-${chunk.partition} cannot be read: ${chunk.message}`)
    else {
      cursor.reset(chunk)
      // the processor wrote it
      while (cursor.next()) rows.push({ ...(JSON.parse(cursor.value.toString()) as Row), partition: chunk.partition, offset: cursor.offset })
    }
  }
  return rows
}

/** A statement may touch a row once. */
function lastOf(rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  return [...new Map(rows.map((row) => [keyOf(row), row])).values()]
}

function parameters(rows: readonly Row[]): unknown[] {
  const columns = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'last_updated', 'partition', 'offset'] as const
  return columns.map((column) => rows.map((row) => row[column]))
}
