import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Claim, PartitionWrite } from '../../sinks/sink-database.ts'
import type { SinkRecord } from '../../sinks/sink-record.ts'
import { migrate } from '../../sinks/postgres/migrate.ts'
import { TRADE_MIGRATIONS } from '../../sinks/postgres/migrations.ts'
import { PostgresDatabase } from '../../sinks/postgres/postgres-database.ts'
import { testSinkDatabase } from '../../sinks/testing/sink-database-contract.ts'
import { recordOf, sourceOf, tradeOf, tradeValue } from '../../sinks/testing/sink-records.ts'
import { until } from '../support/until.ts'
import { createDatabase, postgresUrl, type ScratchDatabase } from './scratch-postgres.ts'

const STATES = `SELECT trade_id AS "tradeId", CASE WHEN NOT deleted THEN version END AS version, source_offset::int4 AS "offset", source_generation AS generation
  FROM trades ORDER BY trade_id`

describe.skipIf(postgresUrl === undefined)('PostgreSQL', () => {
  testSinkDatabase('PostgreSQL', async () => {
    const scratch = await createDatabase()
    return {
      client: (groupId) => new PostgresDatabase({ url: scratch.url, groupId, connections: 4 }),
      states: async () => {
        const { rows } = await scratch.client.query(STATES)
        return rows.map((row) => ({ ...row, version: row.version ?? undefined }))
      },
      destroy: () => scratch.drop(),
    }
  })

  describe('the tables of trades', () => {
    let scratch: ScratchDatabase
    let sink: PostgresDatabase
    let claim: Claim

    beforeEach(async () => {
      scratch = await createDatabase()
      sink = new PostgresDatabase({ url: scratch.url, groupId: 'group-1' })
      await sink.open()
      claim = await claimOne(sink)
    })

    afterEach(async () => {
      await sink.close()
      await scratch.drop()
    })

    function put(...records: SinkRecord[]) {
      const write = writeOf(claim, records)
      claim = { ...claim, nextOffset: write.toOffset }
      return sink.write([write])
    }

    const one = async (text: string) => (await scratch.client.query(text)).rows[0]

    test('a row has every column of the trade, unknown fields as attributes with all their digits', async () => {
      const value = tradeValue('T1', 3, { expired: true, last_updated: '2026-12-11T10:20:30.456Z', maturity_date: '0001-02-28' })
      const text = value.replace('{', '{"note":"a\\u00e9\\n","notional":12345678901234567890.12345678901234567890,"nested":{"a":[1,{"b":"}]"}],"c":1e400},')
      await put(recordOf(claim.source, 7, 'T1', text))
      const row = await one(`SELECT *, maturity_date::text AS maturity, created_date::text AS created, source_offset::int4 AS at, attributes::text AS unknown FROM trades`)
      expect(row).toMatchObject({
        trade_id: 'T1',
        version: 3,
        counterparty_id: 'CP-1',
        book_id: 'B1',
        maturity: '0001-02-28',
        created: '2026-12-11',
        expired: true,
        deleted: false,
        source_partition: 0,
        at: 7,
        source_generation: claim.generation,
      })
      expect(row.last_updated.toISOString()).toBe('2026-12-11T10:20:30.456Z')
      expect(row.unknown).toContain('12345678901234567890.12345678901234567890')
      expect(row.attributes).toMatchObject({ note: 'aé\n', nested: { a: [1, { b: '}]' }] } })
    })

    test('a version keeps its last content, and its row stays after a delete', async () => {
      await put(tradeOf(claim.source, 0, 'T1', 1), tradeOf(claim.source, 1, 'T1', 1, { book_id: 'B2' }), tradeOf(claim.source, 2, 'T1', 2, { book_id: 'B3' }))
      await put(tradeOf(claim.source, 3, 'T1', 2, { book_id: 'B4', expired: true }), recordOf(claim.source, 4, 'T1', undefined, 1_791_000_000_000))
      const { rows } = await scratch.client.query('SELECT version, book_id, expired, source_offset::int4 AS at FROM trade_versions ORDER BY version')
      expect(rows).toEqual([
        { version: 1, book_id: 'B2', expired: false, at: 1 },
        { version: 2, book_id: 'B4', expired: true, at: 3 },
      ])
      const row = await one('SELECT version, book_id, deleted, source_offset::int4 AS at, last_updated FROM trades')
      expect(row).toEqual({ version: 2, book_id: 'B4', deleted: true, at: 4, last_updated: new Date(1_791_000_000_000) })
    })

    test('a delete of what was never seen leaves a row that guards against what is older', async () => {
      await put(recordOf(claim.source, 5, 'T1', undefined))
      expect(await one('SELECT trade_id, version, deleted FROM trades')).toEqual({ trade_id: 'T1', version: null, deleted: true })
      const other = new PostgresDatabase({ url: scratch.url, groupId: 'group-2' })
      const replay = await claimOne(other)
      expect(await other.write([writeOf(replay, [tradeOf(claim.source, 4, 'T1', 1)])])).toMatchObject({ rowsWritten: 1, rowsStale: 1 })
      await other.close()
      expect(await one('SELECT trade_id, version, deleted FROM trades')).toEqual({ trade_id: 'T1', version: null, deleted: true })
    })

    test.each([
      ['U+0000 in a text', tradeValue('T1', 1, { book_id: 'B\u0000' })],
      ['U+0000 in an unknown field', tradeValue('T1', 1, { note: 'x\u0000' })],
      ['an id over 50 characters', tradeValue('T1', 1, { book_id: 'B'.repeat(51) })],
      ['a number beyond numeric', tradeValue('T1', 1).replace('{', '{"big":1e200000,')],
      ['an unpaired surrogate', tradeValue('T1', 1).replace('{', '{"half":"\\ud800",')],
      ['an unknown field that is no JSON', tradeValue('T1', 1).replace('{', '{"bad":[},')],
      ['invalid UTF-8', Buffer.from(tradeValue('T1', 1, { note: 'ÿ' }), 'latin1').toString('latin1')],
    ])('%s is poison, and leaves nothing behind', async (what, value) => {
      const bytes = what === 'invalid UTF-8' ? latin1Record(claim, value) : recordOf(claim.source, 1, 'T1', value)
      await expect(sink.write([writeOf(claim, [tradeOf(claim.source, 0, 'T0', 1), bytes])])).rejects.toMatchObject({ scope: 'poison' })
      expect(await one('SELECT count(*)::int4 AS n FROM trades')).toEqual({ n: 0 })
      expect(await put(tradeOf(claim.source, 0, 'T0', 1))).toMatchObject({ outcomes: ['applied'] })
    })

    test('characters beyond the basic plane count once', async () => {
      expect(await put(tradeOf(claim.source, 0, '😀'.repeat(50), 1))).toMatchObject({ outcomes: ['applied'], rowsWritten: 2 })
    })

    test('a connection that the server cuts makes a retriable error, and the next statement works', async () => {
      await scratch.client.query('BEGIN')
      await scratch.client.query('SELECT 1 FROM sink_progress FOR UPDATE')
      const blocked = sink.write([writeOf(claim, [tradeOf(claim.source, 0, 'T1', 1)])])
      blocked.catch(() => undefined)
      await waitForLock(scratch)
      await scratch.observer.query(`SELECT pg_terminate_backend(pid) FROM ${WAITING}`)
      await expect(blocked).rejects.toMatchObject({ scope: 'retriable' })
      await scratch.client.query('COMMIT')
      expect(await put(tradeOf(claim.source, 0, 'T1', 1))).toMatchObject({ outcomes: ['applied'] })
    })

    test('a claim waits for the statement of the one before, and takes over behind it', async () => {
      await scratch.client.query('BEGIN')
      await scratch.client.query('SELECT 1 FROM sink_progress FOR UPDATE')
      const first = sink.write([writeOf(claim, [tradeOf(claim.source, 0, 'T1', 1)])])
      await waitForLock(scratch)
      const other = new PostgresDatabase({ url: scratch.url, groupId: 'group-1' })
      const second = claimOne(other)
      await scratch.client.query('COMMIT')
      const [result, taken] = await Promise.all([first, second])
      expect(result.outcomes).toEqual([taken.nextOffset === 1 ? 'applied' : 'fenced'])
      await other.close()
    })

    test('a server that is not there is retriable, a wrong database fatal', async () => {
      const away = new PostgresDatabase({ url: 'postgres://postgres@127.0.0.1:9/none', groupId: 'g' })
      await expect(away.open()).rejects.toMatchObject({ scope: 'retriable' })
      const wrong = new PostgresDatabase({ url: scratch.url.replace(/[^/]+$/, 'no_such_database'), groupId: 'g' })
      await expect(wrong.open()).rejects.toMatchObject({ scope: 'fatal' })
      await Promise.all([away.close(), wrong.close()])
    })
  })

  describe('migrations', () => {
    let scratch: ScratchDatabase
    beforeEach(async () => {
      scratch = await createDatabase()
    })
    afterEach(() => scratch.drop())

    test('programs that start together migrate once', async () => {
      const sinks = Array.from({ length: 4 }, () => new PostgresDatabase({ url: scratch.url, groupId: 'g' }))
      await Promise.all(sinks.map((sink) => sink.open()))
      await Promise.all(sinks.map((sink) => sink.close()))
      const { rows } = await scratch.client.query('SELECT version FROM schema_migrations ORDER BY version')
      expect(rows).toEqual(TRADE_MIGRATIONS.map(({ version }) => ({ version })))
    })

    test('a schema that is newer than the program is refused, and so is a step that was changed', async () => {
      await migrate(scratch.client, 'trades', [...TRADE_MIGRATIONS, { version: 99, name: 'of the future', sql: 'SELECT 1' }])
      await expect(migrate(scratch.client, 'trades', TRADE_MIGRATIONS)).rejects.toThrow(/version 99 .*newer release/)
      const changed = TRADE_MIGRATIONS.map((step) => ({ ...step, sql: `${step.sql} ` }))
      await expect(migrate(scratch.client, 'trades', changed)).rejects.toThrow(/another text/)
    })

    test('a step that fails leaves nothing of the steps before it', async () => {
      await expect(migrate(scratch.client, 'trades', [...TRADE_MIGRATIONS, { version: 99, name: 'bad', sql: 'SELECT no_such_column' }])).rejects.toThrow()
      expect((await scratch.client.query("SELECT to_regclass('trades') AS t")).rows).toEqual([{ t: null }])
    })
  })
})

async function claimOne(sink: PostgresDatabase): Promise<Claim> {
  const [claim] = await sink.claim([sourceOf(0)])
  if (claim === undefined) throw new Error('no claim')
  return claim
}

function writeOf(claim: Claim, records: readonly SinkRecord[]): PartitionWrite {
  return { claim, fromOffset: claim.nextOffset, toOffset: (records.at(-1)?.offset ?? -1) + 1, records }
}

function latin1Record(claim: Claim, value: string): SinkRecord {
  const record = recordOf(claim.source, 1, 'T1', value)
  const bytes = Buffer.from(value, 'latin1')
  return Object.assign(Object.create(Object.getPrototypeOf(record)), record, { valueBuffer: bytes, valueStart: 0, valueEnd: bytes.length })
}

/** Statements that wait for a lock, in this test's own database: the server is also that of tests that run beside this one. */
const WAITING = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

/** Waits for the moment that the test is about. */
async function waitForLock({ observer }: ScratchDatabase): Promise<void> {
  await until('a statement waits for a lock', async () => (await observer.query(`SELECT 1 FROM ${WAITING}`)).rowCount !== 0)
}
