import type { Clock } from '../ports/clock.ts'
import type { ChangelogStore } from './changelog-store.ts'
import { CommitPace, type CommitPaceOptions } from './commit-pace.ts'
import { Committer, type CommitterOptions } from './commit.ts'
import { asError } from './errors.ts'
import type { Isolation } from './isolation.ts'
import type { RecordCollector } from './record-collector.ts'
import type { Signal } from './signal.ts'
import type { Task } from './task.ts'
import type { ThreadCounters } from './thread-statistics.ts'
import type { Transaction } from './transaction.ts'

/** How often a position that moved without a record (transaction markers) is committed. */
const POSITION_COMMIT_MS = 1_000
/** How often a store that nothing is written to notes that it holds its whole changelog: far below any delete.retention.ms. */
const CAUGHT_UP_MS = 600_000
/** Compaction of stores after a commit: a few milliseconds of copying. */
const HOUSEKEEPING_BYTES = 2_000_000
/** What a flush waits for raises the signal; this only bounds a mistake. */
const FLUSH_WAIT_MS = 250

/** Why the thread has to recover; with the transaction that failed, if it was one. */
export interface Failure {
  readonly error: unknown
  readonly transaction: Transaction | undefined
}

export interface ThreadCommitsOptions extends Omit<CommitterOptions, 'storeFailed'> {
  readonly collector: RecordCollector
  readonly isolation: Isolation
  readonly pace: CommitPaceOptions
  readonly clock: Clock
  readonly signal: Signal
  readonly counters: ThreadCounters
  readonly running: ReadonlyMap<string, Task>
  readonly onFirstCommit: (() => void) | undefined
  /** A transaction has been committed and is in the stores. */
  readonly applied: () => void
  readonly reportFailedStore: (message: string) => void
}

/** The commits of a stream thread: when one is due, how it ended, and the stores that could not follow. */
export class ThreadCommits {
  /** The first one since the last `reset`. */
  failure: Failure | undefined
  /** Whether a store has failed since the loop looked last. */
  hasFailedStore = false
  /** Recoveries without a commit between them. */
  recoveriesInARow = 0
  readonly #options: ThreadCommitsOptions
  readonly #committer: Committer
  readonly #pace: CommitPace
  readonly #underWay = new Set<Promise<void>>()
  /** Memberships that had been lost when the open transaction was begun. */
  #begunAfterLosses = 0
  #positionsLookedAtMs = 0
  #caughtUpNotedMs: number | undefined

  constructor(options: ThreadCommitsOptions) {
    this.#options = options
    this.#committer = new Committer({ ...options, storeFailed: (store, error) => this.#storeFailed(store, error) })
    this.#pace = new CommitPace(options.pace)
  }

  get inFlight(): number {
    return this.#committer.inFlight
  }

