import { rm } from 'node:fs/promises'
import pg from 'pg'
import { MongoClient } from 'mongodb'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { pause, sum, until } from '../harness/bench-stack.ts'
import { checkResults } from '../harness/check-results.ts'
import type { Contender } from '../harness/contender.ts'
import { contentOf, expectedResults, tradeNumber } from '../harness/oracle.ts'
import { type Measurement, OURS } from '../harness/results.ts'
import { RowWatch } from '../harness/row-watch.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { debeziumJdbc, mongoConnector } from '../peers/kafka-connect.ts'
import { kafkaStreams } from '../peers/kafka-streams.ts'
import { mongoSinks, postgresSinks, type RunningSinkContender, type SinkContender } from '../peers/sink-contenders.ts'
import { tradewind } from '../peers/tradewind.ts'
import { mongo } from './sink-mongo.ts'
import { postgres } from './sink-postgres.ts'

const DEFAULT_RATES = [1_000, 5_000]
const FOLLOWED_PER_S = 50
const ARRIVE_WITHIN_MS = 120_000

/** What takes a trade from the topic to both databases. */
interface Chain {
  readonly name: string
  readonly title: string
  readonly settings: string
  readonly processor: Contender
  readonly sinks: readonly SinkContender[]
  install?(): Promise<void>
}

const ours: Chain = { name: OURS, title: 'Tradewind', settings: 'defaults: processor, PostgreSQL sink, MongoDB sink', processor: tradewind, sinks: [...postgresSinks.slice(0, 1), ...mongoSinks.slice(0, 1)] }

const peers = kafkaStreams.map((processor): Chain => {
  const sinks = [debeziumJdbc, mongoConnector]
  return {
    name: processor.name,
    title: `${processor.title} and Kafka Connect`,
    settings: [processor, ...sinks].map(({ title, settings }) => `${title}: ${settings}`).join('; '),
    processor,
    sinks,
    async install() {
      await processor.install?.()
      for (const sink of sinks) await sink.install?.()
    },
  }
})

/** From the moment when a record was due to its row in PostgreSQL and its document in MongoDB, all of it running on the same machine. */
export const endToEnd: Scenario<Chain> = {
  name: 'end-to-end',
  needsPostgres: true,
  needsMongo: true,
  metrics: [
    { name: 'to the row, p50', unit: 'ms', better: 'lower' },
    { name: 'to the row, p95', unit: 'ms', better: 'lower' },
    { name: 'to the row, p99', unit: 'ms', better: 'lower' },
    { name: 'to the document, p50', unit: 'ms', better: 'lower' },
    { name: 'to the document, p95', unit: 'ms', better: 'lower' },
    { name: 'to the document, p99', unit: 'ms', better: 'lower' },
    { name: 'followed', unit: 'trades', better: undefined },
  ],
  contenders: [ours, ...peers],
  async prepare() {},
  async measure(context, chain) {
    const { stack, options, profileDirectory } = context
    await stack.freshTopics({ input: true })
    for (const target of [postgres, mongo]) await target.empty(context)
    const run = context.newRun(chain.name)
    const processor = await chain.processor.start(stack, { ...run, profileDirectory })
    const sinks: RunningSinkContender[] = []
    try {
      for (const sink of chain.sinks) sinks.push(await sink.start(stack, { applicationId: run.group, profileDirectory, ends: new Map() }))
      await processor.ready()
      const watch = await RowWatch.start(stack.client, stack)
      const check = () => {
        for (const each of [processor, watch, ...sinks]) each.check()
      }
      const cases = new Map<string, Measurement>()
      for (const [at, rate] of (options.rates ?? DEFAULT_RATES).toSorted((a, b) => a - b).entries()) {
        cases.set(`${rate.toLocaleString('en')}/s`, await measureRate(context, { watch, rate, seed: 42 + at, check }))
      }
      await watch.close()
      await checkAll(context, chain, check)
      await processor.stop()
      return cases
    } finally {
      for (const sink of sinks) await sink.stop()
      await processor.kill()
      await rm(run.stateDirectory, { recursive: true, force: true })
    }
  },
}

async function measureRate({ stack, options }: ScenarioContext, { watch, rate, seed, check }: { watch: RowWatch; rate: number; seed: number; check: () => void }): Promise<Measurement> {
  const load = stack.load(['--rate', String(rate), '--for', `${options.warmSeconds + options.seconds}s`, '--seed', String(seed)])
  const { startedMs = Date.now() } = await until(load, (status) => status.startedMs !== undefined)
  const fromMs = startedMs + options.warmSeconds * 1000
  const toMs = fromMs + options.seconds * 1000
  watch.follow({ fromMs, toMs, every: Math.max(1, Math.round(rate / FOLLOWED_PER_S)) })
  await load.ended
  const deadlineMs = Date.now() + ARRIVE_WITHIN_MS
  // What was due last may not have come out of the processor yet.
  while (Date.now() < toMs + 1000 || watch.waiting > 0) {
    check()
    if (Date.now() > deadlineMs) throw new Error(`${watch.waiting} of the trades that are followed have not arrived ${ARRIVE_WITHIN_MS / 1000} s after the load of ${rate}/s: it cannot keep up, expected fewer --rates`)
    await pause()
  }
  const of = (name: string, histogram: RowWatch['toRow']) => Object.fromEntries([50, 95, 99].map((share) => [`${name}, p${share}`, histogram.percentileMs(share / 100) ?? Number.NaN]))
  return { ...of('to the row', watch.toRow), ...of('to the document', watch.toDocument), followed: watch.toRow.count }
}

/** The topics as the rules say, the last state of each trade in its row, and a document for each record. */
async function checkAll({ stack, checked }: ScenarioContext, chain: Chain, check: () => void): Promise<void> {
  const expected = await expectedResults(stack.client)
  const inputs = sum(expected.counts)
  const client = new MongoClient(stack.mongo)
  const database = new pg.Client({ connectionString: stack.postgres })
  await database.connect()
  try {
    const deadlineMs = Date.now() + ARRIVE_WITHIN_MS
    for (;;) {
      check()
      let processed = 0
      await readTopic(stack.client, TRADE_TOPICS.processed, () => {
        processed++
      })
      const collections = client.db('tradewind')
      const audits = await collections.collection('audit').countDocuments()
      const states = await collections.collection('trade_history').countDocuments()
      const wrong = await wrongRows(database, expected.state)
      if (audits === inputs && states === processed && wrong === 0) break
      if (Date.now() < deadlineMs) continue
      throw new Error(`${chain.name}: ${audits} audit documents of ${inputs}, ${states} state documents of ${processed}, ${wrong} rows of trades are wrong or missing`)
    }
  } finally {
    await database.end()
    await client.close()
  }
  await checkResults(stack.client, chain.name, expected)
  checked('every contender, every round: exactly one audit entry, and one audit document, for each input; a document for each state; in PostgreSQL the right final state of each trade')
}

async function wrongRows(database: pg.Client, expected: ReadonlyMap<number, number>): Promise<number> {
  const { rows } = await database.query<Parameters<typeof contentOf>[0]>('SELECT trade_id, version, counterparty_id, book_id, maturity_date::text, created_date::text FROM trades')
  const right = rows.filter((row) => expected.get(tradeNumber(row.trade_id)) === contentOf(row)).length
  return Math.max(rows.length, expected.size) - right
}
