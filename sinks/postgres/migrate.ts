import { createHash } from 'node:crypto'
import type { ClientBase } from 'pg'
import { SinkFatalError } from '../sink-database.ts'
import type { Migration } from './migrations.ts'

/** Held for the transaction: two programs that start together migrate one after the other. */
const ADVISORY_LOCK = 7_237_180_246_001

/**
 * Brings the schema up to the last of `migrations`, all steps in one transaction. `component` keeps apart the steps of several owners of one
 * database. Throws `SinkFatalError` where the database is newer than this program or a released step was changed.
 */
export async function migrate(client: ClientBase, component: string, migrations: readonly Migration[]): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [ADVISORY_LOCK])
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      component text NOT NULL, version integer NOT NULL, name text NOT NULL, checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (component, version))`)
    const { rows } = await client.query<Applied>('SELECT version, name, checksum FROM schema_migrations WHERE component = $1 ORDER BY version', [component])
    for (const applied of rows) check(component, applied, migrations)
    const current = rows.at(-1)?.version ?? 0
    for (const migration of migrations) {
      if (migration.version <= current) continue
      await client.query(migration.sql)
      await client.query('INSERT INTO schema_migrations (component, version, name, checksum) VALUES ($1, $2, $3, $4)', [
        component,
        migration.version,
        migration.name,
        checksum(migration),
      ])
    }
    await client.query('COMMIT')
  } catch (error) {
    // the failure is what counts; a connection that cannot even roll back is thrown away by its owner
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

interface Applied {
  readonly version: number
  readonly name: string
  readonly checksum: string
}

function check(component: string, applied: Applied, migrations: readonly Migration[]): void {
  const known = migrations.find(({ version }) => version === applied.version)
  const newest = migrations.at(-1)?.version ?? 0
  if (known === undefined) {
    throw new SinkFatalError(
      `The database schema '${component}' is at version ${applied.version} ('${applied.name}'), this program knows versions up to ${newest}. ` +
        'A newer release has been here: run that release, or restore a backup from before it.',
    )
  }
  if (checksum(known) !== applied.checksum) {
    throw new SinkFatalError(
      `Step ${applied.version} ('${applied.name}') of the database schema '${component}' was applied from another text than this program has ` +
        `(checksum ${applied.checksum}, expected ${checksum(known)}). Released steps do not change: run the release that applied it, or add a new step.`,
    )
  }
}

function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex').slice(0, 32)
}
