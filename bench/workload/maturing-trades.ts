import type { Workload, WorkloadRecord } from './workload.ts'

/** Trades that all mature on the same day, numbered from a first one on. */
export class MaturingTrades implements Workload {
  readonly #maturityDate: string
  #number: number

  constructor({ first, maturityDate }: { first: number; maturityDate: string }) {
    this.#number = first
    this.#maturityDate = maturityDate
  }

  next(into: WorkloadRecord): void {
    const key = Buffer.from(`TRD-${String(this.#number++).padStart(8, '0')}`)
    const value = Buffer.from(
      `{"trade_id":"${key.toString()}","version":1,"counterparty_id":"COUNTERPARTY-0001","book_id":"BOOK-RATES-001","maturity_date":"${this.#maturityDate}","created_date":"2020-01-01","expired":false}`,
    )
    into.key.set(key, 0, key.length)
    into.hasKey = true
    into.value.set(value, 0, value.length)
    into.hasValue = true
    into.placement.set(key, 0, key.length)
  }
}
