import { ByteView } from '../records/byte-view.ts'
import { murmur2 } from '../records/murmur2.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Task } from './task.ts'

/** A look-up of one key in the committed state of one task. */
export interface StoreQuery {
  readonly store: string
  /** Of the source topics: the number of the task. */
  readonly partition: number
  readonly key: ByteView
}

/** `elsewhere`: this thread may not answer; who may is known to the group. */
export type StoreAnswer = { readonly kind: 'found'; readonly value: Buffer } | { readonly kind: 'absent' } | { readonly kind: 'elsewhere'; readonly reason: string }

export interface StoreQueriesOptions {
  readonly running: ReadonlyMap<string, Task>
  /** Whether the group says, on our clock and now, that the task is this thread's. */
  readonly holds: (taskId: string) => boolean
  readonly clock: Clock
}

interface Waiter {
  readonly query: StoreQuery
  /** Of the key. */
  readonly hash: number
  readonly answer: (answer: StoreAnswer) => void
  readonly timer: Timer
}

/** Each commit looks for all that wait: some milliseconds for so many. Where processing is so far behind, more of them would only hold it up. */
const MAX_WAITING = 4_000

/**
 * Interactive queries: look-ups in the stores of a stream thread from outside. They see what is committed, never what a transaction under way has written.
 *
 * The lease is the session of the group's member: until it is over, nobody else is given the task. It is looked at after the read, so that a process that was stopped between
 * the two, for however long, does not answer with a state that another one has gone on from (docs/decisions/interactive-queries.md).
 */
export class StoreQueries {
  readonly #options: StoreQueriesOptions
  readonly #value = new ByteView()
  readonly #waiters = new Set<Waiter>()

  constructor(options: StoreQueriesOptions) {
    this.#options = options
  }

  /** With `waitMs`, a key that is absent is waited for that long; where thousands wait already, it is absent at once. */
  ask(query: StoreQuery, waitMs = 0): Promise<StoreAnswer> {
    const { key } = query
    const hash = murmur2(key.buffer, key.start, key.end)
    const now = this.#look(query, hash)
    if (now.kind !== 'absent' || waitMs <= 0 || this.#waiters.size >= MAX_WAITING) return Promise.resolve(now)
    return new Promise((answer) => {
      const timer = this.#options.clock.after(waitMs, () => {
        this.#waiters.delete(waiter)
        answer(this.#look(query, hash))
      })
      const waiter: Waiter = { query, hash, answer, timer }
      this.#waiters.add(waiter)
    })
  }

  /** A transaction has been applied, or tasks have gone: who waits is looked up again. */
  changed(): void {
    for (const waiter of this.#waiters) {
      const answer = this.#look(waiter.query, waiter.hash)
      if (answer.kind === 'absent') continue
      this.#waiters.delete(waiter)
      waiter.timer.cancel()
      waiter.answer(answer)
    }
  }

  #look({ store: name, partition, key }: StoreQuery, hash: number): StoreAnswer {
    const found = this.#find(name, partition)
    if (found === undefined) return elsewhere(`no running task here has store ${name} of partition ${partition}`)
    const { task, store } = found
    if (store.failed) return elsewhere(`store ${name} of task ${task.id} is about to be restored`)
    const value = store.store.get(key, hash, this.#value) ? this.#value.copy() : undefined
    if (!this.#options.holds(task.id)) return elsewhere(`task ${task.id} may have gone to another member of the group`)
    return value === undefined ? { kind: 'absent' } : { kind: 'found', value }
  }

  #find(name: string, partition: number): { task: Task; store: Task['stores'][number] } | undefined {
    for (const task of this.#options.running.values()) {
      if (task.partition !== partition || (task.state !== 'running' && task.state !== 'suspended')) continue
      const store = task.stores.find((candidate) => candidate.store.name === name)
      if (store !== undefined) return { task, store }
    }
    return undefined
  }
}

function elsewhere(reason: string): StoreAnswer {
  return { kind: 'elsewhere', reason }
}
