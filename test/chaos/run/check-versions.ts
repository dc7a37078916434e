import pg from 'pg'
import { type Check, Differences } from '../../../cli/self-check/check.ts'
import type { ActualRecord } from '../../model/compare.ts'

/** The version of a deleted trade is remembered for longer than any run: not even after a delete may a lower one be accepted. */
export function checkVersionsOfTopic(processed: readonly ActualRecord[]): Check {
  const differences = new Differences()
  const highest = new Map<string, number>()
  for (const { partition, offset, key, value } of processed.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)) {
    if (value === null) continue
    const id = key?.toString() ?? ''
    // written by our own processor
    const { version } = JSON.parse(value.toString()) as { version: number }
    const before = highest.get(id) ?? 0
    if (version < before) differences.add(`${partition}@${offset}: trade ${id} goes from version ${before} to ${version}`)
    highest.set(id, Math.max(before, version))
  }
  return differences.check('versions never go down on trade.processed', `${processed.length} records of ${highest.size} trades`)
}

/** Notes each change of `trades`, in the order in which the row had it. */
const RECORDER = `
CREATE TABLE chaos_trade_changes (change bigserial PRIMARY KEY, trade_id text NOT NULL, version integer, deleted boolean NOT NULL, source_generation integer NOT NULL, source_offset bigint NOT NULL);
CREATE FUNCTION chaos_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chaos_trade_changes (trade_id, version, deleted, source_generation, source_offset)
    VALUES (NEW.trade_id, NEW.version, NEW.deleted, NEW.source_generation, NEW.source_offset);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_note_change AFTER INSERT OR UPDATE ON trades FOR EACH ROW EXECUTE FUNCTION chaos_note_change();
CREATE FUNCTION chaos_note_removal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a row of trades is removed: %', OLD.trade_id; END $$;
CREATE TRIGGER chaos_note_removal BEFORE DELETE ON trades FOR EACH ROW EXECUTE FUNCTION chaos_note_removal();`

/** From here on PostgreSQL itself writes down what happens to each row of `trades`. Answers whether the table is there. */
export async function recordChanges(url: string): Promise<boolean> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ there: boolean }>("SELECT to_regclass('trades') IS NOT NULL AS there")
    if (rows[0]?.there !== true) return false
    await client.query(`BEGIN; ${RECORDER} COMMIT`)
    return true
  })
}

export interface RowChange {
  readonly trade_id: string
  /** `null`: of a row that is a tombstone only. */
  readonly version: number | null
  /** As the driver gives a bigint. */
  readonly source_offset: string
}

const PAGE_ROWS = 50_000

/** A row's version and source offset only went up. */
export async function checkVersionsOfRows(url: string): Promise<Check> {
  return withClient(url, async (client) => {
    const rows = new RowVersions()
    for (let last = '0'; ; ) {
      const page = await client.query<RowChange & { change: string }>(`SELECT change, trade_id, version, source_offset FROM chaos_trade_changes WHERE change > $1 ORDER BY change LIMIT ${PAGE_ROWS}`, [last])
      for (const change of page.rows) rows.add(change)
      const end = page.rows.at(-1)
      if (end === undefined) return rows.check()
      last = end.change
    }
  })
}

/** Is told the changes of all rows, in the order in which they happened. */
export class RowVersions {
  readonly #differences = new Differences()
  readonly #last = new Map<string, { readonly version: number; readonly offset: number }>()
  #changes = 0

  add({ trade_id, version: changed, source_offset }: RowChange): void {
    this.#changes++
    const before = this.#last.get(trade_id)
    const version = changed ?? before?.version ?? 0
    const offset = Number(source_offset)
    if (before !== undefined && (version < before.version || offset <= before.offset)) {
      this.#differences.add(`trade ${trade_id} goes from version ${before.version} (offset ${before.offset}) to ${version} (offset ${offset})`)
    }
    this.#last.set(trade_id, { version, offset })
  }

  check(): Check {
    return this.#differences.check('versions and offsets of a row in PostgreSQL never go down', `${this.#changes} changes of ${this.#last.size} rows`)
  }
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
