import pg from 'pg'
import { type Check, Differences } from '../../../cli/self-check/check.ts'
import type { ActualRecord } from '../../model/compare.ts'
import { finalTradeVersions } from '../../model/final-rows.ts'
import { isRefusedByPostgres } from '../../model/storable.ts'

/** A row of `trade_versions`, as far as it is compared. */
export interface VersionRow {
  /** `trade id/version` */
  readonly id: string
  readonly book_id: string
  readonly counterparty_id: string
  /** `partition@offset` */
  readonly source: string
}

/** `trade_versions`: of each version of each trade the last content that PostgreSQL can keep. */
export async function checkTradeVersions(url: string, processed: readonly ActualRecord[]): Promise<Check> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query<VersionRow>("SELECT trade_id || '/' || version AS id, book_id, counterparty_id, source_partition || '@' || source_offset AS source FROM trade_versions")
    return compareTradeVersions(rows, processed)
  } finally {
    await client.end()
  }
}

export function compareTradeVersions(rows: readonly VersionRow[], processed: readonly ActualRecord[]): Check {
  const expected = finalTradeVersions(processed.filter(({ value }) => !isRefusedByPostgres(value)))
  const versions = expected.size
  const differences = new Differences()
  for (const { id, book_id, counterparty_id, source } of rows) {
    const row = expected.get(id)
    expected.delete(id)
    const wanted = row && `${row.book_id} ${row.counterparty_id} ${row.source_partition}@${row.source_offset}`
    if (wanted !== `${book_id} ${counterparty_id} ${source}`) differences.add(`version ${id} is ${book_id} ${counterparty_id} ${source}, expected ${wanted ?? 'no such row'}`)
  }
  for (const id of expected.keys()) differences.add(`version ${id} has no row`)
  return differences.check('PostgreSQL trade_versions = the last content of each version', `${rows.length} rows, ${versions} versions`)
}
