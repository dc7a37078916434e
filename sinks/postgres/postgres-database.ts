import pg from 'pg'
import type { Claim, PartitionWrite, PoisonRecord, SinkDatabase, WriteResult } from '../sink-database.ts'
import { SinkFatalError, SinkPoisonError, SinkRetriableError } from '../sink-database.ts'
import type { SinkSource } from '../sink-record.ts'
import { classifyPostgresError } from './classify-error.ts'
import { compactRows } from './compact-rows.ts'
import { JsonSyntaxError } from './json-members.ts'
import { migrate } from './migrate.ts'
import { TRADE_MIGRATIONS } from './migrations.ts'
import { TradeFormatError, TradeReader, type TradeRow } from './trade-row.ts'
import { TradeStatement, WRITE_TRADES } from './trade-statement.ts'

export interface PostgresDatabaseOptions {
  /** `postgres://user:password@host:port/database`, with the driver's parameters behind a `?` (`sslmode`, `options`). */
  readonly url: string
  /** Names the progress rows; the consumer group's id. */
  readonly groupId: string
  /** Statements at a time. Default 3: a claim beside two writes. */
  readonly connections?: number
  /**
   * Time limit that the server sets on a statement. Default 30,000. `undefined` sends none: PgBouncer refuses it among the start-up parameters unless
   * it is told to ignore it. The driver gives up 5 s later, closes the connection, and the outcome counts as unknown.
   */
  readonly statementTimeoutMs?: number | undefined
  /** Default 5,000. */
  readonly connectTimeoutMs?: number
}

/** Keeps `trades` and `trade_versions` from `trade.processed`. Behind PgBouncer in transaction mode it works as well: no named statements, no session state. */
export class PostgresDatabase implements SinkDatabase {
  readonly manifest = { name: 'postgres', fencing: 'epoch' } as const
  readonly #groupId: string
  readonly #pool: pg.Pool
  /** Parameter buffers that are not in use. */
  readonly #statements: TradeStatement[] = []
  readonly #reader = new TradeReader()

  constructor(options: PostgresDatabaseOptions) {
    this.#groupId = options.groupId
    const statementTimeoutMs = 'statementTimeoutMs' in options ? options.statementTimeoutMs : 30_000
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.connections ?? 3,
      connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
      keepAlive: true,
      application_name: `tradewind ${options.groupId}`,
      query_timeout: (statementTimeoutMs ?? 30_000) + 5_000,
      ...(statementTimeoutMs === undefined ? {} : { statement_timeout: statementTimeoutMs }),
    })
    // An idle connection that breaks is taken out by the pool; the next statement finds out whether the server is there.
    this.#pool.on('error', () => undefined)
    // While a connection is in use its break shows in the statement; an `error` event that nobody listens to would end the process.
    this.#pool.on('connect', (client) => client.on('error', () => undefined))
  }

  open(): Promise<void> {
    return this.#session('bringing the schema up to date', (client) => migrate(client, 'trades', TRADE_MIGRATIONS))
  }

  claim(sources: readonly SinkSource[]): Promise<Claim[]> {
    return this.#session('claiming partitions', async (client) => {
      const generations = await issueGenerations(client, sources)
      const claims: Claim[] = []
      const { rows } = await client.query<ClaimRow>(CLAIM, [
        this.#groupId,
        sources.map(({ topic }) => topic),
        sources.map(({ partition }) => partition),
        sources.map((source) => generations.get(generationKey(source))),
      ])
      for (const source of sources) {
        const row = rows.find(({ topic, partition }) => topic === source.topic && partition === source.partition)
        if (row === undefined) {
          throw new SinkRetriableError(
            `PostgreSQL, claiming partitions: it knows a later topic '${source.topic}' than the one with id ${source.topicId}: the topic was made anew, and the metadata here is out of date.`,
          )
        }
        claims.push({ source, generation: row.generation, epoch: Number(row.epoch), nextOffset: Number(row.next_offset) })
      }
      return claims
    })
  }

  async write(batch: readonly PartitionWrite[]): Promise<WriteResult> {
    const topic = singleTopic(batch)
    const rows = compactRows(this.#rows(batch))
    const sent = rows.reduce((sum, row) => sum + Number(row.newest) + Number(row.newestOfVersion), 0)
    return this.#session(`writing ${rows.length} rows`, async (client) => {
      const statement = this.#statements.pop() ?? new TradeStatement()
      const { rows: answers } = await client.query<{ partitions: number[] | null; written: number }>(WRITE_TRADES, statement.parameters(this.#groupId, topic, batch, rows))
      this.#statements.push(statement)
      const applied = new Set(answers[0]?.partitions)
      const rowsWritten = answers[0]?.written ?? 0
      const outcomes = batch.map(({ claim }): 'applied' | 'fenced' => (applied.has(claim.source.partition) ? 'applied' : 'fenced'))
      if (applied.size < batch.length) await this.#explain(client, topic, batch, outcomes)
      return { outcomes, rowsWritten, rowsStale: sent - rowsWritten }
    })
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  #rows(batch: readonly PartitionWrite[]): TradeRow[] {
    const rows: TradeRow[] = []
    const poison: PoisonRecord[] = []
    for (const { records } of batch) {
      for (const record of records) {
        try {
          rows.push(this.#reader.read(record))
        } catch (error) {
          if (!(error instanceof TradeFormatError || error instanceof JsonSyntaxError)) throw error
          poison.push({ record, reason: error.message })
        }
      }
    }
    if (poison.length > 0) throw new SinkPoisonError(`${poison.length} records are no trades, the first one ${poison[0]?.record.position}: ${poison[0]?.reason}`, poison)
    return rows
  }

  /** A fence that did not hold: either this very write took place before, and its answer was lost, or somebody else has the partition. */
  async #explain(client: pg.ClientBase, topic: string, batch: readonly PartitionWrite[], outcomes: ('applied' | 'fenced')[]): Promise<void> {
    const { rows } = await client.query<ClaimRow>('SELECT topic, partition, generation, epoch, next_offset FROM sink_progress WHERE group_id = $1 AND topic = $2', [this.#groupId, topic])
    for (const [index, { claim, toOffset }] of batch.entries()) {
      const row = rows.find(({ partition }) => partition === claim.source.partition)
      const ours = row !== undefined && row.generation === claim.generation && Number(row.epoch) === claim.epoch
      if (ours && Number(row.next_offset) === toOffset) outcomes[index] = 'applied'
    }
  }

  /** Runs `work` on a connection. After an error that the server did not answer, the connection is closed: a statement may still run on it. */
  async #session<T>(doing: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      throw classifyPostgresError(error, 'connecting')
    }
    try {
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      const classified = classifyPostgresError(error, doing)
      client.release(classified.scope === 'retriable')
      throw classified
    }
  }
}

