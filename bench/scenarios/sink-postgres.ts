import pg from 'pg'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import { pause, sum } from '../harness/bench-stack.ts'
import { cpuSecondsOfTree } from '../harness/process-meter.ts'
import type { Measurement } from '../harness/results.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { UsageWindow } from '../harness/usage-window.ts'
import { type RunningSinkContender, type SinkContender, sinkContenders } from '../peers/sink-contenders.ts'
import { tradewind } from '../peers/tradewind.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { drainOnce } from './drain-once.ts'

let checksums: string | undefined

/** What a drain has written to trade.processed goes into empty tables: the trades, and each version of each trade. */
export const sinkPostgres: Scenario<SinkContender> = {
  name: 'sink-postgres',
  needsPostgres: true,
  metrics: [
    { name: 'throughput', unit: 'records/s', better: 'higher' },
    { name: 'client CPU', unit: 's a million', better: 'lower', digits: 2 },
    { name: 'PostgreSQL CPU', unit: 's a million', better: 'lower', digits: 2 },
    { name: 'peak memory', unit: 'MB', better: 'lower' },
    { name: 'others', unit: 'cores', better: undefined, digits: 2 },
    { name: 'steal', unit: 'cores', better: undefined, digits: 2 },
  ],
  contenders: sinkContenders,
  async prepare(context) {
    const { stack, options, say } = context
    await stack.freshTopics({ input: true })
    await stack.preload(['--count', String(options.records)])
    await drainOnce(context, tradewind)
    say('warming the database; the tables are made too')
    const [ours] = sinkContenders
    if (ours !== undefined) await measureSink(context, ours, { isWarming: true })
  },
  async measure(context, contender) {
    return new Map([['', await measureSink(context, contender, { isWarming: false })]])
  },
}

async function measureSink(context: ScenarioContext, contender: SinkContender, { isWarming }: { isWarming: boolean }): Promise<Measurement> {
  const { stack, profileDirectory } = context
  const postgresPid = stack.postgresPid
  if (postgresPid === undefined) throw new Error('PostgreSQL does not run')
  if (!isWarming) await queryOnce(stack.postgres, 'TRUNCATE trades, trade_versions; CHECKPOINT')
  const total = await processedRecords(context)
  const sink = contender.start(stack, { applicationId: context.newRun(contender.name).group, profileDirectory })
  try {
    await waitFor(sink, () => sink.rowsWritten > 0)
    const rowsBefore = sink.rowsWritten
    const window = new UsageWindow({ client: sink.pid, broker: stack.brokerPid, also: [postgresPid] })
    const databaseBefore = cpuSecondsOfTree(postgresPid)
    await waitFor(sink, () => sink.hasWritten(total))
    const usage = window.end()
    const databaseSeconds = cpuSecondsOfTree(postgresPid) - databaseBefore
    // It has read more than it has written: how far it was at the first look is seen in its rows.
    const records = total * (1 - rowsBefore / sink.rowsWritten)
    if (records <= 0 && !isWarming) throw new Error(`all ${total} records were written before the first look at them: expected more --records`)
    await check(context, contender)
    return {
      throughput: records / usage.seconds,
      'client CPU': (usage.clientCpuSeconds * 1e6) / records,
      'PostgreSQL CPU': (databaseSeconds * 1e6) / records,
      'peak memory': usage.peakMemoryBytes / 1e6,
      others: usage.othersCores,
      steal: usage.stealCores,
    }
  } finally {
    await sink.stop()
  }
}

async function waitFor(sink: RunningSinkContender, isEnough: () => boolean): Promise<void> {
  while (!isEnough()) {
    sink.check()
    await pause()
  }
}

async function processedRecords({ stack }: ScenarioContext): Promise<number> {
  let records = 0
  await readTopic(stack.client, TRADE_TOPICS.processed, () => {
    records++
  })
  return records
}

/** The tables of all contenders are the same, in every column that does not say who wrote it. */
async function check({ stack, checked }: ScenarioContext, contender: SinkContender): Promise<void> {
  const content = 'trade_id, version, counterparty_id, book_id, maturity_date, created_date, expired, last_updated, source_partition, source_offset'
  const of = (table: string) => `SELECT count(*)::int AS rows, coalesce(sum(hashtextextended(row(${content})::text, 0)::numeric), 0)::text AS checksum FROM ${table}`
  const rows = await queryOnce(stack.postgres, `${of('trades')} UNION ALL ${of('trade_versions')}`)
  const found = JSON.stringify(rows)
  checksums ??= found
  if (found !== checksums) throw new Error(`${contender.name} has written other rows than the first one: ${found}, expected ${checksums}`)
  checked(`all contenders, every round: the same rows in trades and in trade_versions (${sum(rows.map(({ rows: count }) => count)).toLocaleString('en')} together), in content, origin and time`)
}

async function queryOnce(url: string, sql: string): Promise<{ rows: number; checksum: string }[]> {
  const database = new pg.Client({ connectionString: url })
  await database.connect()
  try {
    // A text of several statements has a result for each; only the check looks at its rows, and it has one.
    const { rows } = await database.query<{ rows: number; checksum: string }>(sql)
    return rows
  } finally {
    await database.end()
  }
}
