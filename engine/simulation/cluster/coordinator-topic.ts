import type { Clock } from '../../../ports/clock.ts'
import type { Random } from '../../../ports/random.ts'
import { ERROR } from './error-code.ts'
import type { Partition } from './partition.ts'

interface Write {
  readonly apply: () => void
  readonly resolve: (isWritten: boolean) => void
  isDue: boolean
}

export interface CoordinatorTiming {
  /** Append and replication of a record of the coordinator's. */
  readonly writeMs: () => number
  /** Reading the partition after a move. */
  readonly loadMs: () => number
  readonly isUp: (node: number) => boolean
}

/**
 * One partition of `__transaction_state` or `__consumer_offsets`: its leader is the coordinator of the keys in it.
 *
 * ```
 * loading -- read --> ready -- the leader moves --> loading
 * ```
 * What a coordinator writes counts once it is replicated. When the leader moves, the writes under way are there or not, the older first.
 */
export class CoordinatorShard {
  readonly partition: Partition
  /** Goes up with each move: what an earlier coordinator still does must not touch this one's state. */
  term = 0
  #isReady = false
  #writes: Write[] = []
  readonly #clock: Clock
  readonly #random: Random
  readonly #timing: CoordinatorTiming
  #loaded: (() => void) | undefined

  constructor(partition: Partition, options: { clock: Clock; random: Random; timing: CoordinatorTiming }) {
    this.partition = partition
    this.#clock = options.clock
    this.#random = options.random
    this.#timing = options.timing
    partition.watch(() => this.#flush())
  }

  /** Called whenever a coordinator has read the partition. */
  onLoaded(callback: () => void): void {
    this.#loaded = callback
  }

  get isReady(): boolean {
    return this.#isReady
  }

  errorAt(node: number): number {
    if (this.partition.leader !== node) return ERROR.NOT_COORDINATOR
    return this.#isReady ? ERROR.NONE : ERROR.COORDINATOR_LOAD_IN_PROGRESS
  }

  /** The leader changed, or there is one for the first time. */
  moved(): void {
    const term = ++this.term
    this.#isReady = false
    const writes = this.#writes
    this.#writes = []
    const kept = Math.floor(this.#random.next() * (writes.length + 1))
    for (const { apply } of writes.slice(0, kept)) apply()
    for (const { resolve } of writes) resolve(false)
    if (this.partition.leader === undefined) return
    this.#clock.after(this.#timing.loadMs(), () => {
      if (term !== this.term) return
      this.#isReady = true
      this.#loaded?.()
    })
  }

  /** Resolves after `apply` was called, with false if the coordinator moved before: then nobody knows whether it was. */
  write(apply: () => void): Promise<boolean> {
    return new Promise((resolve) => {
      const write = { apply, resolve, isDue: false }
      this.#writes.push(write)
      this.#clock.after(this.#timing.writeMs(), () => {
        write.isDue = true
        this.#flush()
      })
    })
  }

  #flush(): void {
    const { inSync } = this.partition
    for (let head = this.#writes[0]; head?.isDue && inSync.every(this.#timing.isUp); head = this.#writes[0]) {
      this.#writes.shift()
      head.apply()
      head.resolve(true)
    }
  }
}

/** The partition that a key belongs to: Java's `String.hashCode`, without its sign. */
export function shardOf(key: string, shards: number): number {
  let hash = 0
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0
  return (hash & 0x7fffffff) % shards
}
