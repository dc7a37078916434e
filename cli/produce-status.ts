/** What a load generator tells its parent process, twice a second. */
export interface ProduceStatus {
  readonly role: 'produce'
  /** When the first record was due, ms since the epoch; `undefined` before it. */
  readonly startedMs: number | undefined
  readonly sent: number
  readonly acknowledged: number
}
