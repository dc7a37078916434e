/** What a processor tells its parent process, twice a second. */
export interface ProcessorStatus {
  readonly role: 'processor'
  readonly recordsCommitted: number
  readonly recordsProcessed: number
  readonly recordsRestored: number
  readonly transactionsCommitted: number
  readonly recoveries: number
  /** Input records that are waiting, over the tasks that run here; `undefined` before the first fetch. */
  readonly lag: number | undefined
  readonly running: readonly string[]
  readonly restoring: readonly string[]
  readonly states: readonly string[]
  readonly memoryBytes: number
  /** Processor time of the whole process so far, user and system. */
  readonly cpuSeconds: number
  /** Milliseconds from the start of the process to the first committed transaction; `undefined` before it. */
  readonly firstCommitMs: number | undefined
}
