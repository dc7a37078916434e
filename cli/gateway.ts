import { MongoClient } from 'mongodb'
import pg from 'pg'
import { createGateway } from '../api/gateway.ts'
import { GATEWAY_MIGRATIONS, PostgresClaims } from '../api/databases/claims.ts'
import { MongoTradeEvents } from '../api/databases/trade-events.ts'
import { PostgresTradeRows } from '../api/databases/trade-rows.ts'
import { inputPartitions } from '../api/input-partitions.ts'
import type { WatchedGroup } from '../api/live/group-watch.ts'
import { Live } from '../api/live/live.ts'
import { OwnerQueries } from '../api/queries/owner-queries.ts'
import type { Settings } from '../config/settings.ts'
import { AccumulatingProducer } from '../kafka/accumulating-producer.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { sleep } from '../ports/clock.ts'
import { systemClock } from '../ports/system-clock.ts'
import { migrate } from '../sinks/postgres/migrate.ts'
import { TRADE_MIGRATIONS } from '../sinks/postgres/migrations.ts'
import { documentTopics, tradeTopics } from '../topology/trade-topics.ts'
import { loadApplication } from './applications.ts'
import { parseArguments } from './arguments.ts'
import { connectWhenThere } from './connect-when-there.ts'
import { connectionOf } from './connections.ts'
import { lagOf } from './demo/drained.ts'
import { EXIT, PersonsMistake } from './exit.ts'
import { failpointFromEnvironment } from './failpoint.ts'
import type { GatewayStatus } from './gateway-status.ts'
import { connectKafka } from './kafka.ts'
import { keptSecret } from './kept-secret.ts'
import { leaveParent, tellParent } from './parent-process.ts'
import { hostAndPort } from './query-listener.ts'
import { stopRequested } from './stop-signal.ts'

const MIGRATION_PAUSE_MS = 1_000
const FORGET_INTERVAL_MS = 600_000
const CONNECTIONS = 8
const READS = { max: CONNECTIONS, connectionTimeoutMillis: 3_000, statement_timeout: 10_000, query_timeout: 12_000 }
/** Who writes with an Idempotency-Key waits for these: lists that take long must not hold them up, and a server that does not answer not for long. One connection claims, one forgets. */
const CLAIMS = { max: 2, connectionTimeoutMillis: 3_000, statement_timeout: 2_500, query_timeout: 3_000 }

