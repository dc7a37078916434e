import type { GroupGeneration } from '../ports/broker.ts'
import type { Failpoint } from '../ports/failpoint.ts'
import type { OutgoingBatch, TransactionalProducer } from '../ports/kafka-client.ts'
import { KafkaError } from '../ports/kafka-error.ts'
import type { ChangelogStore } from './changelog-store.ts'
import { TaskMigratedError } from './errors.ts'
import type { Transaction } from './transaction.ts'

/** A generation of the group, and the tasks that are this thread's in it. */
export interface CurrentGeneration {
  readonly generation: GroupGeneration
  readonly tasks: ReadonlySet<string>
}

/** What a commit asks of the group. */
export interface CommitMembership {
  /** `undefined` while the thread is no member. */
  readonly current: CurrentGeneration | undefined
  /** Memberships that were lost so far. */
  readonly losses: number
  /** Resolves when `current` is newer than `than`; rejects with `TaskMigratedError` when the membership is, or was, lost since. */
  newerGeneration(than: GroupGeneration): Promise<void>
}

export interface CommitterOptions {
  /** One or two: with two, the next transaction is under way while the broker writes the markers of the last one. */
  readonly producers: readonly TransactionalProducer[]
  readonly membership: CommitMembership
  readonly failpoint: Failpoint
  /** A store that could not take a committed batch: its task restores later. Nothing that was committed is lost. */
  readonly storeFailed: (store: ChangelogStore, error: Error) => void
}

/** How far the commit before this one has come. Each promise rejects when that commit failed. */
interface Progress {
  /** Steps 2 and 3 are over. */
  readonly acknowledged: Promise<void>
  /** Step 4 is over. */
  readonly committed: Promise<void>
  /** Step 5 is over. */
  readonly applied: Promise<void>
}

/** Batches of a transaction and the offsets that the broker gave them. */
interface Sent {
  readonly batches: readonly OutgoingBatch[]
  readonly baseOffsets: readonly number[]
}

const DONE: Progress = { acknowledged: Promise.resolve(), committed: Promise.resolve(), applied: Promise.resolve() }

/**
 * Commits the transactions of one stream thread, in order, up to as many at a time as there are producers. The races are played through in
 * `docs/decisions/commit.md`; the invariants:
 *
 * - Outputs, changelog and offsets of n stand in their logs before those of n+1 (steps 2 and 3 of n+1 wait for 2 and 3 of n).
 * - n+1 is committed only if n is (step 4 waits for step 4).
 * - A store never holds what is not committed (5 follows 4), and holds it in order (5 waits for 5).
 */
export class Committer {
  readonly #options: CommitterOptions
  #previous: Progress = DONE
  #inFlight = 0
  #sending = false
  #failed = false

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /** Whether a commit can be started: a producer is free, and the transaction before it has been acknowledged. */
  get ready(): boolean {
    return !this.#failed && !this.#sending && this.#inFlight < this.#options.producers.length
  }

