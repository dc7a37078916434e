import type { Settings } from '../config/settings.ts'
import type { ThreadEvent } from '../engine/stream-thread-options.ts'
import type { ThreadSnapshot } from '../engine/thread-statistics.ts'

/** What the trade rules need to know of the process and the cluster they run in. */
export interface RunningRules {
  /** Shared by the threads of the process: the business date never goes back. */
  readonly latestBusinessDay: Int32Array
  /** Retention of the input topic: as long as a message may come late, the version of a deleted trade is remembered. */
  readonly deleteMemoryMs: number
}

/** What a stream thread is started with. It is copied into the worker, so it is plain data. */
export interface StreamWorkerData {
  readonly settings: Settings
  readonly brokers: string
  readonly name: string
  /** Of the thread in its process, from 0. */
  readonly number: number
  /** Folder of the stores, below the locked state directory. */
  readonly stateDirectory: string
  /** URL of the module with the topology; `undefined`: the trade store. */
  readonly topologyModule: string | undefined
  readonly partitionCounts: readonly (readonly [string, number])[]
  readonly rules: RunningRules
}

export type ToWorker =
  | { readonly type: 'start'; readonly data: StreamWorkerData }
  | { readonly type: 'stop'; readonly how: 'leave' | 'stay' }
  | { readonly type: 'expire'; readonly request: number }

export type FromWorker =
  | { readonly type: 'status'; readonly snapshot: ThreadSnapshot; readonly memory: number }
  | { readonly type: 'first-commit'; readonly atMs: number }
  | { readonly type: 'event'; readonly event: ThreadEvent }
  | { readonly type: 'expired'; readonly request: number; readonly count: number }
  | { readonly type: 'stopped'; readonly snapshot: ThreadSnapshot }
  | { readonly type: 'failed'; readonly name: string; readonly message: string; readonly stack: string }
