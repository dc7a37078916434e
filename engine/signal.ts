import type { Clock } from '../ports/clock.ts'

/** Wakes one waiter. A raise with nobody waiting is remembered for the next wait. */
export class Signal {
  readonly #clock: Clock
  #raised = false
  #wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly raise = (): void => {
    this.#raised = true
    this.#wake?.()
  }

  /** Resolves when raised, after `timeoutMs` at the latest. */
  async wait(timeoutMs: number): Promise<void> {
    if (!this.#raised) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(timeoutMs, resolve)
        this.#wake = () => {
          timer.cancel()
          resolve()
        }
      })
      this.#wake = undefined
    }
    this.#raised = false
  }
}
