import { setImmediate } from 'node:timers/promises'
import type { Clock, Timer } from './clock.ts'

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs: number, callback: () => void): Timer {
    const timer = setTimeout(callback, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
  turn: () => setImmediate(),
}
