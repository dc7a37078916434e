import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { createGateway } from '../api/gateway.ts'
import { GATEWAY_MIGRATIONS, PostgresClaims } from '../api/databases/claims.ts'
import { OwnerQueries } from '../api/queries/owner-queries.ts'
import { AccumulatingProducer } from '../kafka/accumulating-producer.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { systemClock } from '../ports/system-clock.ts'
import { migrate } from '../sinks/postgres/migrate.ts'
import { TRADE_MIGRATIONS } from '../sinks/postgres/migrations.ts'
import { tradeTopics } from '../topology/trade-topics.ts'
import { parseArguments } from './arguments.ts'
import { connectionOf } from './connections.ts'
import { EXIT, PersonsMistake } from './exit.ts'
import { failpointFromEnvironment } from './failpoint.ts'
import type { GatewayStatus } from './gateway-status.ts'
import { connectKafka } from './kafka.ts'
import { leaveParent, tellParent } from './parent-process.ts'
import { hostAndPort } from './query-listener.ts'
import { stopRequested } from './stop-signal.ts'

const MIGRATION_PAUSE_MS = 1_000
const FORGET_INTERVAL_MS = 600_000
const CONNECTIONS = 8

/** The gateway role: HTTP in front of Kafka, the state stores and the databases, until it is told to stop. It starts, and stays, whatever is away: what needs it answers 503. */
export async function run(argv: readonly string[]): Promise<number> {
  const { settings } = parseArguments(argv)
  const { values } = settings
  const stop = stopRequested()
  const kafka = connectKafka(values, await connectionOf(settings, 'brokers'), 'tradewind-gateway')
  const pool = postgresPool(await connectionOf(settings, 'postgres'))
  const topic = tradeTopics(values['topics.prefix']).ingested
  const producer = new AccumulatingProducer({ producer: kafka.client.producer(), clock: systemClock })
  const state = new OwnerQueries({ broker: kafka.client.broker, groupId: values['application.id'], taskOf: (_store, partition) => `0_${partition}`, clock: systemClock })
  const claims = new PostgresClaims(pool)
  const server = await createGateway({
    producer,
    state,
    claims,
    clock: systemClock,
    failpoint: failpointFromEnvironment(),
    topic,
    partitions: () => partitionsOf(kafka.client, topic),
    secret: values['http.secret'] ?? (await keptSecret(values['data.dir'])),
    unexpected: (error) => process.stderr.write(`unexpected: ${error.stack ?? error.message}\n`),
  })
  const migrating = new AbortController()
  const forgetting = setInterval(() => void claims.forget().catch(() => {}), FORGET_INTERVAL_MS)
  try {
    const migrated = migrateWhenThere(pool, migrating.signal)
    const url = await listen(server, values['http.listen'])
    process.stdout.write(`${url}\n`)
    const status: GatewayStatus = { role: 'gateway', url }
    tellParent(status)
    await Promise.race([stop.promise, migrated.then(() => stop.promise)])
    return EXIT.ok
  } finally {
    migrating.abort()
    clearInterval(forgetting)
    await server.close()
    state.close()
    await producer.close()
    await kafka.close()
    await pool.end()
    leaveParent()
  }
}

async function listen(server: Awaited<ReturnType<typeof createGateway>>, address: string): Promise<string> {
  const { host, port } = hostAndPort(address)
  try {
    return await server.listen({ host, port })
  } catch (error) {
    throw new PersonsMistake(`http.listen: ${error instanceof Error ? error.message : String(error)}; choose an address of this machine, and a port that nothing else listens on`, { cause: error })
  }
}

async function partitionsOf(client: KafkaClient, topic: string): Promise<number> {
  const [found] = await client.topics([topic])
  if (found === undefined || found.errorCode !== 0 || found.partitions.length === 0) throw new Error(`topic ${topic} is not there; the processor creates it`)
  return found.partitions.length
}

function postgresPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, connectionTimeoutMillis: 3_000, keepAlive: true, application_name: 'tradewind gateway', statement_timeout: 10_000, query_timeout: 12_000 })
  // The next statement finds out whether the server is there; an `error` event that nobody listens to would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** The gateway serves what does not need PostgreSQL while that is away. A schema that is newer than this program ends it. */
async function migrateWhenThere(pool: pg.Pool, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const client = await pool.connect()
      try {
        await migrate(client, 'trades', TRADE_MIGRATIONS)
        await migrate(client, 'gateway', GATEWAY_MIGRATIONS)
      } finally {
        client.release()
      }
      return
    } catch (error) {
      if (error instanceof Error && error.name === 'SinkFatalError') throw error
      await new Promise((resolve) => setTimeout(resolve, MIGRATION_PAUSE_MS))
    }
  }
}

/** One for all gateways of a data folder, and the same after a restart. */
async function keptSecret(dataDir: string): Promise<string> {
  const file = join(dataDir, 'gateway-secret')
  await mkdir(dataDir, { recursive: true })
  try {
    await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  return readFile(file, 'utf8')
}