/** The gateway role: HTTP in front of Kafka, the state stores and the databases, until it is told to stop. It starts, and stays, whatever is away: what needs it answers 503. */
export async function run(argv: readonly string[]): Promise<number> {
  const { settings } = parseArguments(argv)
  const { values } = settings
  const stop = stopRequested()
  const brokers = await connectionOf(settings, 'brokers')
  const secret = values['http.secret'] ?? (await keptSecret(values['data.dir']))
  const kafka = connectKafka(values, brokers, 'tradewind-gateway')
  const postgresUrl = await connectionOf(settings, 'postgres')
  const pool = postgresPool(postgresUrl, READS)
  const mongoUrl = await connectionOf(settings, 'mongo')
  const mongo = new MongoClient(mongoUrl, { serverSelectionTimeoutMS: 3_000, connectTimeoutMS: 3_000, socketTimeoutMS: 15_000, maxPoolSize: CONNECTIONS })
  const topics = tradeTopics(values['topics.prefix'])
  const topic = topics.ingested
  const groups = groupsOf(values)
  const topology = (await loadApplication(undefined, values)).topology.subTopologies()
  const producer = new AccumulatingProducer({ producer: kafka.client.producer(), clock: systemClock })
  const state = new OwnerQueries({ broker: kafka.client.broker, groupId: values['application.id'], taskOf: (_store, partition) => taskOf(partition), clock: systemClock })
  const claimPool = postgresPool(postgresUrl, CLAIMS)
  const claims = new PostgresClaims(claimPool)
  const partitions = inputPartitions({ kafka: kafka.client, topic, clock: systemClock })
  const live = new Live({ kafka: kafka.client, clock: systemClock, topics, groups, topology, applicationId: values['application.id'], state, partitions })
  const server = await createGateway({
    producer,
    state,
    claims,
    clock: systemClock,
    failpoint: failpointFromEnvironment(),
    topic,
    partitions,
    trades: new PostgresTradeRows(pool),
    events: new MongoTradeEvents(mongo, databaseOf(mongoUrl)),
    expire: async () => state.expire(Array.from({ length: await partitions() }, (_, partition) => taskOf(partition))),
    lags: () => lagsOf(kafka.client, groups),
    askKafka: () => kafka.client.broker.metadata([]),
    isKafkaAway: () => producer.isAway,
    live,
    writesPerSecond: values['http.writesPerSecond'],
    traceUrl: values['trace.url'],
    secret,
    unexpected: (error) => process.stderr.write(`unexpected: ${error.stack ?? error.message}\n`),
  })
  const ending = new AbortController()
  // Where PostgreSQL is away, the next time does it.
  const forgetting = setInterval(() => void claims.forget().catch(() => {}), FORGET_INTERVAL_MS)
  try {
    const migrated = migrateWhenThere(postgresUrl, ending.signal)
    // Waited for below, once it listens.
    migrated.catch(() => {})
    void connectWhenThere(mongo, systemClock, ending.signal)
    live.start()
    const url = await listen(server, values['http.listen'])
    process.stdout.write(`dashboard ${url}/\ncalls ${url}/docs\n`)
    const status: GatewayStatus = { role: 'gateway', url }
    tellParent(status)
    await Promise.race([stop.promise, migrated.then(() => stop.promise)])
    return EXIT.ok
  } finally {
    ending.abort()
    clearInterval(forgetting)
    live.close()
    await server.close()
    state.close()
    await producer.close()
    await kafka.close()
    await pool.end()
    await claimPool.end()
    await mongo.close()
    leaveParent()
  }
}

/** All stores are in one part of the topology. */
function taskOf(partition: number): string {
  return `0_${partition}`
}

async function listen(server: Awaited<ReturnType<typeof createGateway>>, address: string): Promise<string> {
  const { host, port } = hostAndPort(address)
  try {
    return await server.listen({ host, port })
  } catch (error) {
    throw new PersonsMistake(`http.listen: ${error instanceof Error ? error.message : String(error)}; choose an address of this machine, and a port that nothing else listens on`, { cause: error })
  }
}

function postgresPool(url: string, limits: typeof READS): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, keepAlive: true, application_name: 'tradewind gateway', ...limits })
  // The next statement finds out whether the server is there; an `error` event that nobody listens to would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** The gateway serves what does not need PostgreSQL while that is away. A schema that is newer than this program ends it. */
async function migrateWhenThere(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // On a connection of its own: an index on a large table takes longer than a statement of the pool may.
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000, application_name: 'tradewind gateway' })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await migrate(client, 'trades', TRADE_MIGRATIONS)
      await migrate(client, 'gateway', GATEWAY_MIGRATIONS)
      return
    } catch (error) {
      if (error instanceof Error && error.name === 'SinkFatalError') throw error
      await sleep(systemClock, MIGRATION_PAUSE_MS, signal)
    } finally {
      // A connection that is gone already is as good as closed.
      await client.end().catch(() => {})
    }
  }
}

/** As the sink chooses it. */
function databaseOf(url: string): string {
  return /^[^/]+:\/\/[^/]+\/([^?]+)/.exec(url)?.[1] ?? 'tradewind'
}

async function lagsOf(client: KafkaClient, groups: readonly WatchedGroup[]): Promise<Record<string, number>> {
  return Object.fromEntries(await Promise.all(groups.map(async ({ group, topics }) => [group, await lagOf(client, group, topics)] as const)))
}

function groupsOf(settings: Settings): readonly WatchedGroup[] {
  const topics = tradeTopics(settings['topics.prefix'])
  const application = settings['application.id']
  return [
    { group: application, role: 'processor', topics: [topics.ingested] },
    { group: `${application}-sink-postgres`, role: 'sink-postgres', topics: [topics.processed] },
    { group: `${application}-sink-mongo`, role: 'sink-mongo', topics: documentTopics(topics) },
  ]
}
