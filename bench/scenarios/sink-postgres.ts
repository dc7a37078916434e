import pg from 'pg'
import { migrate } from '../../sinks/postgres/migrate.ts'
import { TRADE_MIGRATIONS } from '../../sinks/postgres/migrations.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { sum } from '../harness/bench-stack.ts'
import type { Scenario } from '../harness/scenario.ts'
import { debeziumJdbc, debeziumJdbcUnnest } from '../peers/kafka-connect.ts'
import { postgresSinks, type SinkContender } from '../peers/sink-contenders.ts'
import { measureSink, prepareSink, sinkMetrics, type SinkTarget } from './measure-sink.ts'

// In every column that does not say who wrote it.
const CONTENT = 'trade_id, version, counterparty_id, book_id, maturity_date, created_date, expired, last_updated, source_partition, source_offset'

let checksums: string | undefined

export const postgres: SinkTarget = {
  name: 'PostgreSQL',
  topics: [TRADE_TOPICS.processed],
  pid: ({ stack }) => stack.postgresPid,
  empty: ({ stack }) =>
    withPostgres(stack.postgres, async (database) => {
      await migrate(database, 'trades', TRADE_MIGRATIONS)
      await database.query('TRUNCATE trades, trade_versions; CHECKPOINT')
    }),
  async check({ stack, checked }, contender) {
    const of = (table: string) => `SELECT count(*)::int AS rows, coalesce(sum(hashtextextended(row(${CONTENT})::text, 0)::numeric), 0)::text AS checksum FROM ${table}`
    const { rows } = await withPostgres(stack.postgres, (database) => database.query<{ rows: number; checksum: string }>(`${of('trades')} UNION ALL ${of('trade_versions')}`))
    const found = JSON.stringify(rows)
    checksums ??= found
    if (found !== checksums) throw new Error(`${contender.name} has written other rows than the first one: ${found}, expected ${checksums}`)
    checked(`all contenders, every round: the same rows in trades and in trade_versions (${sum(rows.map(({ rows: count }) => count)).toLocaleString('en')} together), in content, origin and time`)
  },
}

/** What a drain has written to trade.processed goes into empty tables: the trades, and each version of each trade. */
export const sinkPostgres: Scenario<SinkContender> = {
  name: 'sink-postgres',
  needsPostgres: true,
  metrics: sinkMetrics(postgres),
  contenders: [...postgresSinks, debeziumJdbc, debeziumJdbcUnnest],
  prepare: (context) => prepareSink(context, postgres, postgresSinks[0]),
  async measure(context, contender) {
    return new Map([['', await measureSink(context, postgres, contender)]])
  },
}

async function withPostgres<Result>(url: string, work: (database: pg.Client) => Promise<Result>): Promise<Result> {
  const database = new pg.Client({ connectionString: url })
  await database.connect()
  try {
    return await work(database)
  } finally {
    await database.end()
  }
}
