import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GATEWAY_MIGRATIONS, PostgresClaims } from '../../api/databases/claims.ts'
import { listStatement, newestVersionsStatement, type TradeFilter, versionsStatement } from '../../api/databases/trade-rows.ts'
import pg from 'pg'
import { migrate } from '../../sinks/postgres/migrate.ts'
import { TRADE_MIGRATIONS } from '../../sinks/postgres/migrations.ts'
import { createDatabase, postgresUrl, type ScratchDatabase } from './scratch-postgres.ts'

const ROWS = 20_000

describe.skipIf(postgresUrl === undefined)('statements of the gateway', { timeout: 60_000 }, () => {
  let database: ScratchDatabase
  let pool: pg.Pool

  beforeAll(async () => {
    database = await createDatabase()
    await migrate(database.client, 'trades', TRADE_MIGRATIONS)
    await migrate(database.client, 'gateway', GATEWAY_MIGRATIONS)
    // Some books are small, one is large.
    await database.client.query(`INSERT INTO trades SELECT 'T' || n, 1, 'CP-' || n % 10, CASE WHEN n % 4 = 0 THEN 'LARGE' ELSE 'B' || n % 1000 END, date '2027-01-01' + n % 3650, '2026-12-11', n % 50 = 0, false, now(), NULL, 0, n, 1 FROM generate_series(1, ${ROWS}) n`)
    await database.client.query(`INSERT INTO trade_versions SELECT 'T' || n, v, 'CP', 'B', '2027-01-01', '2026-12-11', false, false, now(), NULL, 0, n, 1 FROM generate_series(1, ${ROWS / 4}) n, generate_series(1, 4) v`)
    await database.client.query('ANALYZE')
    pool = new pg.Pool({ connectionString: database.url, max: 4 })
  }, 60_000)
  afterAll(async () => {
    await pool.end()
    await database.drop()
  })

  async function plan(statement: { text: string; values: unknown[] }): Promise<string> {
    const { rows } = await database.client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${statement.text}`, statement.values)
    return rows.map((row) => row['QUERY PLAN']).join('\n')
  }

  test.each<[string, TradeFilter]>([
    ['everything', {}],
    ['a book', { bookId: 'B7' }],
    ['a counterparty', { counterpartyId: 'CP-7' }],
    ['a book and more', { bookId: 'B7', expired: false, maturityFrom: '2027-01-01', maturityTo: '2028-01-01' }],
    ['what has expired', { expired: true }],
    ['a week of maturities', { maturityFrom: '2030-01-01', maturityTo: '2030-01-07' }],
  ])('a list of %s uses an index, on the first page and in the middle', async (_, filter) => {
    for (const after of [undefined, 'T5']) {
      const text = await plan(listStatement(filter, { after, limit: 51 }))
      expect(text).toMatch(/Index|Bitmap/)
      expect(text).not.toContain('Seq Scan')
    }
  })

  test('a large book or counterparty is read in the order of its pages: nothing is sorted', async () => {
    for (const filter of [{ bookId: 'LARGE' }, { counterpartyId: 'CP-7' }, {}]) expect(await plan(listStatement(filter, { after: 'T5', limit: 51 }))).not.toContain('Sort')
  })

  test('the versions of a trade are found by its key', async () => {
    for (const statement of [versionsStatement('T1', { after: 1, limit: 51 }), newestVersionsStatement('T1', { after: undefined, limit: 51 }), newestVersionsStatement('T1', { after: 3, limit: 51 })]) {
      const text = await plan(statement)
      expect(text).toContain('trade_versions_pkey')
      expect(text).not.toContain('Seq Scan')
    }
  })

  test('a key is claimed once, whoever claims it and however often at a time', async () => {
    const first = new PostgresClaims(pool)
    const second = new PostgresClaims(pool)
    const claim = (key: string, requestId: string) => ({ caller: 'c', key, requestId, payloadHash: `hash of ${requestId}` })
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? first : second).claim(claim(`k${n % 10}`, `r${n}`))))
    for (let key = 0; key < 10; key++) {
      const ids = new Set(answers.filter((_, n) => n % 10 === key).map(({ requestId, payloadHash }) => `${requestId} ${payloadHash}`))
      expect(ids.size).toBe(1)
    }
    expect(await first.claim({ ...claim('k0', 'other'), caller: 'another' })).toEqual({ requestId: 'other', payloadHash: 'hash of other' })
  })

  test('a claim is forgotten after a day: the key is free, and the row is removed', async () => {
    const claims = new PostgresClaims(pool)
    await claims.claim({ caller: 'old', key: 'k', requestId: 'r1', payloadHash: 'h1' })
    await claims.claim({ caller: 'old', key: 'gone', requestId: 'r1', payloadHash: 'h1' })
    await database.client.query(`UPDATE idempotency_keys SET claimed_at = now() - interval '25 hours' WHERE caller = 'old'`)
    expect(await claims.claim({ caller: 'old', key: 'k', requestId: 'r2', payloadHash: 'h2' })).toEqual({ requestId: 'r2', payloadHash: 'h2' })
    expect(await claims.forget()).toBe(1)
  })
})
