import { setImmediate } from 'node:timers/promises'
import type { Clock, Timer } from '../../ports/clock.ts'

/** Time that moves only when a test says so. */
export class VirtualClock implements Clock {
  #nowMs = 0
  #timers: { atMs: number; callback: () => void }[] = []

  now(): number {
    return 1_800_000_000_000 + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
      },
    }
  }

  turn(): Promise<void> {
    return setImmediate()
  }

  /** Lets everything run that waits for no timer. */
  async settle(): Promise<void> {
    await setImmediate()
  }

  /** Moves time on; timers fire in order, each followed by all that it sets off. */
  async advance(byMs: number): Promise<void> {
    await this.settle()
    const endMs = this.#nowMs + byMs
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs)
      if (due.length === 0) break
      const next = due.reduce((first, other) => (other.atMs < first.atMs ? other : first))
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.callback()
      await this.settle()
    }
    this.#nowMs = endMs
    await this.settle()
  }

  /** Time passes and nothing runs, as for a process that is stopped. */
  freeze(forMs: number): void {
    this.#nowMs += forMs
  }
}
