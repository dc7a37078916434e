import { ByteView } from '../records/byte-view.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import type { BusinessDate } from './business-date.ts'
import type { DueBuckets } from './due-buckets.ts'
import type { InstantText } from './instant-text.ts'
import { TradeInput, Verdict } from './trade-input.ts'
import type { TradeOutputs } from './trade-outputs.ts'
import { TradeEntry } from './trade-state.ts'
import type { TradeTable } from './trade-table.ts'
import { openJson, TradeEnd, writeExpired } from './trade-text.ts'

/** Keys that are looked at for each trade that may expire in a portion: some of what is in a bucket is out of date. */
const LOOKS_PER_TRADE = 8

/** Rule 4, and the end of what is kept for a time: works off what is due, in portions. */
export class TradeExpiry {
  readonly #table: TradeTable
  readonly #outputs: TradeOutputs
  readonly #businessDate: BusinessDate
  readonly #instants: InstantText
  readonly #end: TradeEnd
  readonly #portion: number
  readonly #input = new TradeInput()
  readonly #verdict = new Verdict()
  readonly #next = new TradeEntry()
  readonly #key = new ByteView()
  readonly #part = new ByteView()
  readonly #trade = new ByteView()
  readonly #event = new ByteWriter()
  readonly #eventView = new ByteView()

  constructor(parts: { table: TradeTable; outputs: TradeOutputs; businessDate: BusinessDate; instants: InstantText; portion: number }) {
    this.#table = parts.table
    this.#outputs = parts.outputs
    this.#businessDate = parts.businessDate
    this.#instants = parts.instants
    this.#end = new TradeEnd(parts.instants)
    this.#portion = parts.portion
  }

  /** Whether there are trades whose maturity day has passed. */
  hasDue(nowMs: number): boolean {
    return this.#table.maturities.hasDue(this.#businessDate.dayAt(nowMs) - 1)
  }

  /** Lets a portion of the trades expire that are due; answers how many. */
  run(nowMs: number): number {
    const table = this.#table
    const today = this.#businessDate.dayAt(nowMs)
    let expired = 0
    for (let looks = this.#portion * LOOKS_PER_TRADE; looks > 0 && expired < this.#portion && table.maturities.take(today - 1, this.#key); looks--) {
      const input = this.#input.takeExpiry(this.#key, nowMs, today)
      const { live, expired: already, maturityDay } = table.find(input)
      if (!live || already) continue
      if (maturityDay >= today) {
        table.maturities.addAgain(maturityDay, this.#key)
        continue
      }
      this.#expire(input)
      expired++
    }
    return expired
  }

  /** Removes a portion of the deleted trades and of the repair cases whose time is over. */
  forget(nowMs: number): void {
    this.#forgetDue(this.#table.memories, this.#table.memorySlotDue(nowMs), nowMs)
    this.#forgetDue(this.#table.cases, this.#table.caseSlotDue(nowMs), nowMs)
  }

  #expire(input: TradeInput): void {
    const table = this.#table
    const { entry } = table
    const value = table.value(input)
    const target = table.begin()
    target.view(openJson(entry.jsonIn(value, this.#part), false))
    this.#end.write(target, true, input.timestamp)
    table.endJson()
    if (entry.hasCase) target.view(entry.caseIn(value, this.#part))
    const next = this.#next.setTo(entry)
    next.expired = true
    table.put(input, next)
    const trade = table.json(this.#trade)
    this.#outputs.processed(input, trade)
    this.#event.reset()
    writeExpired(this.#event, trade, input.timestamp, this.#instants)
    this.#outputs.expired(input, this.#event.into(this.#eventView))
    this.#verdict.set('EXPIRED', entry.version)
    this.#outputs.audit(input, this.#verdict)
  }

  #forgetDue(due: DueBuckets, lastSlot: number, nowMs: number): void {
    for (let count = 0; count < this.#portion && due.take(lastSlot, this.#key); count++) {
      const input = this.#input.takeExpiry(this.#key, nowMs, 0)
      const entry = this.#table.find(input)
      if (!this.#table.forgot) continue
      if (entry.isEmpty) this.#table.delete(input)
      else this.#rewrite(input)
    }
  }

  /** Writes the trade that was found anew, without what is past its time. */
  #rewrite(input: TradeInput): void {
    const table = this.#table
    const { entry } = table
    const value = table.value(input)
    const target = table.begin()
    if (entry.live) target.view(entry.jsonIn(value, this.#part))
    table.endJson()
    if (entry.hasCase) target.view(entry.caseIn(value, this.#part))
    table.put(input, this.#next.setTo(entry))
  }
}
