import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** Nobody knows whether the database has done what it was asked for. */
export class DatabaseLostError extends Error {
  override readonly name = 'DatabaseLostError'
}

/** `away`: no request gets through. `silent`: it does what it is asked for, and its answers are lost. `restarting`: each request is lost, done without an answer, or refused. `late`: some requests are done when nobody waits for them any more. */
export type DatabaseTrouble = 'away' | 'silent' | 'restarting' | 'late'

const MIN_DELAY_MS = 0.1
const MAX_DELAY_MS = 3
const TIMEOUT_MS = 2_000
/** Who waits for a lock, or in a proxy, gets there some time. */
const LATEST_MS = 12_000

/** The way to a database that many processes use. What it holds is its owner's business. */
export class SimulatedDatabase {
  /** Requests that were not answered. */
  lost = 0
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  #trouble: DatabaseTrouble | undefined

  constructor({ scheduler, random }: { scheduler: Scheduler; random: SeededRandom }) {
    this.#scheduler = scheduler
    this.#random = random
  }

  set trouble(trouble: DatabaseTrouble | undefined) {
    this.#trouble = trouble
  }

  /** Does something in the database on behalf of a process, and lets it know what came of it, unless it has died. */
  ask<T>(process: SimulatedProcess, act: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (process.isDead) return
      if (this.#trouble === 'late' && this.#random.chance(0.5)) {
        this.#scheduler.after(this.#random.between(MAX_DELAY_MS, LATEST_MS), () => void act().catch(() => {}))
        return this.#lose(process, reject, TIMEOUT_MS)
      }
      const arrives = this.#trouble !== 'away' && !(this.#trouble === 'restarting' && this.#random.chance(0.5))
      if (!arrives) return this.#lose(process, reject, this.#random.chance(0.5) ? TIMEOUT_MS : MAX_DELAY_MS)
      this.#scheduler.after(this.#delayMs(), () => {
        act().then(
          (answer) => this.#answer(process, () => resolve(answer), reject),
          (error: unknown) => this.#answer(process, () => reject(error), reject),
        )
      })
    })
  }

  #answer(process: SimulatedProcess, settle: () => void, reject: (error: Error) => void): void {
    const isLost = this.#trouble === 'silent' || this.#trouble === 'away' || (this.#trouble === 'restarting' && this.#random.chance(0.5))
    if (isLost) this.#lose(process, reject, this.#random.chance(0.5) ? TIMEOUT_MS : this.#delayMs())
    else this.#scheduler.after(this.#delayMs(), () => process.deliver(settle))
  }

  #lose(process: SimulatedProcess, reject: (error: Error) => void, afterMs: number): void {
    this.lost++
    this.#scheduler.after(afterMs, () => process.deliver(() => reject(new DatabaseLostError('the connection to the database was lost'))))
  }

  #delayMs(): number {
    return this.#random.between(MIN_DELAY_MS, MAX_DELAY_MS)
  }
}
