import pg from 'pg'

/** A row of `trades` as text, as the database shows it: nothing is lost on the way through numbers and dates of the language. */
export interface TradeRowText {
  readonly trade_id: string
  readonly version: string | null
  readonly counterparty_id: string | null
  readonly book_id: string | null
  readonly maturity_date: string | null
  readonly created_date: string | null
  readonly expired: string | null
  readonly deleted: string
  /** ISO 8601 UTC with milliseconds. */
  readonly last_updated: string
  readonly attributes: string | null
  readonly source_partition: string
  readonly source_offset: string
}

const PAGE_ROWS = 20_000
const COLUMNS = `trade_id, version::text, counterparty_id, book_id, to_char(maturity_date, 'YYYY-MM-DD') AS maturity_date, to_char(created_date, 'YYYY-MM-DD') AS created_date,
  expired::text, deleted::text, to_char(last_updated AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS last_updated, attributes::text, source_partition::text, source_offset::text`

/** Visits every row of `trades`, page by page by key. For checks. */
export async function readTrades(url: string, visit: (row: TradeRowText) => void): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    for (let after = ''; ; ) {
      const { rows } = await client.query<TradeRowText>(`SELECT ${COLUMNS} FROM trades WHERE trade_id > $1 ORDER BY trade_id LIMIT ${PAGE_ROWS}`, [after])
      for (const row of rows) visit(row)
      const last = rows.at(-1)
      if (last === undefined) return
      after = last.trade_id
    }
  } finally {
    await client.end()
  }
}