interface ClaimRow {
  readonly topic: string
  readonly partition: number
  readonly generation: number
  /** bigint: the driver answers text. */
  readonly epoch: string
  readonly next_offset: string
}

const CLAIM = `
INSERT INTO sink_progress AS p (group_id, topic, partition, generation, epoch, next_offset)
SELECT $1::text, a.topic, a.partition, a.generation, 1, 0 FROM unnest($2::text[], $3::int4[], $4::int4[]) AS a(topic, partition, generation)
ORDER BY a.topic COLLATE "C", a.partition
ON CONFLICT (group_id, topic, partition) DO UPDATE SET epoch = p.epoch + 1, generation = excluded.generation,
  next_offset = CASE WHEN p.generation = excluded.generation THEN p.next_offset ELSE 0 END
WHERE p.generation <= excluded.generation
RETURNING topic, partition, generation, epoch, next_offset`

// Without the NOT EXISTS each claim would use up a number.
const ISSUE_GENERATIONS = `
INSERT INTO sink_generations (cluster_id, topic_id, topic)
SELECT DISTINCT a.* FROM unnest($1::text[], $2::text[], $3::text[]) AS a(cluster_id, topic_id, topic)
WHERE NOT EXISTS (SELECT 1 FROM sink_generations g WHERE g.cluster_id = a.cluster_id AND g.topic_id = a.topic_id)
ON CONFLICT DO NOTHING`

async function issueGenerations(client: pg.ClientBase, sources: readonly SinkSource[]): Promise<Map<string, number>> {
  const clusterIds = sources.map(({ clusterId }) => clusterId)
  const topicIds = sources.map(({ topicId }) => topicId)
  await client.query(ISSUE_GENERATIONS, [clusterIds, topicIds, sources.map(({ topic }) => topic)])
  const { rows } = await client.query<{ generation: number; cluster_id: string; topic_id: string }>(
    'SELECT generation, cluster_id, topic_id FROM sink_generations WHERE cluster_id = ANY ($1::text[]) AND topic_id = ANY ($2::text[])',
    [clusterIds, topicIds],
  )
  return new Map(rows.map((row) => [`${row.cluster_id} ${row.topic_id}`, row.generation]))
}

function generationKey({ clusterId, topicId }: SinkSource): string {
  return `${clusterId} ${topicId}`
}

function singleTopic(batch: readonly PartitionWrite[]): string {
  const topic = batch[0]?.claim.source.topic ?? ''
  const other = batch.find(({ claim }) => claim.source.topic !== topic)
  if (other !== undefined) throw new SinkFatalError(`trades come from one topic, but a batch holds '${topic}' and '${other.claim.source.topic}': subscribe this sink to one`)
  return topic
}
