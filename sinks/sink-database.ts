import type { SinkRecord, SinkSource } from './sink-record.ts'

/**
 * What the connector asks of a database. PostgreSQL, MongoDB and the one in memory implement it; `testing/sink-database-contract.ts`
 * is the suite that all of them pass.
 *
 * The database keeps, for each (group, topic, partition), the next offset that it has not got: the progress. A batch and the progress it
 * makes are written together, so that whatever the connector repeats has its effect once. Every method rejects with a `SinkError`
 * of one of the three kinds below, and with nothing else.
 */
export interface SinkDatabase {
  readonly manifest: SinkManifest
  /** Connects, brings the schema up to date. A schema newer than the program: `SinkFatalError`. */
  open(): Promise<void>
  /**
   * Takes partitions over: whoever wrote them before under an older claim writes no more. Answers in the order asked. A topic made anew
   * starts at offset 0, under a higher generation; a claim on its predecessor is then refused as retriable, because the metadata is out of date.
   */
  claim(sources: readonly SinkSource[]): Promise<Claim[]>
  /**
   * Writes the records of several partitions, at most one entry a partition. Repeating a write whose outcome is unknown is safe:
   * what was applied is recognised by its progress and answered as applied.
   */
  write(batch: readonly PartitionWrite[]): Promise<WriteResult>
  close(): Promise<void>
}

export interface SinkManifest {
  /** For messages and dead letters: `postgres`, `mongodb`. */
  readonly name: string
  /**
   * `epoch`: a write under an outdated claim changes nothing and is answered `fenced`.
   * `idempotent-append`: it may add documents, which are the very ones that the new owner adds under the same ids.
   */
  readonly fencing: 'epoch' | 'idempotent-append'
}

/** The right to write a partition, issued by the database. */
export interface Claim {
  readonly source: SinkSource
  /** Issued per (cluster, topic id): a topic made anew has a higher one. */
  readonly generation: number
  readonly epoch: number
  /** The first offset that the database has not got. */
  readonly nextOffset: number
}

export interface PartitionWrite {
  readonly claim: Claim
  /** The progress that the database must show for this write to be applied. */
  readonly fromOffset: number
  /** The progress afterwards: behind the last record, or further where nothing but transaction markers follows. */
  readonly toOffset: number
  /** In offset order. None: only the progress moves. */
  readonly records: readonly SinkRecord[]
}

export interface WriteResult {
  /** In the order of the batch. */
  readonly outcomes: readonly ('applied' | 'fenced')[]
  /** Rows or documents that were added or changed. */
  readonly rowsWritten: number
  /** Rows that the database had in this or a later state already. */
  readonly rowsStale: number
}

/** Base of the three, named by what to do about it. */
export abstract class SinkError extends Error {
  abstract readonly scope: 'retriable' | 'poison' | 'fatal'
}

/** The database is away, restarting, overloaded, or another transaction was in the way. Whether the write took place is unknown. */
export class SinkRetriableError extends SinkError {
  override readonly name = 'SinkRetriableError'
  readonly scope = 'retriable'
}

export interface PoisonRecord {
  readonly record: SinkRecord
  readonly reason: string
}

/** The database, or the mapping onto it, refuses a record. Nothing moved the progress. `records` empty: it does not say which. */
export class SinkPoisonError extends SinkError {
  override readonly name = 'SinkPoisonError'
  readonly scope = 'poison'
  readonly records: readonly PoisonRecord[]

  constructor(message: string, records: readonly PoisonRecord[], options?: ErrorOptions) {
    super(message, options)
    this.records = records
  }
}

/** No repetition helps: credentials, permissions, a schema that does not fit. */
export class SinkFatalError extends SinkError {
  override readonly name = 'SinkFatalError'
  readonly scope = 'fatal'
}
