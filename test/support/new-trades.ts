import type { Workload, WorkloadRecord } from '../../bench/workload/workload.ts'

/** One new trade after the other, to fill a store: `<prefix>0`, `<prefix>1`, ... */
export class NewTrades implements Workload {
  readonly #prefix: string
  readonly #maturity: string
  #next = 0

  constructor(options: { prefix: string; maturity: string }) {
    this.#prefix = options.prefix
    this.#maturity = options.maturity
  }

  next(into: WorkloadRecord): void {
    const tradeId = `${this.#prefix}${this.#next++}`
    const key = Buffer.from(tradeId)
    const value = Buffer.from(`{"trade_id":"${tradeId}","version":1,"counterparty_id":"CP-1","book_id":"B1","maturity_date":"${this.#maturity}","created_date":"2026-12-11"}`)
    into.key.set(key, 0, key.length)
    into.placement.set(key, 0, key.length)
    into.value.set(value, 0, value.length)
    into.hasKey = true
    into.hasValue = true
    into.kind = 'CREATED'
  }
}
