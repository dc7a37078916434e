import type { Clock, Timer } from '../../ports/clock.ts'
import type { Scheduler } from './scheduler.ts'

/** CPU time of a turn of the event loop: were it nothing, a process with work to do would stop time. */
const TURN_MS = 0.05

/**
 * A process, as far as the world sees it: what reaches it and what it can do. The code of a dead process still stands where it was, at some await; it is never called again, and what it has under way
 * in the very moment of its death reaches nothing.
 *
 * ```
 * running <-> paused      (SIGSTOP: what arrives waits)
 *    any -> dead
 * ```
 */
export class SimulatedProcess implements Clock {
  readonly name: string
  /** How many times as long everything takes. */
  slowness = 1
  readonly #scheduler: Scheduler
  readonly #waiting: (() => void)[] = []
  readonly #onDeath = new Set<() => void>()
  #state: 'running' | 'paused' | 'dead' = 'running'
  #clockOffsetMs = 0

  constructor(name: string, scheduler: Scheduler) {
    this.name = name
    this.#scheduler = scheduler
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  get isPaused(): boolean {
    return this.#state === 'paused'
  }

  now(): number {
    return this.#scheduler.now() + this.#clockOffsetMs
  }

  monotonicMs(): number {
    return this.#scheduler.monotonicMs()
  }

  after(delayMs: number, callback: () => void): Timer {
    if (this.isDead) return NO_TIMER
    let isCancelled = false
    const timer = this.#scheduler.after(delayMs * this.slowness, () => this.deliver(() => isCancelled || callback()))
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.after(TURN_MS, resolve))
  }

  /** Lets the process know something: now, when it runs again, or never. */
  deliver(callback: () => void): void {
    if (this.#state === 'running') callback()
    else if (this.#state === 'paused') this.#waiting.push(callback)
  }

  /** Called when it dies, to take back what it holds, unless the function that is answered was called before. */
  onDeath(callback: () => void): () => void {
    this.#onDeath.add(callback)
    return () => this.#onDeath.delete(callback)
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  /** What has waited comes in the order in which it arrived, each followed by what it sets off. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    for (const callback of this.#waiting.splice(0)) this.#scheduler.after(0, () => this.deliver(callback))
  }

  kill(): void {
    if (this.isDead) return
    this.#state = 'dead'
    this.#waiting.length = 0
    for (const callback of [...this.#onDeath]) callback()
    this.#onDeath.clear()
  }

  /** The wall clock is set; time-outs do not notice. */
  setClock(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs
  }
}

const NO_TIMER: Timer = { cancel: () => {} }
