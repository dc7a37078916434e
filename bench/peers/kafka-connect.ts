import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { type BenchStack, pause, sum } from '../harness/bench-stack.ts'
import { ChildProgram } from '../harness/child-program.ts'
import { installKafkaConnect } from './kafka-connect-installation.ts'
import type { RunningSinkContender, SinkContender, SinkRunOptions } from './sink-contenders.ts'

type Properties = Readonly<Record<string, string | number | boolean>>

const HEAP = ['-Xms256m', '-Xmx2g', '-XX:+UseG1GC']
const POLL_RECORDS = 5_000
/** A minute by default: how far it is could not be told then. It has no more to do for it than to send twelve numbers. */
const OFFSETS_EVERY_MS = 200

/** The values of trade.processed have no schema, and the JDBC sink takes none without: the converter is told it (`schema.content`). */
const PROCESSED_SCHEMA = {
  type: 'struct',
  fields: [
    ...['trade_id', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'last_updated'].map((field) => ({ field, type: 'string' })),
    { field: 'version', type: 'int32' },
    { field: 'expired', type: 'boolean' },
  ],
}

const JDBC_SETTINGS: Properties = {
  'insert.mode': 'upsert',
  'batch.size': POLL_RECORDS,
  'use.reduction.buffer': true,
  'schema.evolution': 'none',
  'delete.enabled': false,
}

const MONGO_SETTINGS: Properties = {
  'document.id.strategy': 'com.mongodb.kafka.connect.sink.processor.id.strategy.KafkaMetaDataStrategy',
  'writemodel.strategy': 'com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy',
  'bulk.write.ordered': false,
}

type Steps = Readonly<Record<string, Properties>>

export const debeziumJdbc = debezium('kafka-connect', 'Kafka Connect, Debezium\'s JDBC sink', {}, {})

/** What its documentation has for many rows: one statement of arrays a batch, as ours. An array has a type, so texts have to become dates and times before. */
export const debeziumJdbcUnnest = debezium(
  'kafka-connect-unnest',
  'Kafka Connect, Debezium\'s JDBC sink, unnest',
  { 'dialect.postgres.unnest.insert.enabled': true },
  {
    generation: { type: transform('Cast'), spec: 'source_generation:int32' },
    maturity: { type: transform('TimestampConverter'), field: 'maturity_date', 'target.type': 'Date', format: 'yyyy-MM-dd' },
    created: { type: transform('TimestampConverter'), field: 'created_date', 'target.type': 'Date', format: 'yyyy-MM-dd' },
    updated: time('last_updated'),
  },
)

function debezium(name: string, title: string, own: Properties, steps: Steps): SinkContender {
  const told = ['use.reduction.buffer', ...Object.keys(own), 'reWriteBatchedInserts'].join(', ')
  return {
    name,
    title,
    settings: `a connector for each table, a task each; upsert, batch.size=max.poll.records=${POLL_RECORDS}, ${told}; schema by schema.content, origin by InsertField; ${HEAP.join(', ')}`,
    async install() {
      await installKafkaConnect()
    },
    start: (stack, options) =>
      startConnect(stack, options, { trades: { ...jdbc(stack, 'trades', 'trade_id', steps), ...own }, trade_versions: { ...jdbc(stack, 'trade_versions', 'trade_id,version', steps), ...own } }),
  }
}

export const mongoConnector: SinkContender = {
  name: 'kafka-connect',
  title: 'Kafka Connect, MongoDB\'s connector',
  settings: `a connector for each collection, a task each; replaceOne by topic, partition and offset, unordered, max.poll.records=${POLL_RECORDS}; times by TimestampConverter; ${HEAP.join(', ')}`,
  async install() {
    await installKafkaConnect()
  },
  start: (stack, options) =>
    startConnect(stack, options, {
      audit: mongo(stack, 'audit', TRADE_TOPICS.audit, { timestamp: time('timestamp') }),
      trade_history: mongo(stack, 'trade_history', TRADE_TOPICS.processed, {
        due: { type: transform('InsertField'), 'timestamp.field': 'timestamp' },
        timestamp: { type: transform('TimestampConverter'), field: 'timestamp', 'target.type': 'Timestamp' },
        updated: time('last_updated'),
      }),
    }),
}

function jdbc(stack: BenchStack, table: string, primaryKey: string, steps: Steps): Properties {
  const { host, pathname, username, password } = new URL(stack.postgres)
  return {
    ...JDBC_SETTINGS,
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    topics: TRADE_TOPICS.processed,
    // A text goes into a column of dates as it would in a statement written by hand.
    'connection.url': `jdbc:postgresql://${host}${pathname}?stringtype=unspecified&reWriteBatchedInserts=true`,
    'connection.username': username,
    'connection.password': password || 'none',
    'collection.name.format': table,
    'primary.key.mode': 'record_value',
    'primary.key.fields': primaryKey,
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': true,
    'value.converter.schema.content': JSON.stringify(PROCESSED_SCHEMA),
    ...transforms({
      origin: { type: transform('InsertField'), 'partition.field': 'source_partition', 'offset.field': 'source_offset', 'static.field': 'source_generation', 'static.value': 0 },
      ...steps,
    }),
  }
}