  /** Starts a commit where one is due; answers in how many milliseconds the next one will be, infinity where other events decide. */
  commitIfDue(hasInput: boolean): number {
    const { open } = this.#options.collector
    const nowMs = this.#options.clock.monotonicMs()
    this.#addMovedPositions(nowMs)
    this.#caughtUpNotedMs ??= nowMs
    if (nowMs - this.#caughtUpNotedMs >= CAUGHT_UP_MS) void this.#noteCaughtUp(nowMs)
    if (open.taskIds.size === 0 || !this.#committer.ready) return Number.POSITIVE_INFINITY
    open.openedAtMs ??= nowMs
    const inputWaiting = !this.#options.isolation.single && open.alone === undefined && hasInput
    const dueInMs = this.#pace.dueInMs({ records: open.records, openedAtMs: open.openedAtMs }, { nowMs, inputWaiting, lag: inputWaiting ? this.#lag() : 0, full: this.#options.collector.full })
    if (dueInMs > 0) return dueInMs
    this.#commit()
    return Number.POSITIVE_INFINITY
  }

  /** Records of all tasks that were not handed out yet. */
  #lag(): number {
    let lag = 0
    for (const task of this.#options.running.values()) for (const queue of task.queues) lag += queue.lag ?? 0
    return lag
  }

  /** Adds tasks whose position moved without a record, now and then: an idle partition shows lag 0, whatever the others do. */
  #addMovedPositions(nowMs: number): void {
    if (nowMs - this.#positionsLookedAtMs < POSITION_COMMIT_MS) return
    this.#positionsLookedAtMs = nowMs
    for (const task of this.#options.running.values()) if (task.state === 'running' && task.positionMoved) this.#options.collector.open.taskIds.add(task.id)
  }

  #commit(): void {
    const transaction = this.#options.collector.seal()
    transaction.membershipsLost = this.#begunAfterLosses
    for (const id of transaction.taskIds) transaction.offsets.push(...(this.#options.running.get(id)?.offsetsToCommit() ?? []))
    this.#pace.started(this.#options.clock.monotonicMs())
    const done = this.#committer
      .commit(transaction)
      .then(() => this.#committed(transaction))
      .catch((error: unknown) => {
        this.failure ??= { error, transaction }
        this.#options.counters.transactionsFailed++
      })
    this.#underWay.add(done)
    void done.then(() => {
      this.#underWay.delete(done)
      this.#options.signal.raise()
    })
    void this.#committer.sent.then(this.#options.signal.raise)
  }

  async #committed(transaction: Transaction): Promise<void> {
    if (this.#options.counters.recordsCommitted === 0 && transaction.records > 0) this.#options.onFirstCommit?.()
    this.#options.counters.transactionsCommitted++
    this.#options.applied()
    this.#options.counters.recordsCommitted += transaction.records
    countWritten(this.#options.counters.recordsWritten, transaction)
    this.recoveriesInARow = 0
    const stores = new Set(transaction.batches.flatMap(({ store }) => store ?? []))
    this.#options.collector.recycle(transaction)
    const nowMs = this.#options.clock.now()
    for (const store of stores) {
      if (store.failed) continue
      try {
        await store.store.caughtUp(nowMs)
        await store.store.housekeep(HOUSEKEEPING_BYTES)
      } catch (error) {
        this.#storeFailed(store, asError(error))
      }
    }
  }

  /** Stores that nothing is written to are not told by commits. Whoever runs a task writes its changelog alone, so they lack nothing but what is under way. */
  async #noteCaughtUp(nowMs: number): Promise<void> {
    this.#caughtUpNotedMs = nowMs
    for (const store of [...this.#options.running.values()].flatMap((task) => task.stores)) {
      if (!store.failed) await store.store.caughtUp(this.#options.clock.now()).catch((error: unknown) => this.#storeFailed(store, asError(error)))
    }
  }

  /** Ends and applies everything that was processed. Whether it succeeded stands in `failure`. */
  async flush(): Promise<void> {
    while (this.failure === undefined && (this.#options.collector.open.taskIds.size > 0 || this.#underWay.size > 0)) {
      if (this.#options.collector.open.taskIds.size > 0 && this.#committer.ready) this.#commit()
      await this.#options.signal.wait(FLUSH_WAIT_MS)
    }
    await Promise.all(this.#underWay)
  }

  /** Resolves when every commit that was started has ended, well or not. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** Forgets what was processed and not committed. */
  discardOpen(): void {
    this.#begunAfterLosses = this.#options.membership.losses
    this.#options.collector.discard()
    for (const task of this.#options.running.values()) for (const store of task.stores) store.discard()
  }

  /** The producers were initialised anew and every commit has ended. */
  reset(): void {
    this.#committer.reset()
    this.failure = undefined
  }

  #storeFailed(store: ChangelogStore, error: Error): void {
    if (store.failed) return
    store.failed = true
    this.hasFailedStore = true
    this.#options.reportFailedStore(`store ${store.store.name} (${store.topic}-${store.partition}) could not take a committed batch and will be restored: ${error.message}`)
  }
}

/** By batch, not by record: some 40 a transaction. */
function countWritten(written: Record<string, number>, { batches }: Transaction): void {
  for (const { topic, builder } of batches) written[topic] = (written[topic] ?? 0) + builder.recordCount
}
