/** A timer that was started and can be stopped. Stopping one that has fired does nothing. */
export interface Timer {
  cancel(): void
}

/** Time, as the runtime sees it. Production wires the machine's clock; the simulation wires virtual time. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch. It may jump, in either direction. */
  now(): number
  /** Milliseconds since an arbitrary start, with fractions. It never goes back. For durations and time-outs. */
  monotonicMs(): number
  /** Calls `callback` once, `delayMs` from now. */
  after(delayMs: number, callback: () => void): Timer
  /** Resolves once the events that are pending now were handled: a long computation lets its sockets be served in between. */
  turn(): Promise<void>
}

/** Does something again and again, a pause before each time, until `signal` is aborted. Rejects where it does. */
export async function every(clock: Clock, intervalMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, intervalMs, signal)
    if (!signal.aborted) await work()
  }
}

/** Resolves after `delayMs`, at once when `signal` is aborted. It never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const end = () => {
      timer.cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.after(delayMs, end)
    signal?.addEventListener('abort', end)
  })
}
