import { ConnectionLostError } from '../ports/broker.ts'
import type { Clock } from '../ports/clock.ts'
import { sleep } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'

/** What every state machine of this folder needs from outside. */
export interface RetryContext {
  readonly clock: Clock
  readonly random: Random
}

export interface RetryPaceOptions {
  /** Pause before the second attempt. Default 20 ms. */
  readonly firstMs?: number
  /** Longest pause. Default 1,000 ms. */
  readonly maxMs?: number
  /** From now on; `undefined`: repeat for ever. */
  readonly deadlineMs?: number
  /** Ends a pause at once. */
  readonly signal?: AbortSignal
}

/** The pauses between the attempts of one request: exponential, with jitter, until a deadline. */
export class RetryPace {
  readonly #context: RetryContext
  readonly #firstMs: number
  readonly #maxMs: number
  readonly #endsAtMs: number
  readonly #signal: AbortSignal | undefined
  #attempts = 0

  constructor(context: RetryContext, options: RetryPaceOptions = {}) {
    this.#context = context
    this.#firstMs = options.firstMs ?? 20
    this.#maxMs = options.maxMs ?? 1_000
    this.#endsAtMs = options.deadlineMs === undefined ? Number.POSITIVE_INFINITY : context.clock.monotonicMs() + options.deadlineMs
    this.#signal = options.signal
  }

  /** Waits before the next attempt. False: there is no next one, the time is up or the signal was aborted. */
  async pause(): Promise<boolean> {
    if (this.#signal?.aborted || this.#context.clock.monotonicMs() >= this.#endsAtMs) return false
    await sleep(this.#context.clock, this.nextMs(), this.#signal)
    return !this.#signal?.aborted
  }

  /** The next pause, for those who keep timers of their own: half of it is fixed, half is chance, so that clients that failed together do not return together. */
  nextMs(): number {
    const fullMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#attempts++, 20))
    return fullMs / 2 + (fullMs / 2) * this.#context.random.next()
  }

  reset(): void {
    this.#attempts = 0
  }
}

/** Repeats a request that any broker can answer until one does; rejects when the signal is aborted, and with every other error. */
export async function untilReached<Answer>(context: RetryContext, options: RetryPaceOptions, request: () => Promise<Answer>): Promise<Answer> {
  const pace = new RetryPace(context, options)
  for (;;) {
    try {
      return await request()
    } catch (error) {
      if (!(error instanceof ConnectionLostError) || !(await pace.pause())) throw error
    }
  }
}
