import { createHash } from 'node:crypto'
import type { Scheduler } from './scheduler.ts'

/** What happened, line by line. The digest is over all of it: two runs of a seed have the same one. */
export class Trace {
  readonly #scheduler: Scheduler
  readonly #hash = createHash('sha256')
  readonly #write: ((line: string) => void) | undefined

  /** `write` is called with each line; without it only the digest is kept. */
  constructor(scheduler: Scheduler, write?: (line: string) => void) {
    this.#scheduler = scheduler
    this.#write = write
  }

  add(who: string, what: string): void {
    const line = `${(this.#scheduler.monotonicMs() / 1000).toFixed(4).padStart(10)}  ${who.padEnd(10)}  ${what}`
    this.#hash.update(line).update('\n')
    this.#write?.(line)
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}
