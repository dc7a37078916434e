import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { TRADE_TOPICS } from '../../../topology/trade-topics.ts'

/** `row-by-row.ts BROKERS POSTGRES GROUP`: the trade rules with a row of PostgreSQL as the state of a trade. Each group begins with an empty table of its own. */
const [brokers = '', postgres = '', group = ''] = process.argv.slice(2)
const PARTITIONS_AT_A_TIME = 12
const COMMIT_EVERY_MS = 1_000

interface Trade {
  readonly trade_id: string
  readonly version: number
  readonly counterparty_id: string
  readonly book_id: string
  readonly maturity_date: string
  readonly created_date: string
}

type Outcome = 'CREATED' | 'UPDATED' | 'REPLACED' | 'STALE_VERSION' | 'DUPLICATE' | 'PAST_MATURITY' | 'INVALID'

const table = `"kafkajs ${group}"`
const pool = new pg.Pool({ connectionString: postgres, max: PARTITIONS_AT_A_TIME })
await pool.query(`CREATE TABLE IF NOT EXISTS ${table} (trade_id text PRIMARY KEY, version int, counterparty_id text, book_id text, maturity_date text, created_date text, last_updated text)`)

const kafka = new Kafka({ clientId: group, brokers: brokers.split(','), logLevel: logLevel.ERROR })
const consumer = kafka.consumer({ groupId: group })
const producer = kafka.producer()
await producer.connect()
await consumer.connect()
await consumer.subscribe({ topic: TRADE_TOPICS.ingested, fromBeginning: true })
consumer.on(consumer.events.GROUP_JOIN, () => console.log('RUNNING'))
await consumer.run({
  partitionsConsumedConcurrently: PARTITIONS_AT_A_TIME,
  autoCommitInterval: COMMIT_EVERY_MS,
  async eachMessage({ partition, message: { key, value, offset, timestamp } }) {
    const at = new Date().toISOString()
    const text = value?.toString() ?? ''
    const trade = parse(text)
    const outcome = trade === undefined ? 'INVALID' : await judge(trade, at)
    const entry = { trade_id: key?.toString(), version: trade?.version, outcome, partition, offset: Number(offset), at }
    const audit = { topic: TRADE_TOPICS.audit, messages: [{ key, value: JSON.stringify(entry), timestamp }] }
    const processed = { topic: TRADE_TOPICS.processed, messages: [{ key, value: JSON.stringify({ ...trade, expired: false, last_updated: at }), timestamp }] }
    const dead = { topic: TRADE_TOPICS.deadLetter, messages: [{ key, value, timestamp }] }
    const isTaken = outcome === 'CREATED' || outcome === 'UPDATED' || outcome === 'REPLACED'
    await producer.sendBatch({ acks: -1, topicMessages: [...(isTaken ? [processed] : []), ...(outcome === 'INVALID' ? [dead] : []), audit] })
  },
})

process.once('SIGTERM', () => {
  void consumer
    .disconnect()
    .then(() => producer.disconnect())
    .then(() => pool.end())
})

async function judge(trade: Trade, at: string): Promise<Outcome> {
  const { rows } = await pool.query<Trade>(`SELECT * FROM ${table} WHERE trade_id = $1`, [trade.trade_id])
  const [stored] = rows
  if (stored !== undefined && trade.version < stored.version) return 'STALE_VERSION'
  if (stored !== undefined && trade.version === stored.version && isSame(trade, stored)) return 'DUPLICATE'
  if (trade.maturity_date < at.slice(0, 10)) return 'PAST_MATURITY'
  await pool.query(
    `INSERT INTO ${table} VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (trade_id) DO UPDATE SET version = excluded.version, counterparty_id = excluded.counterparty_id,
     book_id = excluded.book_id, maturity_date = excluded.maturity_date, created_date = excluded.created_date, last_updated = excluded.last_updated`,
    [trade.trade_id, trade.version, trade.counterparty_id, trade.book_id, trade.maturity_date, trade.created_date, at],
  )
  if (stored === undefined) return 'CREATED'
  return trade.version === stored.version ? 'REPLACED' : 'UPDATED'
}

function isSame(a: Trade, b: Trade): boolean {
  return a.counterparty_id === b.counterparty_id && a.book_id === b.book_id && a.maturity_date === b.maturity_date && a.created_date === b.created_date
}

/** The checks of the rules that the workload can fail: readable, and whole. */
function parse(text: string): Trade | undefined {
  try {
    const trade = JSON.parse(text) as Partial<Trade>
    const isWhole = trade.trade_id && trade.counterparty_id && trade.book_id && trade.maturity_date && trade.created_date && Number.isInteger(trade.version)
    // all members are there: just checked
    return isWhole ? (trade as Trade) : undefined
  } catch {
    // cut off
    return undefined
  }
}
