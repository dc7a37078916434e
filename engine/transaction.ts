import type { OffsetToCommit } from '../ports/broker.ts'
import type { BatchBuilder } from '../records/batch-builder.ts'
import type { ChangelogStore, StoreLayer } from './changelog-store.ts'

/** A batch under construction for one partition; with `store`, it is a changelog batch and `layer` its overlay. */
export interface PendingBatch {
  readonly topic: string
  readonly partition: number
  readonly builder: BatchBuilder
  readonly store: ChangelogStore | undefined
  readonly layer: StoreLayer | undefined
}

/** A record of a source partition. */
export interface RecordPlace {
  readonly taskId: string
  readonly topic: string
  readonly offset: number
}

/** What is committed together: outputs, state changes, and the input offsets that they came from. */
export interface Transaction {
  readonly number: number
  readonly batches: PendingBatch[]
  /** Next fetch position of every task that it writes for, even if unchanged. Filled when it is sealed. */
  offsets: OffsetToCommit[]
  /** Tasks that it writes for. */
  readonly taskIds: Set<string>
  /** Input records processed in it. */
  records: number
  /** The one record that all of it came from, where records are committed one by one; `deadLetter` says whether it was sent there instead of through the topology. */
  alone: (RecordPlace & { readonly deadLetter: 'no' | 'whole' | 'bare' }) | undefined
  /** How many memberships had been lost when it was begun: in a later one its tasks may come back, and others have run them meanwhile. */
  membershipsLost: number
  /** Monotonic time of its first record; `undefined` while it is empty. */
  openedAtMs: number | undefined
}

export function emptyTransaction(number: number): Transaction {
  return { number, batches: [], offsets: [], taskIds: new Set(), records: 0, alone: undefined, membershipsLost: 0, openedAtMs: undefined }
}