  /** Resolves when the commit that was started last has been acknowledged, or has failed: another one can then be started. A failure is told by `commit` itself. */
  get sent(): Promise<void> {
    return this.#previous.acknowledged.catch(() => {})
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Resolves when the transaction is committed and applied. It rejects with the first error; every later commit then fails too, until `reset`. */
  async commit(transaction: Transaction): Promise<void> {
    const producer = this.#options.producers[transaction.number % this.#options.producers.length]
    if (producer === undefined) throw new RangeError('a committer needs a producer')
    const previous = this.#previous
    const acknowledged = outcome()
    const committed = outcome()
    const applied = outcome()
    this.#previous = { acknowledged: acknowledged.promise, committed: committed.promise, applied: applied.promise }
    this.#inFlight++
    this.#sending = true
    try {
      // 1. The caller has sealed builders and overlays; the thread goes on with the next transaction.
      await previous.acknowledged
      // 2. and 3. Outputs and changelog, and behind them on the same connection the input offsets.
      const sent = await this.#send(transaction, producer)
      acknowledged.resolve()
      this.#sending = false
      await this.#options.failpoint('commit:acknowledged')
      // 4. EndTxn, once the transaction before is known to be committed.
      await previous.committed
      await producer.end('commit')
      committed.resolve()
      await this.#options.failpoint('commit:ended')
      // 5. The same batches go into the stores, with the offsets that the broker gave them.
      await previous.applied
      await this.#apply(transaction, sent)
      applied.resolve()
    } catch (error) {
      this.#failed = true
      for (const step of [acknowledged, committed, applied]) step.reject(error)
      throw error
    } finally {
      this.#sending = false
      this.#inFlight--
    }
  }

  /** After every commit has ended and the producers were initialised anew. */
  reset(): void {
    this.#previous = DONE
    this.#failed = false
  }

  async #send(transaction: Transaction, producer: TransactionalProducer): Promise<Sent> {
    const batches: OutgoingBatch[] = transaction.batches.map(({ topic, partition, builder }) => ({ topic, partition, bytes: builder.seal(), recordCount: builder.recordCount }))
    const produced = batches.length === 0 ? Promise.resolve([]) : producer.produce(batches)
    const offsets = this.#sendOffsets(transaction, producer)
    // Both are awaited whatever becomes of either: a request still under way must not meet the abort.
    const [first, second] = await Promise.allSettled([produced, offsets])
    if (first.status === 'rejected') throw first.reason
    if (second.status === 'rejected') throw second.reason
    return { batches, baseOffsets: first.value }
  }

  /**
   * Step 3. The broker checks member and generation, never who has a partition: that every task is ours in the generation it is committed under is checked here, each time. Where the generation moved, that
   * is known only after SyncGroup: tasks that this member claimed in that rebalance were given to nobody else, so their offsets are repeated under the new generation, in the same transaction. A
   * transaction that has waited for the one before it, while its membership was lost and another one came, is not of this one.
   */
  async #sendOffsets(transaction: Transaction, producer: TransactionalProducer): Promise<void> {
    const { membership } = this.#options
    for (;;) {
      const { current } = membership
      if (current === undefined || membership.losses !== transaction.membershipsLost) throw new TaskMigratedError('the membership was lost before the offsets were committed')
      for (const task of transaction.taskIds) {
        if (!current.tasks.has(task)) throw new TaskMigratedError(`task ${task} has gone to another instance in generation ${current.generation.generationId}`)
      }
      try {
        return await producer.commitOffsets(transaction.offsets, current.generation)
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        if (error.scope === 'member') throw new TaskMigratedError(error.message, { cause: error })
        if (error.scope !== 'generation' && error.scope !== 'rejoin') throw error
        await membership.newerGeneration(current.generation)
      }
    }
  }

  /** All stores at once: each write is a way through the event loop, which is busy processing, and the next commit waits for the last of them. */
  async #apply(transaction: Transaction, sent: Sent): Promise<void> {
    const stores = new Set(transaction.batches.flatMap(({ store }) => store ?? []))
    await Promise.all([...stores].map((store) => this.#applyTo(store, transaction, sent)))
    await this.#options.failpoint('commit:applied')
  }

  async #applyTo(store: ChangelogStore, { batches }: Transaction, sent: Sent): Promise<void> {
    for (const [i, { store: of, layer }] of batches.entries()) {
      const baseOffset = sent.baseOffsets[i]
      const batch = sent.batches[i]
      if (of !== store || layer === undefined || baseOffset === undefined || batch === undefined) continue
      const { bytes, recordCount } = batch
      try {
        // A store that has failed takes nothing more, whatever it says itself: behind a batch that it lacks it would never miss it.
        if (!store.failed) await store.store.apply([{ bytes, start: 0, end: bytes.length, baseOffset }], baseOffset + recordCount, undefined)
      } catch (error) {
        this.#options.storeFailed(store, error instanceof Error ? error : new Error(String(error)))
      }
      store.applied(layer)
    }
  }
}

interface Outcome {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

function outcome(): Outcome {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // The next commit awaits it, if there is one; without one its rejection has been reported by `commit` itself.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
