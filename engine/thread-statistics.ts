import type { StreamThreadState } from './stream-thread.ts'
import type { Task } from './task.ts'

/** What a stream thread has done since it started. Counters only go up. */
export interface ThreadCounters {
  /** Input records in committed transactions. */
  recordsCommitted: number
  /** Input records processed, those of failed transactions included. */
  recordsProcessed: number
  transactionsCommitted: number
  transactionsFailed: number
  recordsRestored: number
  recoveries: number
  deadLetters: number
  /** Records in committed transactions, by the topic that they were written to; changelogs too. */
  readonly recordsWritten: Record<string, number>
}

export interface ThreadSnapshot extends ThreadCounters {
  readonly name: string
  readonly state: StreamThreadState
  readonly tasks: readonly TaskSnapshot[]
}

export interface TaskSnapshot {
  readonly id: string
  readonly state: string
  readonly positions: readonly { topic: string; partition: number; position: number; lag: number | undefined }[]
  readonly stores: readonly { name: string; keys: number; sizeBytes: number; position: number | undefined }[]
  /** Changelog offsets that a task which is being started has still to read; `undefined`: not known yet. */
  readonly restoreRemaining: number | undefined
}

/** What a stream thread keeps in memory that grows with what comes in. */
export interface HeldMemory {
  /** Fetched and not processed. */
  readonly queues: readonly { readonly topic: string; readonly partition: number; readonly chunkBytes: readonly number[] }[]
  /** Fetched and not dealt out to the queues yet. */
  readonly fetchedChunks: number
  /** Transactions that are being committed. */
  readonly commitsInFlight: number
  /** The transaction that records are written into; full, it takes no more. */
  readonly open: { readonly number: number; readonly bytes: number; readonly isFull: boolean }
}

export function newCounters(): ThreadCounters {
  return { recordsCommitted: 0, recordsProcessed: 0, transactionsCommitted: 0, transactionsFailed: 0, recordsRestored: 0, recoveries: 0, deadLetters: 0, recordsWritten: {} }
}

export function snapshotOf(task: Task): TaskSnapshot {
  return {
    id: task.id,
    state: task.state,
    positions: task.queues.map(({ topic, partition, position, lag }) => ({ topic, partition, position, lag })),
    stores: task.stores.map(({ store }) => ({ name: store.name, keys: store.size, sizeBytes: store.sizeBytes, position: store.position })),
    restoreRemaining: 0,
  }
}
