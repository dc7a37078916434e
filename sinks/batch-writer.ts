import type { Clock } from '../ports/clock.ts'
import type { Failpoint } from '../ports/failpoint.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import type { DeadLetter, DeadLetters } from './dead-letters.ts'
import { type PartitionWrite, type SinkDatabase, SinkFatalError, SinkPoisonError, SinkRetriableError, type WriteResult } from './sink-database.ts'
import type { SinkRecord } from './sink-record.ts'

/** What became of parts of a batch, told as it happens: after a poison record, a partition moves on in several steps. */
export interface BatchListener {
  /** The partition is still ours to write. */
  owns(write: PartitionWrite): boolean
  applied(write: PartitionWrite): void
  fenced(write: PartitionWrite): void
  /** `tookMs`: until the database had answered. */
  wrote(result: WriteResult, tookMs: number): void
  retried(error: SinkRetriableError): void
  deadLettered(letters: readonly DeadLetter[]): void
}

export interface BatchWriterOptions {
  readonly clock: Clock
  readonly database: SinkDatabase
  readonly breaker: CircuitBreaker
  readonly deadLetters: Pick<DeadLetters, 'write'>
  readonly failpoint: Failpoint
  readonly listener: BatchListener
  /** Ends retrying. */
  readonly signal: AbortSignal
}

/**
 * Gets a batch into the database, whatever it takes: repeats what failed in passing, takes out what is refused. Repeating needs no look at
 * what became of the attempt before: the database knows from its progress.
 */
export class BatchWriter {
  readonly #options: BatchWriterOptions

  constructor(options: BatchWriterOptions) {
    this.#options = options
  }

  /** Resolves when every partition of the batch was applied, fenced, or is no longer ours. Rejects with a fatal error. */
  async write(batch: readonly PartitionWrite[]): Promise<void> {
    const { clock, database, breaker, failpoint, listener, signal } = this.#options
    for (;;) {
      await breaker.admit(signal)
      const ours = batch.filter((write) => listener.owns(write))
      if (ours.length === 0 || signal.aborted) return breaker.unused()
      let result: WriteResult
      let startMs: number
      try {
        await failpoint('sink-before-write')
        startMs = clock.monotonicMs()
        result = await database.write(ours)
        breaker.succeeded()
      } catch (error) {
        if (error instanceof SinkRetriableError) {
          breaker.failed()
          listener.retried(error)
          continue
        }
        breaker.succeeded()
        if (error instanceof SinkPoisonError) return this.#takeOut(ours, error)
        throw error
      }
      const tookMs = clock.monotonicMs() - startMs
      await failpoint('sink-after-write')
      listener.wrote(result, tookMs)
      for (const [index, write] of ours.entries()) {
        if (result.outcomes[index] === 'applied') listener.applied(write)
        else listener.fenced(write)
      }
      return
    }
  }

  /** The records that the error names, or the one that halving finds, go to the dead letters, and the rest is written. */
  async #takeOut(batch: readonly PartitionWrite[], error: SinkPoisonError): Promise<void> {
    const poison = error.records.length > 0 ? error.records : onlyRecord(batch).map((record) => ({ record, reason: error.message }))
    if (poison.length === 0) {
      for (const part of halves(batch, error)) await this.write(part)
      return
    }
    const { deadLetters, failpoint, listener, signal } = this.#options
    const letters = poison.map(({ record, reason }): DeadLetter => ({ record, reason, error }))
    await failpoint('sink-before-dead-letter')
    if (!(await deadLetters.write(letters, signal))) return
    listener.deadLettered(letters)
    await failpoint('sink-dead-letter-before-progress')
    const refused = new Set<SinkRecord>(poison.map(({ record }) => record))
    await this.write(batch.map((write) => ({ ...write, records: write.records.filter((record) => !refused.has(record)) })))
  }
}

function onlyRecord(batch: readonly PartitionWrite[]): SinkRecord[] {
  const records = batch.flatMap((write) => (write.records.length > 1 ? [] : [...write.records]))
  return records.length === 1 && batch.every((write) => write.records.length <= 1) ? records : []
}

/** First partition from partition, then the records of one. */
function halves(batch: readonly PartitionWrite[], error: SinkPoisonError): PartitionWrite[][] {
  const [first] = batch
  if (batch.length > 1) {
    const middle = batch.length >> 1
    return [batch.slice(0, middle), batch.slice(middle)]
  }
  const middle = first?.records[first.records.length >> 1]
  if (first === undefined || middle === undefined) throw new SinkFatalError(`the database refuses a write without records: ${error.message}`, { cause: error })
  const { claim, records } = first
  return [
    [{ ...first, toOffset: middle.offset, records: records.slice(0, records.length >> 1) }],
    [{ claim, fromOffset: middle.offset, toOffset: first.toOffset, records: records.slice(records.length >> 1) }],
  ]
}
