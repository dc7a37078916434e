import type { Clock, Timer } from '../ports/clock.ts'
import type { PartitionWrite } from './sink-database.ts'
import type { SinkPartition } from './sink-partition.ts'

export interface WriteLimits {
  /** Most records of one write. Default 5,000. */
  readonly batchRows?: number
  /** Size from which a write takes no more records. Default 1,000,000. */
  readonly batchBytes?: number
  /** Writes under way at a time, of different partitions. The second one begins when `batchRows` wait. Default 2. */
  readonly lanes?: number
  /** While there is little to write, a write starts at most this often: each costs the database a statement and a sync. Default 5. */
  readonly minIntervalMs?: number
}

export interface WriteLanesOptions extends WriteLimits {
  readonly clock: Clock
  readonly partitions: ReadonlyMap<string, SinkPartition>
  write(batch: readonly PartitionWrite[]): Promise<void>
  failed(error: Error): void
}

/** Progress past transaction markers alone is written this often, so that retention does not take an idle partition's position away. */
const IDLE_PROGRESS_MS = 60_000

/**
 * Decides when to write what. A write starts as soon as the one before has ended, with whatever has come meanwhile: small and at once when there is
 * little, full batches when there is much. A partition is in one write at a time.
 */
export class WriteLanes {
  readonly #options: WriteLanesOptions
  readonly #limits: Required<WriteLimits>
  readonly #writes = new Set<Promise<void>>()
  #timer: Timer | undefined
  #lastStartMs = Number.NEGATIVE_INFINITY
  #turn = 0
  #closed = false

  constructor(options: WriteLanesOptions) {
    this.#options = options
    const { batchRows = 5_000, batchBytes = 1_000_000, lanes = 2, minIntervalMs = 5 } = options
    this.#limits = { batchRows, batchBytes, lanes, minIntervalMs }
  }

  /** Starts the writes that are due. To be called when records have come in. */
  start(): void {
    const { clock, write, failed } = this.#options
    const { lanes, batchRows, minIntervalMs } = this.#limits
    while (!this.#closed && this.#writes.size < lanes) {
      const waiting = this.#waitingRows()
      if (this.#writes.size > 0 && waiting < batchRows) return
      const pauseMs = this.#lastStartMs + minIntervalMs - clock.monotonicMs()
      if (waiting > 0 && waiting < batchRows && pauseMs > 0) return this.#startIn(pauseMs)
      const batch = this.#takeBatch()
      if (batch.length === 0) return
      this.#lastStartMs = clock.monotonicMs()
      const running = write(batch)
      this.#writes.add(running)
      running.finally(() => this.#writes.delete(running)).then(() => this.start(), failed)
    }
  }

  /** Starts nothing more; resolves when the writes under way have ended, however. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await Promise.allSettled(this.#writes)
  }

  #startIn(pauseMs: number): void {
    this.#timer ??= this.#options.clock.after(pauseMs, () => {
      this.#timer = undefined
      this.start()
    })
  }

  #waitingRows(): number {
    let rows = 0
    for (const partition of this.#options.partitions.values()) if (partition.state === 'active' && !partition.busy) rows += partition.pendingRecords
    return rows
  }

  /** Begins behind the partition that the last batch ended with. */
  #takeBatch(): PartitionWrite[] {
    const partitions = [...this.#options.partitions.values()]
    const batch: PartitionWrite[] = []
    let rows = this.#limits.batchRows
    let bytes = this.#limits.batchBytes
    const first = this.#turn
    for (let i = 0; i < partitions.length && rows > 0 && bytes > 0; i++) {
      const partition = partitions[(first + i) % partitions.length]
      if (partition === undefined || !this.#isDue(partition)) continue
      const before = partition.pendingBytes
      const write = partition.take({ rows, bytes })
      if (write === undefined) continue
      batch.push(write)
      rows -= write.records.length
      bytes -= before - partition.pendingBytes
      this.#turn = first + i + 1
    }
    return batch
  }

  #isDue(partition: SinkPartition): boolean {
    if (partition.state !== 'active' || partition.busy) return false
    if (partition.pendingRecords > 0) return true
    return partition.fetchedOffset > partition.writtenOffset && this.#options.clock.monotonicMs() - partition.writtenAtMs > IDLE_PROGRESS_MS
  }
}
