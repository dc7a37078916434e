import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { until } from '../support/until.ts'

/** A server where tests may create databases, as a superuser. */
export const postgresUrl = process.env['TRADEWIND_POSTGRES_URL']

export interface ScratchDatabase {
  readonly url: string
  readonly client: pg.Client
  /** Another connection, for looking on while `client` holds a transaction. */
  readonly observer: pg.Client
  drop(): Promise<void>
}

/** An empty database of its own for one test. */
export async function createDatabase(): Promise<ScratchDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const admin = await connect(serverUrl())
  await admin.query(`CREATE DATABASE ${name}`)
  const url = new URL(serverUrl())
  url.pathname = `/${name}`
  const client = await connect(url.href)
  const observer = await connect(url.href)
  const drop = async () => {
    await Promise.all([client.end(), observer.end()])
    // A pool has ended before its connections have: one that the server ends by force would raise an error that nobody hears.
    // Those of a process that hangs are ended by force after all.
    await until('the connections to the database are closed', async () => (await admin.query('SELECT 1 FROM pg_stat_activity WHERE datname = $1', [name])).rowCount === 0, { deadlineMs: 5_000 }).catch(() => {})
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await admin.end()
  }
  return { url: url.href, client, observer, drop }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  return client
}

function serverUrl(): string {
  if (postgresUrl === undefined) throw new Error('TRADEWIND_POSTGRES_URL is not set: it names the PostgreSQL server for integration tests')
  return postgresUrl
}