function mongo(stack: BenchStack, collection: string, topic: string, steps: Steps): Properties {
  return {
    ...MONGO_SETTINGS,
    'connector.class': 'com.mongodb.kafka.connect.MongoSinkConnector',
    topics: topic,
    'connection.uri': stack.mongo,
    database: 'tradewind',
    collection,
    ...transforms(steps),
  }
}

function transform(name: string): string {
  return `org.apache.kafka.connect.transforms.${name}$Value`
}

/** The indexes and the retention of the collections need times, the topics have text. */
function time(field: string): Properties {
  return { type: transform('TimestampConverter'), field, 'target.type': 'Timestamp', format: 'yyyy-MM-dd\'T\'HH:mm:ss.SSSX' }
}

function transforms(steps: Steps): Properties {
  const settings = Object.entries(steps).flatMap(([step, properties]) => Object.entries(properties).map(([name, value]) => [`transforms.${step}.${name}`, value]))
  return { transforms: Object.keys(steps).join(','), ...Object.fromEntries(settings) }
}

/** Standalone: one process with all connectors. How far they are, their groups say at the broker. */
async function startConnect(stack: BenchStack, { applicationId, ends }: SinkRunOptions, connectors: Readonly<Record<string, Properties>>): Promise<RunningSinkContender> {
  const { java, classPath, pluginPath } = await installKafkaConnect()
  const folder = await mkdtemp(join(stack.dataDir, 'connect-'))
  const worker = await writeProperties(folder, 'worker', {
    'bootstrap.servers': stack.brokers,
    listeners: 'http://127.0.0.1:0',
    'plugin.path': pluginPath,
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': false,
    'offset.storage.file.filename': join(folder, 'offsets'),
    'offset.flush.interval.ms': OFFSETS_EVERY_MS,
    'consumer.isolation.level': 'read_committed',
    'consumer.max.poll.records': POLL_RECORDS,
  })
  const files: string[] = []
  for (const [name, properties] of Object.entries(connectors)) files.push(await writeProperties(folder, name, { name: `${applicationId}-${name}`, 'tasks.max': 1, ...properties }))
  const logging = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-Dorg.slf4j.simpleLogger.logFile=System.out']
  const command = [java, ...HEAP, ...logging, '-cp', classPath, 'org.apache.kafka.connect.cli.ConnectStandalone', worker, ...files]
  const program = new ChildProgram({ name: 'Kafka Connect', command, readyLine: 'Kafka Connect started' })
  const groups = Object.entries(connectors).map(([name, { topics }]) => ({ group: `connect-${applicationId}-${name}`, topic: String(topics), ends: ends.get(String(topics)) ?? [] }))
  return new RunningConnect(stack, program, groups)
}

interface ConnectGroup {
  readonly group: string
  readonly topic: string
  readonly ends: readonly number[]
}

class RunningConnect implements RunningSinkContender {
  readonly pid: number
  rowsWritten = 0
  readonly #program: ChildProgram
  readonly #watching: Promise<void>
  #isWhole = false
  #isStopping = false
  #failure: unknown

  constructor(stack: BenchStack, program: ChildProgram, groups: readonly ConnectGroup[]) {
    this.pid = program.pid
    this.#program = program
    this.#watching = this.#watch(stack, groups).catch((error: unknown) => {
      this.#failure = error
    })
  }

  check(): void {
    this.#program.check()
    if (this.#failure !== undefined) throw this.#failure
    // A task that fails leaves its worker running.
    const at = this.#program.lines.findIndex((line) => line.includes('ERROR') && (line.includes('unrecoverable') || line.includes('Failed to')))
    if (at >= 0) throw new Error(`a connector has failed:\n${this.#program.lines.slice(at, at + 30).join('\n')}`)
  }

  hasWritten(): boolean {
    return this.#isWhole
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#watching
    await this.#program.stop()
  }

  async #watch(stack: BenchStack, groups: readonly ConnectGroup[]): Promise<void> {
    while (!this.#isStopping) {
      let written = 0
      let isWhole = true
      for (const { group, topic, ends } of groups) {
        const partitions = ends.map((_, partition) => ({ topic, partition }))
        const committed = await stack.client.committedOffsets(group, partitions, { requireStable: false })
        const reached = ends.map((end, partition) => Math.min(end, Math.max(0, committed.find((found) => found.partition === partition)?.offset ?? 0)))
        written += sum(reached)
        isWhole &&= reached.every((offset, partition) => offset === ends[partition])
      }
      this.rowsWritten = written
      this.#isWhole = isWhole
      await pause()
    }
  }
}

async function writeProperties(folder: string, name: string, properties: Properties): Promise<string> {
  const file = join(folder, `${name}.properties`)
  await writeFile(file, Object.entries(properties).map(([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\')}\n`).join(''))
  return file
}
