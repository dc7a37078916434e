import { MixedWorkload } from '../../../bench/workload/mixed-workload.ts'
import type { Workload, WorkloadRecord } from '../../../bench/workload/workload.ts'

export interface ChaosWorkloadOptions {
  readonly seed: number
  readonly keys: number
  /** Of now. */
  readonly businessDate: () => string
}

/** One of so many records is a trade that the rules take and PostgreSQL cannot keep: its number is beyond `numeric`. */
const UNSTORABLE_EVERY = 3_000

/** Every kind of outcome, around the business date of now; and trades that a sink has to put aside. */
export class ChaosWorkload implements Workload {
  readonly #mixed: MixedWorkload
  readonly #businessDate: () => string
  #count = 0

  constructor({ seed, keys, businessDate }: ChaosWorkloadOptions) {
    this.#businessDate = businessDate
    this.#mixed = new MixedWorkload({ seed, businessDate: businessDate(), keys, rates: { LARGE: 0, TOO_LARGE: 0, HEAVY_HEADERS: 0 } })
  }

  next(into: WorkloadRecord): void {
    this.#mixed.turnTo(this.#businessDate())
    this.#mixed.next(into)
    if (++this.#count % UNSTORABLE_EVERY !== 0) return
    const key = Buffer.from(`UNSTORABLE-${this.#count / UNSTORABLE_EVERY}`)
    const value = Buffer.from(`{"trade_id":"${key}","version":1,"counterparty_id":"CP","book_id":"B","maturity_date":"9999-12-31","created_date":"2026-12-11","big":1e200000}`)
    for (const view of [into.key, into.placement]) view.set(key, 0, key.length)
    into.value.set(value, 0, value.length)
    into.hasKey = true
    into.hasValue = true
    into.partitionShift = 0
    into.headers = []
    into.timestampAgeMs = 0
    into.kind = 'CREATED: not to be kept by PostgreSQL'
  }
}
