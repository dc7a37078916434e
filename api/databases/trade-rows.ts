import type pg from 'pg'

/** Filters of lists. All that are given hold. */
export interface TradeFilter {
  readonly bookId?: string | undefined
  readonly counterpartyId?: string | undefined
  readonly expired?: boolean | undefined
  /** Days, both included. */
  readonly maturityFrom?: string | undefined
  readonly maturityTo?: string | undefined
}

/** `after`: the last key of the page before. */
export interface Page<Key> {
  readonly after: Key | undefined
  readonly limit: number
}

/** Trades as PostgreSQL has them: eventually consistent, some milliseconds behind the state stores. JSON texts, so that numbers keep their digits. */
export interface TradeRows {
  list(filter: TradeFilter, page: Page<string>): Promise<readonly ListedRow[]>
  versions(tradeId: string, page: Page<number>): Promise<readonly VersionRow[]>
  /** The newest first; `after`: the lowest version of the page before. */
  newestVersions(tradeId: string, page: Page<number>): Promise<readonly VersionRow[]>
  /** The row of a trade, deleted or not. */
  row(tradeId: string): Promise<StoredRow | undefined>
  /** How many there are, by `live`, `expired`, `deleted`. */
  counts(): Promise<Readonly<Record<string, number>>>
}

export interface ListedRow {
  readonly trade_id: string
  /** The trade, as JSON. */
  readonly json: string
}

export interface VersionRow {
  readonly version: number
  readonly json: string
}

/** A row and the record that wrote it. */
export interface StoredRow {
  readonly deleted: boolean
  readonly partition: number
  readonly offset: number
  readonly json: string
}

// Unknown fields first: none of them is named like a column.
const TRADE_JSON = `(coalesce(attributes, '{}'::jsonb) || jsonb_build_object('trade_id', trade_id, 'version', version, 'counterparty_id', counterparty_id, 'book_id', book_id,
  'maturity_date', to_char(maturity_date, 'YYYY-MM-DD'), 'created_date', to_char(created_date, 'YYYY-MM-DD'), 'expired', expired,
  'last_updated', to_char(last_updated AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))::text AS json`

const COUNTS = `SELECT count(*) FILTER (WHERE NOT deleted AND NOT expired)::float8 AS live, count(*) FILTER (WHERE NOT deleted AND expired)::float8 AS expired, count(*) FILTER (WHERE deleted)::float8 AS deleted FROM trades`

/** A version is an int of PostgreSQL. */
const ABOVE_ALL_VERSIONS = 2_147_483_648

/** The statement of a list: by key, never by offset, so that what is written meanwhile moves no page. */
export function listStatement(filter: TradeFilter, { after, limit }: Page<string>): { text: string; values: unknown[] } {
  const values: unknown[] = []
  const conditions: string[] = ['NOT deleted']
  const add = (condition: string, value: unknown): void => {
    if (value === undefined) return
    values.push(value)
    conditions.push(condition.replace('?', `$${values.length}`))
  }
  add('book_id = ?', filter.bookId)
  add('counterparty_id = ?', filter.counterpartyId)
  add('expired = ?', filter.expired)
  add('maturity_date >= ?::date', filter.maturityFrom)
  add('maturity_date <= ?::date', filter.maturityTo)
  add('trade_id > ?', after)
  values.push(limit)
  return { text: `SELECT trade_id, ${TRADE_JSON} FROM trades WHERE ${conditions.join(' AND ')} ORDER BY trade_id LIMIT $${values.length}`, values }
}

export function versionsStatement(tradeId: string, { after, limit }: Page<number>): { text: string; values: unknown[] } {
  const text = `SELECT version, ${TRADE_JSON} FROM trade_versions WHERE trade_id = $1 AND version > $2 ORDER BY version LIMIT $3`
  return { text, values: [tradeId, after ?? 0, limit] }
}

export function newestVersionsStatement(tradeId: string, { after, limit }: Page<number>): { text: string; values: unknown[] } {
  const text = `SELECT version, ${TRADE_JSON} FROM trade_versions WHERE trade_id = $1 AND version < $2::bigint ORDER BY version DESC LIMIT $3`
  return { text, values: [tradeId, after ?? ABOVE_ALL_VERSIONS, limit] }
}

export class PostgresTradeRows implements TradeRows {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async list(filter: TradeFilter, page: Page<string>): Promise<readonly ListedRow[]> {
    return (await this.#pool.query<ListedRow>(listStatement(filter, page))).rows
  }

  async versions(tradeId: string, page: Page<number>): Promise<readonly VersionRow[]> {
    return (await this.#pool.query<VersionRow>(versionsStatement(tradeId, page))).rows
  }

  async newestVersions(tradeId: string, page: Page<number>): Promise<readonly VersionRow[]> {
    return (await this.#pool.query<VersionRow>(newestVersionsStatement(tradeId, page))).rows
  }

  async row(tradeId: string): Promise<StoredRow | undefined> {
    const text = `SELECT deleted, source_partition AS partition, source_offset::float8 AS "offset", ${TRADE_JSON} FROM trades WHERE trade_id = $1`
    return (await this.#pool.query<StoredRow>({ text, values: [tradeId] })).rows[0]
  }

  async counts(): Promise<Readonly<Record<string, number>>> {
    return (await this.#pool.query<Record<string, number>>(COUNTS)).rows[0] ?? {}
  }
}
