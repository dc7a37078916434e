import type { Clock, Timer } from '../../ports/clock.ts'

class Event implements Timer {
  readonly atMs: number
  readonly number: number
  callback: (() => void) | undefined
  readonly #scheduler: Cancelled

  constructor(atMs: number, number: number, callback: () => void, scheduler: Cancelled) {
    this.atMs = atMs
    this.number = number
    this.callback = callback
    this.#scheduler = scheduler
  }

  cancel(): void {
    if (this.callback === undefined) return
    this.callback = undefined
    this.#scheduler.cancelled()
  }
}

interface Cancelled {
  cancelled(): void
}

/** A run that would not end: what it does makes more of itself without time going on. */
export class LivelockError extends Error {
  override readonly name = 'LivelockError'
}

/** Begin of virtual time. */
export const EPOCH_MS = Date.UTC(2026, 11, 11, 9)
const EVENTS_WITHOUT_TIME = 1_000_000
/** Below so many nobody looks how many of the events were cancelled. */
const FEW_EVENTS = 256

/**
 * Virtual time. What is to happen is put in order by its time, and by who came first; after each event everything runs that it has set off, before the next one. So the order is the same in every
 * run, and an hour in which nothing happens takes no time.
 */
export class Scheduler implements Clock {
  /** Events that were handled. */
  handled = 0
  #nowMs = 0
  #heap: Event[] = []
  #number = 0
  #handledAtThisTime = 0
  #cancelled = 0
  readonly #own: Cancelled = { cancelled: () => this.#countCancelled() }

  now(): number {
    return EPOCH_MS + Math.floor(this.#nowMs)
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const event = new Event(this.#nowMs + Math.max(0, delayMs), this.#number++, callback, this.#own)
    this.#push(event)
    return event
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.after(0, resolve))
  }

  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** Runs until `isOver`, asked after each event, or until nothing is left to happen. Rejects with what an event throws. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          if (isOver() || !this.#handleNext()) return resolve()
        } catch (error) {
          return reject(error)
        }
        queueMicrotask(whenQuiet)
      }
      // A tick that a microtask asks for comes when all microtasks are done: so each event ends before the next one begins, without a way through the event loop.
      const whenQuiet = (): void => process.nextTick(step)
      queueMicrotask(whenQuiet)
    })
  }

  #handleNext(): boolean {
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      const { callback } = event
      if (callback === undefined) {
        this.#cancelled--
        continue
      }
      event.callback = undefined
      if (event.atMs > this.#nowMs) this.#handledAtThisTime = 0
      else if (++this.#handledAtThisTime > EVENTS_WITHOUT_TIME) throw new LivelockError(`${EVENTS_WITHOUT_TIME} events at the same time`)
      this.#nowMs = Math.max(this.#nowMs, event.atMs)
      this.handled++
      callback()
      return true
    }
    return false
  }

  /** Most time-outs are cancelled, and they would be far more than what is to happen. */
  #countCancelled(): void {
    this.#cancelled++
    if (this.#heap.length < FEW_EVENTS || this.#cancelled * 2 < this.#heap.length) return
    // What is in order is a heap.
    this.#heap = this.#heap.filter(({ callback }) => callback !== undefined).sort((a, b) => a.atMs - b.atMs || a.number - b.number)
    this.#cancelled = 0
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, event)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || first === last) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      let lowest = heap[child]
      if (lowest === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, lowest)) {
        lowest = right
        child++
      }
      if (isBefore(last, lowest)) break
      heap[at] = lowest
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number)
}
