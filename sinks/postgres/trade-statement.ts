import type { PartitionWrite } from '../sink-database.ts'
import { ArrayParameter, PG_TYPE } from './array-parameter.ts'
import type { TradeRow } from './trade-row.ts'

const CONTENT = ['version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'attributes'] as const
const SOURCE = ['last_updated', 'source_partition', 'source_offset', 'source_generation'] as const
const COLUMNS = ['trade_id', ...CONTENT, ...SOURCE].join(', ')

// Of a delete, all that is known may be the key: what the row shows stays.
const SET_TRADE = [...CONTENT.map((name) => `${name} = coalesce(excluded.${name}, t.${name})`), ...SOURCE.map((name) => `${name} = excluded.${name}`), 'deleted = excluded.deleted']
const SET_VERSION = [...CONTENT.slice(1), ...SOURCE].map((name) => `${name} = excluded.${name}`)
const IS_NEWER = '(excluded.source_generation, excluded.source_offset) > (t.source_generation, t.source_offset)'

/**
 * One statement, one transaction: the fence of each partition, the trades, the versions.
 *
 * - `locked`: the progress rows that are still as our claim and our position say, locked in one order for all writers. Who waits here behind another
 *   writer sees that writer's row when the lock is his, not the one of his snapshot.
 * - `fence` moves them on. A row of a partition is written only if its partition came through here: that is decided row by row, because in a merged batch one
 *   partition may hold while another was taken over. As an array it is a filter; a join might change the order of the rows, which keeps writers from deadlocking.
 * - The guard in ON CONFLICT holds where the fence cannot: a replay by another group, or progress that was set back by hand.
 */
export const WRITE_TRADES = `
WITH claimed AS (
  SELECT * FROM unnest($2::int4[], $3::int4[], $4::int8[], $5::int8[], $6::int8[]) AS c(partition, generation, epoch, from_offset, to_offset)
), locked AS (
  SELECT p.topic, p.partition, c.to_offset
  FROM sink_progress p JOIN claimed c ON p.partition = c.partition
  WHERE p.group_id = $1::text AND p.topic = $7::text
    AND p.generation = c.generation AND p.epoch = c.epoch AND p.next_offset = c.from_offset
  ORDER BY p.topic, p.partition FOR UPDATE OF p
), fence AS (
  UPDATE sink_progress p SET next_offset = l.to_offset
  FROM locked l WHERE p.group_id = $1::text AND p.topic = l.topic AND p.partition = l.partition
  RETURNING p.partition
), incoming AS (
  SELECT * FROM unnest($8::text[], $9::int4[], $10::text[], $11::text[], $12::date[], $13::date[], $14::bool[], $15::jsonb[],
    $16::timestamptz[], $17::int4[], $18::int8[], $19::int4[], $20::bool[], $21::bool[], $22::bool[])
    AS r(${COLUMNS}, deleted, newest, newest_of_version)
  WHERE source_partition = ANY ((SELECT array_agg(partition) FROM fence)::int4[])
), trade AS (
  INSERT INTO trades AS t (${COLUMNS}, deleted) SELECT ${COLUMNS}, deleted FROM incoming WHERE newest
  ON CONFLICT (trade_id) DO UPDATE SET ${SET_TRADE.join(', ')} WHERE ${IS_NEWER}
  RETURNING 1
), trade_version AS (
  INSERT INTO trade_versions AS t (${COLUMNS}) SELECT ${COLUMNS} FROM incoming WHERE newest_of_version
  ON CONFLICT (trade_id, version) DO UPDATE SET ${SET_VERSION.join(', ')} WHERE ${IS_NEWER}
  RETURNING 1
)
SELECT (SELECT array_agg(partition) FROM fence) AS partitions,
  ((SELECT count(*) FROM trade) + (SELECT count(*) FROM trade_version))::int4 AS written`

/** Builds the parameters of `WRITE_TRADES`. Reused from batch to batch; what it answers is valid until the next call. */
export class TradeStatement {
  readonly #claims = parameters(PG_TYPE.int4, PG_TYPE.int4, PG_TYPE.int8, PG_TYPE.int8, PG_TYPE.int8)
  readonly #tradeId = new ArrayParameter(PG_TYPE.text)
  readonly #version = new ArrayParameter(PG_TYPE.int4)
  readonly #counterparty = new ArrayParameter(PG_TYPE.text)
  readonly #book = new ArrayParameter(PG_TYPE.text)
  readonly #maturity = new ArrayParameter(PG_TYPE.date)
  readonly #created = new ArrayParameter(PG_TYPE.date)
  readonly #expired = new ArrayParameter(PG_TYPE.bool)
  readonly #attributes = new ArrayParameter(PG_TYPE.jsonb)
  readonly #lastUpdated = new ArrayParameter(PG_TYPE.timestamptz)
  readonly #partition = new ArrayParameter(PG_TYPE.int4)
  readonly #offset = new ArrayParameter(PG_TYPE.int8)
  readonly #generation = new ArrayParameter(PG_TYPE.int4)
  readonly #deleted = new ArrayParameter(PG_TYPE.bool)
  readonly #newest = new ArrayParameter(PG_TYPE.bool)
  readonly #newestOfVersion = new ArrayParameter(PG_TYPE.bool)
  readonly #columns = [
    this.#tradeId,
    this.#version,
    this.#counterparty,
    this.#book,
    this.#maturity,
    this.#created,
    this.#expired,
    this.#attributes,
    this.#lastUpdated,
    this.#partition,
    this.#offset,
    this.#generation,
    this.#deleted,
    this.#newest,
    this.#newestOfVersion,
  ]

  /** `rows`: compacted and sorted. */
  parameters(groupId: string, topic: string, batch: readonly PartitionWrite[], rows: readonly TradeRow[]): unknown[] {
    for (const parameter of this.#claims) parameter.reset()
    for (const column of this.#columns) column.reset()
    const [partition, generation, epoch, from, to] = this.#claims
    const generations: number[] = []
    for (const { claim, fromOffset, toOffset } of batch) {
      partition.int4(claim.source.partition)
      generation.int4(claim.generation)
      epoch.int8(claim.epoch)
      from.int8(fromOffset)
      to.int8(toOffset)
      generations[claim.source.partition] = claim.generation
    }
    for (const row of rows) this.#row(row, generations[row.record.source.partition] ?? 0)
    return [groupId, ...this.#claims.map((parameter) => parameter.bytes()), topic, ...this.#columns.map((column) => column.bytes())]
  }

  #row(row: TradeRow, generation: number): void {
    const { record, content } = row
    this.#tradeId.text(record.keyBuffer, record.keyStart, record.keyEnd)
    if (content === undefined) {
      for (const column of [this.#version, this.#counterparty, this.#book, this.#maturity, this.#created, this.#expired, this.#attributes]) column.null()
    } else {
      this.#version.int4(content.version)
      this.#counterparty.text(content.counterparty.buffer, content.counterparty.start, content.counterparty.end)
      this.#book.text(content.book.buffer, content.book.start, content.book.end)
      this.#maturity.date(content.maturityDay)
      this.#created.date(content.createdDay)
      this.#expired.bool(content.expired)
      this.#attributes.jsonb(content.attributes)
    }
    this.#lastUpdated.timestamptz(row.deleted || content === undefined ? record.timestampMs : content.lastUpdatedMs)
    this.#partition.int4(record.source.partition)
    this.#offset.int8(record.offset)
    this.#generation.int4(generation)
    this.#deleted.bool(row.deleted)
    this.#newest.bool(row.newest)
    this.#newestOfVersion.bool(row.newestOfVersion)
  }
}

type ClaimParameters = readonly [ArrayParameter, ArrayParameter, ArrayParameter, ArrayParameter, ArrayParameter]

function parameters(a: number, b: number, c: number, d: number, e: number): ClaimParameters {
  return [new ArrayParameter(a), new ArrayParameter(b), new ArrayParameter(c), new ArrayParameter(d), new ArrayParameter(e)]
}
