import { ByteView } from '../records/byte-view.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import type { InstantText } from './instant-text.ts'
import type { Refusal } from './refusal.ts'
import type { TradeInput } from './trade-input.ts'
import type { TradeOutputs } from './trade-outputs.ts'
import { TradeEntry } from './trade-state.ts'
import type { TradeTable } from './trade-table.ts'
import { writeRepaired } from './trade-text.ts'

/** Rule 6: repair cases. A refusal opens one beside the trade's state, or takes the place of the last refusal; an accepted record closes it. */
export class RepairCases {
  readonly #table: TradeTable
  readonly #outputs: TradeOutputs
  readonly #instants: InstantText
  readonly #next = new TradeEntry()
  readonly #json = new ByteView()
  readonly #case = new ByteWriter(512)
  readonly #caseView = new ByteView()
  readonly #event = new ByteWriter()
  readonly #eventView = new ByteView()

  constructor(table: TradeTable, outputs: TradeOutputs, instants: InstantText) {
    this.#table = table
    this.#outputs = outputs
    this.#instants = instants
  }

  /** For the trade that was found in the table. */
  open(input: TradeInput, outcome: 'PAST_MATURITY' | 'INVALID', { reason }: Refusal): void {
    const table = this.#table
    const { topic, partition, offset } = input
    const next = this.#next.setTo(table.entry)
    next.hasCase = true
    next.refusedAtMs = input.nowMs
    const target = table.begin()
    if (next.live) target.view(table.entry.jsonIn(table.value(input), this.#json))
    table.endJson()
    target.utf8(JSON.stringify({ outcome, reason, source: { topic, partition, offset } }))
    table.put(input, next)
  }

  /** Takes the case of the trade that was found out of the store, where the accepted trade is about to be written. */
  take(input: TradeInput): void {
    this.#case.reset()
    this.#case.view(this.#table.entry.caseIn(this.#table.value(input), this.#caseView))
  }

  /** Tells that the trade whose case was taken has come in right. */
  close(input: TradeInput, trade: ByteView): void {
    this.#event.reset()
    writeRepaired(this.#event, { trade, repairCase: this.#case.into(this.#caseView) }, input.timestamp, this.#instants)
    this.#outputs.repaired(input, this.#event.into(this.#eventView))
  }
}
