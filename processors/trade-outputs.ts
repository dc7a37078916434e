import type { Output, ProcessorContext, StreamRecord } from '../engine/processor.ts'
import { ByteView } from '../records/byte-view.ts'
import { HeaderBlockBuilder } from '../records/headers.ts'
import type { AuditEntry } from './audit-entry.ts'
import { headerBytesOf, recordFits, sizeOf } from './record-size.ts'
import type { Refusal } from './refusal.ts'
import type { TradeInput, Verdict } from './trade-input.ts'

/** Header of an output that would not have fitted into its topic: says which parts it goes without, separated by commas. */
export const DROPPED_HEADER = 'tradewind.dropped'
const ERRORS = '__streams.errors.'

type Bytes = Output<ByteView, ByteView>
type Part = 'headers' | 'value' | 'trade_id' | 'key'
const HEADERS: readonly Part[] = ['headers']

/**
 * Sends the outputs of an input: its headers travel with each of them, and all have its timestamp. An output that would not fit leaves parts out, the least needed
 * first, and a header says which.
 */
export class TradeOutputs {
  readonly #maxMessageBytes: number
  readonly #auditEntry: AuditEntry
  readonly #processed: Bytes
  readonly #expired: Bytes
  readonly #repaired: Bytes
  readonly #audit: Bytes
  readonly #deadLetter: Bytes
  /** One for all: whoever is handed it has taken what it needs when the call returns. Not `new StreamRecord`: of the engine, processors know the types only. */
  readonly #record: StreamRecord<ByteView, ByteView> = { key: undefined, value: undefined, timestamp: 0, headers: undefined }
  readonly #headers = new HeaderBlockBuilder()
  readonly #headerView = new ByteView()
  readonly #auditView = new ByteView()

  constructor(context: ProcessorContext, auditEntry: AuditEntry, maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
    this.#auditEntry = auditEntry
    this.#processed = context.output('processed')
    this.#expired = context.output('expired')
    this.#repaired = context.output('repaired')
    this.#audit = context.output('audit')
    this.#deadLetter = context.output('dead-letter')
  }

  /** The new state of a trade; `undefined`: it is deleted. */
  processed(input: TradeInput, value: ByteView | undefined): void {
    this.#send(this.#processed, input, value)
  }

  expired(input: TradeInput, value: ByteView): void {
    this.#send(this.#expired, input, value)
  }

  repaired(input: TradeInput, value: ByteView): void {
    this.#send(this.#repaired, input, value)
  }

  audit(input: TradeInput, verdict: Verdict): void {
    const value = this.#auditEntry.write(input, verdict, this.#auditView)
    if (this.#fits(input.key, value, input.headers)) this.#emit(this.#audit, input, input.key, value, input.headers)
    else this.#reducedAudit(input, verdict, value)
  }

  /** Raw key and value, the original headers, and why. */
  deadLetter(input: TradeInput, refusal: Refusal): void {
    let { key, value, headers } = input
    const dropped: Part[] = []
    let block = this.#errors(input, refusal, headers, dropped)
    if (value !== undefined && !this.#fits(key, value, block)) {
      value = undefined
      dropped.push('value')
      block = this.#errors(input, refusal, headers, dropped)
    }
    if (headers !== undefined && !this.#fits(key, value, block)) {
      headers = undefined
      dropped.push('headers')
      block = this.#errors(input, refusal, headers, dropped)
    }
    if (!this.#fits(key, value, block)) {
      key = undefined
      dropped.push('key')
      block = this.#errors(input, refusal, headers, dropped)
    }
    this.#emit(this.#deadLetter, input, key, value, block)
  }

  /** Without headers all entries fit but those whose key is no trade_id: such a key may be as long as a record, and would stand in the entry twice. */
  #reducedAudit(input: TradeInput, verdict: Verdict, entry: ByteView): void {
    const dropped: Part[] = input.headers === undefined ? [] : ['headers']
    let { key } = input
    let value = entry
    let block = this.#dropped(dropped)
    if (!this.#fits(key, value, block)) {
      value = this.#auditEntry.write(input, verdict, this.#auditView, false)
      dropped.push('trade_id')
      block = this.#dropped(dropped)
    }
    if (!this.#fits(key, value, block)) {
      key = undefined
      dropped.push('key')
      block = this.#dropped(dropped)
    }
    this.#emit(this.#audit, input, key, value, block)
  }

  /** A trade that is too large for its outputs without headers has been refused before. */
  #send(output: Bytes, input: TradeInput, value: ByteView | undefined): void {
    const { key, headers } = input
    this.#emit(output, input, key, value, headers === undefined || this.#fits(key, value, headers) ? headers : this.#dropped(HEADERS))
  }

  #emit(output: Bytes, input: TradeInput, key: ByteView | undefined, value: ByteView | undefined, headers: ByteView | undefined): void {
    const record = this.#record
    record.key = key
    record.value = value
    record.timestamp = input.timestamp
    record.headers = headers
    output(record)
  }

  #fits(key: ByteView | undefined, value: ByteView | undefined, headers: ByteView | undefined): boolean {
    return recordFits(sizeOf(key), sizeOf(value), headerBytesOf(headers), this.#maxMessageBytes)
  }

  #dropped(parts: readonly Part[]): ByteView {
    this.#headers.reset()
    this.#headers.add(DROPPED_HEADER, parts.join(','))
    return this.#headers.into(this.#headerView)
  }

  #errors(input: TradeInput, { reason }: Refusal, headers: ByteView | undefined, dropped: readonly Part[]): ByteView {
    const builder = this.#headers
    builder.reset()
    builder.copyFrom(headers)
    builder.add(`${ERRORS}exception`, INVALID_TRADE)
    builder.add(`${ERRORS}message`, reason)
    builder.add(`${ERRORS}stacktrace`, `${INVALID_TRADE}: ${reason}`)
    builder.add(`${ERRORS}topic`, input.topic)
    builder.add(`${ERRORS}partition`, String(input.partition))
    builder.add(`${ERRORS}offset`, String(input.offset))
    if (dropped.length > 0) builder.add(DROPPED_HEADER, dropped.join(','))
    return builder.into(this.#headerView)
  }
}

/** Nothing was thrown: the rules refused the record. */
const INVALID_TRADE = 'InvalidTrade'
