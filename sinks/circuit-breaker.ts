import { type Clock, sleep } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'

export interface CircuitBreakerOptions {
  readonly clock: Clock
  readonly random: Random
  /** Failures in a row that open it. Default 5. */
  readonly threshold?: number
  /** Pause after the first failure; each further one doubles it. Default 100. */
  readonly firstDelayMs?: number
  /** Default 10,000. */
  readonly longestDelayMs?: number
}

/**
 * Paces the attempts on a database that fails.
 *
 * ```
 * closed -> open        after `threshold` failures in a row: nothing more is fetched
 * open -> half-open     when the pause is over: one attempt, the others wait for what becomes of it
 * half-open -> closed   it succeeded        half-open -> open   it failed
 * ```
 * A pause is drawn between half and all of its length, so that many sinks do not come back at the same moment.
 */
export class CircuitBreaker {
  readonly #clock: Clock
  readonly #random: Random
  readonly #threshold: number
  readonly #firstDelayMs: number
  readonly #longestDelayMs: number
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  #failures = 0
  #retryAtMs = 0
  #settled = Promise.withResolvers<void>()

  constructor(options: CircuitBreakerOptions) {
    this.#clock = options.clock
    this.#random = options.random
    this.#threshold = options.threshold ?? 5
    this.#firstDelayMs = options.firstDelayMs ?? 100
    this.#longestDelayMs = options.longestDelayMs ?? 10_000
  }

  get state(): 'closed' | 'open' | 'half-open' {
    return this.#state
  }

  /** Resolves when an attempt may be made, at once in good times; also when `signal` is aborted. Each is to be followed by `succeeded`, `failed` or `unused`. */
  async admit(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#state === 'half-open') {
        await Promise.race([this.#settled.promise, aborted(signal)])
        continue
      }
      const pauseMs = this.#retryAtMs - this.#clock.monotonicMs()
      if (this.#failures > 0 && pauseMs > 0) {
        await sleep(this.#clock, pauseMs, signal)
        continue
      }
      if (this.#state === 'open') this.#state = 'half-open'
      return
    }
  }

  succeeded(): void {
    this.#failures = 0
    this.#settle('closed')
  }

  failed(): void {
    this.#failures++
    const delayMs = Math.min(this.#longestDelayMs, this.#firstDelayMs * 2 ** Math.min(20, this.#failures - 1))
    this.#retryAtMs = this.#clock.monotonicMs() + delayMs * (0.5 + this.#random.next() / 2)
    this.#settle(this.#failures >= this.#threshold ? 'open' : 'closed')
  }

  /** The attempt was not made: the next one in line makes it. */
  unused(): void {
    if (this.#state === 'half-open') this.#settle('open')
  }

  #settle(state: 'closed' | 'open'): void {
    this.#state = state
    this.#settled.resolve()
    this.#settled = Promise.withResolvers<void>()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
