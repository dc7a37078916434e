import type { TopicPartition } from '../ports/broker.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/** A position of a partition that somebody waits for. */
export type AwaitedPosition = TopicPartition & { readonly offset: number }

export interface PositionWaitersOptions {
  readonly clock: Clock
  /** Whether the database has everything before the offset; `undefined`: the partition is somebody else's. */
  readonly hasReached: (at: AwaitedPosition) => boolean | undefined
}

interface Waiter {
  readonly at: AwaitedPosition
  readonly answer: (hasReached: boolean | undefined) => void
  readonly timer: Timer
}

/** Between two looks while somebody waits. */
const LOOK_MS = 5

/** Reads that wait until a sink has got somewhere: all of them share one look each 5 ms, which asks of each partition no more than those that it answers, and one. */
export class PositionWaiters {
  readonly #options: PositionWaitersOptions
  /** Of each partition, the lowest offset first. */
  readonly #waiting = new Map<string, Waiter[]>()
  #looking: Timer | undefined

  constructor(options: PositionWaitersOptions) {
    this.#options = options
  }

  /** Answers once it is reached, is known to be somebody else's, or after `waitMs` with how it is then. */
  reached(at: AwaitedPosition, waitMs: number): Promise<boolean | undefined> {
    const now = this.#options.hasReached(at)
    if (now !== false || waitMs <= 0) return Promise.resolve(now)
    return new Promise((resolve) => {
      const key = `${at.topic}-${at.partition}`
      const answer = (hasReached: boolean | undefined) => {
        timer.cancel()
        resolve(hasReached)
      }
      const timer = this.#options.clock.after(waitMs, () => {
        this.#remove(key, waiter)
        resolve(this.#options.hasReached(at))
      })
      const waiter: Waiter = { at, answer, timer }
      const waiting = this.#waiting.get(key) ?? []
      this.#waiting.set(key, waiting)
      waiting.splice(placeOf(waiting, at.offset), 0, waiter)
      this.#lookLater()
    })
  }

  #lookLater(): void {
    this.#looking ??= this.#options.clock.after(LOOK_MS, () => {
      this.#looking = undefined
      this.#look()
      if (this.#waiting.size > 0) this.#lookLater()
    })
  }

  #look(): void {
    for (const [key, waiting] of this.#waiting) {
      let answered = 0
      for (const { at, answer } of waiting) {
        const hasReached = this.#options.hasReached(at)
        if (hasReached === false) break
        answered++
        answer(hasReached)
      }
      waiting.splice(0, answered)
      if (waiting.length === 0) this.#waiting.delete(key)
    }
  }

  #remove(key: string, waiter: Waiter): void {
    const waiting = this.#waiting.get(key) ?? []
    const at = waiting.indexOf(waiter)
    if (at >= 0) waiting.splice(at, 1)
    if (waiting.length === 0) this.#waiting.delete(key)
  }
}

/** Behind those that wait for the same or less. */
function placeOf(waiting: readonly Waiter[], offset: number): number {
  let low = 0
  for (let high = waiting.length; low < high; ) {
    const middle = (low + high) >> 1
    if ((waiting[middle]?.at.offset ?? 0) <= offset) low = middle + 1
    else high = middle
  }
  return low
}
