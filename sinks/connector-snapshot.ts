import type { TopicPartition } from '../ports/broker.ts'

/** What a connector has done and where it stands, as plain data. Counters start at 0 with the process. */
export interface ConnectorSnapshot {
  readonly name: string
  readonly groupId: string
  /** `waiting`: no partition has been assigned. `paused`: the database fails and the breaker is open; lag grows. `failed`: see `failure`. */
  readonly state: 'starting' | 'waiting' | 'running' | 'paused' | 'failed' | 'closed'
  readonly failure: string | undefined
  /** Somebody has paused it: nothing is taken from Kafka, and it stays in the group. */
  readonly isPaused: boolean
  readonly circuit: 'closed' | 'open' | 'half-open'
  /** The last error that was got over, or is being. */
  readonly lastError: string | undefined
  readonly recordsRead: number
  readonly rowsWritten: number
  /** Rows that the database had already, in this state or a later one. */
  readonly rowsStale: number
  readonly deadLettered: number
  readonly batches: number
  readonly retries: number
  readonly fenced: number
  /** From the timestamp of the last record written to the answer of the database. */
  readonly lastLatencyMs: number | undefined
  /** How long the database took for a write, lately. */
  readonly writeMs: { readonly p50: number; readonly p99: number } | undefined
  readonly lag: number
  readonly partitions: readonly PartitionSnapshot[]
}

export interface PartitionSnapshot extends TopicPartition {
  readonly state: 'claiming' | 'active' | 'fenced' | 'removed'
  readonly writtenOffset: number
  readonly lag: number
  readonly pendingRecords: number
}

/** Something that an operator may want to know of, once, when it happens. */
export interface SinkEvent {
  readonly type: 'SINK_STARTED' | 'SINK_STOPPED' | 'SINK_FAILED' | 'DATABASE_AWAY' | 'DATABASE_BACK' | 'DEAD_LETTERED' | 'PARTITION_FENCED' | 'RECORDS_LOST'
  readonly severity: 'info' | 'warning' | 'error'
  readonly message: string
  readonly data: Readonly<Record<string, unknown>>
  readonly timestampMs: number
}
