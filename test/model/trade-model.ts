import { businessDateRule, type Expected, type ExpectedObject, type ExpectedRecord, type Header, jsonObject, type Moment, number, oneOf, textNaming } from './expected.ts'
import { type Fault, isIdentifier, readMessage, sameTrade, textOf, type Trade } from './message.ts'
import { type Case, OutputRecords } from './output-records.ts'
import { plainPartitionOf } from './plain-murmur2.ts'
import { requestIdOf, RequestMemory, type RequestAnswer } from './request-memory.ts'

export type Outcome = 'CREATED' | 'UPDATED' | 'REPLACED' | 'DUPLICATE' | 'STALE_VERSION' | 'PAST_MATURITY' | 'INVALID' | 'DELETED' | 'NOT_FOUND' | 'EXPIRED'

export interface ModelInput {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

/** What one input record, or the expiry of one trade, must lead to. */
export interface ModelOutputs {
  /** `undefined`: an expiry. */
  readonly input: ModelInput | undefined
  readonly outcome: Outcome
  /** Of INVALID: everything that is wrong with the record, as the model names it. */
  readonly faults: readonly string[]
  readonly audit: ExpectedRecord
  /** A state, or a null value: the tombstone of a delete. */
  readonly processed: ExpectedRecord | undefined
  readonly expired: ExpectedRecord | undefined
  readonly repaired: ExpectedRecord | undefined
  readonly deadLetter: ExpectedRecord | undefined
  /** What is known of this key afterwards. */
  readonly state: TradeState
}

export interface TradeState {
  readonly trade: StoredTrade | undefined
  /** The version of a deleted trade, as long as it is remembered. */
  readonly remembered: { readonly version: number; readonly sinceMs: number } | undefined
  readonly repairCase: Case | undefined
}

export interface StoredTrade {
  readonly trade: Trade
  readonly expired: boolean
  readonly lastUpdated: Moment
}

export interface TradeModelOptions {
  /** A fixed business date, moved by `turnTo`; or the zone in which the time of processing has a date. */
  readonly businessDate: string | { readonly timeZone: string }
  readonly partitions: number
  /** max.message.bytes of the topics: the limit of a whole batch. */
  readonly maxMessageBytes: number
  /** Default `trade.ingested`. */
  readonly topic?: string
  /** Default true. */
  readonly partitionCheck?: boolean
  /** How long the version of a deleted trade is remembered: the retention of `trade.ingested`. Default 7 days. */
  readonly rememberMs?: number
}

const DAY_MS = 24 * 60 * 60 * 1000
const REPAIR_MS = 30 * DAY_MS

/**
 * The trade rules as domain.md has them, one record at a time, as plainly as they can be written: what the product must answer.
 * It shares no code with the product, and every sentence of the rules can be found here in the order of the text.
 */
export class TradeModel {
  readonly #options: Required<TradeModelOptions>
  readonly #outputs: OutputRecords
  readonly #partitions = new Map<number, PartitionState>()
  #businessDate = '0000-00-00'

  constructor(options: TradeModelOptions) {
    this.#options = { topic: 'trade.ingested', partitionCheck: true, rememberMs: 7 * DAY_MS, ...options }
    this.#outputs = new OutputRecords(this.#options)
    if (typeof options.businessDate === 'string') this.#businessDate = options.businessDate
  }

  /** The date turns, for a model with a fixed business date. It never goes back. */
  turnTo(businessDate: string): void {
    if (businessDate > this.#businessDate) this.#businessDate = businessDate
  }

  apply(input: ModelInput, nowMs: number): ModelOutputs {
    const memory = this.#partition(input.partition).requests
    const requestId = requestIdOf(input.headers)
    const step = new Step(input, momentOf(input.timestamp, nowMs), nowMs, requestId, this.#businessDateAt(nowMs))
    const earlier = requestId === undefined ? undefined : memory.find(requestId, nowMs)
    if (earlier !== undefined) return earlier.sameAs(input) ? this.#repeated(step, earlier.answer) : this.#reused(step)
    const outputs = this.#process(step)
    if (requestId !== undefined) memory.remember(requestId, input, outputs.outcome, nowMs)
    return outputs
  }

  /** An expiry run: one result for each trade that expires, by partition, in no order that matters. */
  expire(nowMs: number): ModelOutputs[] {
    return [...this.#partitions].flatMap(([partition, { trades }]) => [...trades.keys()].flatMap((tradeId) => this.expireTrade(partition, tradeId, nowMs) ?? []))
  }

  /** What an expiry run makes of one trade; `undefined`: it does not expire now. */
  expireTrade(partition: number, tradeId: string, nowMs: number): ModelOutputs | undefined {
    const businessDate = this.#businessDateAt(nowMs)
    const state = this.#partition(partition)
    const stored = state.trades.get(tradeId)
    if (stored === undefined || stored.expired || stored.trade.maturityDate >= businessDate) return undefined
    const expired: StoredTrade = { ...stored, expired: true, lastUpdated: { ms: nowMs, source: 'processing' } }
    state.trades.set(tradeId, expired)
    return {
      ...this.#outputs.expiry(expired, this.#businessDateRule(businessDate)),
      input: undefined, outcome: 'EXPIRED', faults: [], repaired: undefined, deadLetter: undefined, state: state.stateOf(tradeId, nowMs, this.#options.rememberMs),
    }
  }

  /** The answer a request has, `undefined` if it is not known (any more). */
  request(partition: number, requestId: string, nowMs: number): RequestAnswer | undefined {
    return this.#partition(partition).requests.find(requestId, nowMs)?.answer
  }

  /** All trades that are stored, expired ones too. */
  *trades(): Generator<StoredTrade> {
    for (const partition of this.#partitions.values()) yield* partition.trades.values()
  }

  #process(step: Step): ModelOutputs {
    const { input } = step
    const faults: Fault[] = []
    let versions: readonly (number | null)[] = [null]
    const misplaced = this.#options.partitionCheck && input.key !== null && plainPartitionOf(input.key, this.#options.partitions) !== input.partition
    if (misplaced) faults.push({ sort: 'wrong partition', fields: ['key', 'partition'] })
    const tradeId = input.key === null ? undefined : textOf(input.key)
    if (!isIdentifier(tradeId)) faults.push({ sort: input.key === null ? 'null key' : 'bad key', fields: ['key', 'trade_id'] })
    let trade: Trade | undefined
    if (input.value !== null) {
      const reading = readMessage(input.key, input.value)
      faults.push(...reading.faults)
      versions = reading.versions
      trade = reading.trade
      if (trade !== undefined && !this.#outputs.tradeFits(trade, input.value.length)) faults.push({ sort: 'too large', fields: ['value'] })
    }
    if (faults.length > 0 || !isIdentifier(tradeId)) return this.#invalid(step, faults, versions, misplaced ? undefined : tradeId)
    return trade === undefined ? this.#delete(step, tradeId) : this.#trade(step, trade)
  }

  #repeated(step: Step, first: RequestAnswer): ModelOutputs {
    const versions = this.#versionsIn(step.input)
    return this.#result(step, 'DUPLICATE', { version: oneVersionOf(versions), reason: textNaming(), details: { first_outcome: [first.outcome] } })
  }

  #reused(step: Step): ModelOutputs {
    return this.#invalid(step, [{ sort: 'request id reused', fields: ['request-id', 'request_id'] }], this.#versionsIn(step.input), undefined)
  }

  /** `caseOf`: the trade for which a repair case is opened, if one is. */
  #invalid(step: Step, faults: readonly Fault[], versions: readonly (number | null)[], caseOf: string | undefined): ModelOutputs {
    if (caseOf !== undefined && isIdentifier(caseOf)) this.#openCase(step, caseOf, 'INVALID', textNaming())
    const fields = [...new Set(faults.flatMap((fault) => fault.fields))]
    // Where several things are wrong, or none of the fields is to blame, it is open which field is named.
    const details = faults.length === 1 && FIELD_SORTS.has(faults[0]?.sort ?? '') ? { field: fields } : {}
    return this.#result(step, 'INVALID', { version: oneVersionOf(versions), reason: textNaming(), details, faults: faults.map((fault) => fault.sort), deadLetter: true })
  }

  #trade(step: Step, trade: Trade): ModelOutputs {
    const partition = this.#partition(step.input.partition)
    const { trade: stored, remembered, repairCase } = partition.stateOf(trade.tradeId, step.nowMs, this.#options.rememberMs)
    const version = number(trade.version)
    const known = stored?.trade.version ?? remembered?.version
    const stale = stored === undefined ? remembered !== undefined && trade.version <= remembered.version : trade.version < stored.trade.version
    if (stale && known !== undefined) {
      const details = { field: ['version'], found: [String(trade.version)], stored: [String(known)] }
      return this.#result(step, 'STALE_VERSION', { version, reason: textNaming(trade.version, known), details })
    }
    if (stored !== undefined && sameTrade(stored.trade, trade)) return this.#result(step, 'DUPLICATE', { version, reason: textNaming() })
    if (trade.maturityDate < step.businessDate) {
      this.#openCase(step, trade.tradeId, 'PAST_MATURITY', textNaming())
      return this.#result(step, 'PAST_MATURITY', { version, reason: textNaming(), details: { field: ['maturity_date'], found: [trade.maturityDate] } })
    }
    const accepted: StoredTrade = { trade, expired: false, lastUpdated: step.moment }
    partition.trades.set(trade.tradeId, accepted)
    partition.remembered.delete(trade.tradeId)
    partition.cases.delete(trade.tradeId)
    const outcome = stored === undefined ? 'CREATED' : stored.trade.version === trade.version ? 'REPLACED' : 'UPDATED'
    return this.#result(step, outcome, { version, reason: null, processed: accepted, repairs: repairCase })
  }

  #delete(step: Step, tradeId: string): ModelOutputs {
    const partition = this.#partition(step.input.partition)
    const { trade: stored, remembered } = partition.stateOf(tradeId, step.nowMs, this.#options.rememberMs)
    if (stored === undefined) {
      return this.#result(step, 'NOT_FOUND', { version: remembered === undefined ? null : number(remembered.version), reason: textNaming() })
    }
    partition.trades.delete(tradeId)
    partition.cases.delete(tradeId)
    partition.remembered.set(tradeId, { version: stored.trade.version, sinceMs: step.nowMs })
    return this.#result(step, 'DELETED', { version: number(stored.trade.version), reason: null, processed: null })
  }

  #openCase(step: Step, tradeId: string, outcome: Case['outcome'], reason: Expected): void {
    const source = this.#sourceOf(step.input)
    this.#partition(step.input.partition).cases.set(tradeId, { outcome, reason, source, sinceMs: step.nowMs })
  }

  #result(step: Step, outcome: Exclude<Outcome, 'EXPIRED'>, found: Found): ModelOutputs {
    const { input, moment } = step
    const tradeId = input.key === null ? undefined : textOf(input.key)
    const audit = this.#outputs.audit(input, moment, {
      outcome, tradeId: tradeId ?? null, version: found.version, reason: found.reason, businessDate: this.#businessDateRule(step.businessDate),
      source: this.#sourceOf(input), requestId: step.requestId ?? null, details: found.details ?? {},
    })
    return {
      input, outcome, audit, faults: found.faults ?? [], expired: undefined,
      processed: found.processed === undefined ? undefined : this.#outputs.processed(input, moment, found.processed),
      repaired: found.processed && found.repairs ? this.#outputs.repaired(input, moment, found.processed, found.repairs) : undefined,
      deadLetter: found.deadLetter ? this.#outputs.deadLetter(input, moment) : undefined,
      state: this.#partition(input.partition).stateOf(tradeId ?? '', step.nowMs, this.#options.rememberMs),
    }
  }

  #versionsIn({ key, value }: ModelInput): readonly (number | null)[] {
    return value === null ? [null] : readMessage(key, value).versions
  }

  #sourceOf(input: ModelInput): ExpectedObject {
    return jsonObject({ topic: this.#options.topic, partition: number(input.partition), offset: number(input.offset) })
  }

  #businessDateAt(nowMs: number): string {
    if (typeof this.#options.businessDate !== 'string') this.turnTo(dateIn(this.#options.businessDate.timeZone, nowMs))
    return this.#businessDate
  }

  #businessDateRule(date: string): Expected {
    const { businessDate } = this.#options
    return businessDateRule(date, typeof businessDate === 'string' ? undefined : (ms) => dateIn(businessDate.timeZone, ms))
  }

  #partition(partition: number): PartitionState {
    let state = this.#partitions.get(partition)
    if (state === undefined) this.#partitions.set(partition, (state = new PartitionState()))
    return state
  }
}

/** Sorts that one field is to blame for: the details must name it. */
const FIELD_SORTS = new Set(['version', 'trade_id', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'field twice', 'two counterparties'])

interface Found {
  readonly version: Expected
  readonly reason: Expected
  readonly details?: { readonly [name: string]: readonly string[] }
  readonly faults?: readonly string[]
  /** `null`: deleted. */
  readonly processed?: StoredTrade | null
  readonly repairs?: Case | undefined
  readonly deadLetter?: boolean
}

/** One record under way. */
class Step {
  readonly input: ModelInput
  readonly moment: Moment
  readonly nowMs: number
  readonly requestId: string | undefined
  readonly businessDate: string

  constructor(input: ModelInput, moment: Moment, nowMs: number, requestId: string | undefined, businessDate: string) {
    this.input = input
    this.moment = moment
    this.nowMs = nowMs
    this.requestId = requestId
    this.businessDate = businessDate
  }
}

class PartitionState {
  readonly trades = new Map<string, StoredTrade>()
  readonly remembered = new Map<string, { version: number; sinceMs: number }>()
  readonly cases = new Map<string, Case>()
  readonly requests = new RequestMemory()

  stateOf(tradeId: string, nowMs: number, rememberMs: number): TradeState {
    const remembered = this.remembered.get(tradeId)
    const repairCase = this.cases.get(tradeId)
    return {
      trade: this.trades.get(tradeId),
      remembered: remembered !== undefined && nowMs - remembered.sinceMs < rememberMs ? remembered : undefined,
      repairCase: repairCase !== undefined && nowMs - repairCase.sinceMs < REPAIR_MS ? repairCase : undefined,
    }
  }
}

function oneVersionOf(versions: readonly (number | null)[]): Expected {
  return oneOf(versions.map((version) => (version === null ? null : number(version))))
}

/** The input's timestamp if it lies within the 24 h before processing, else the time of processing. */
function momentOf(timestampMs: number, nowMs: number): Moment {
  return timestampMs <= nowMs && timestampMs >= nowMs - DAY_MS ? { ms: timestampMs, source: 'input' } : { ms: nowMs, source: 'processing' }
}

function dateIn(timeZone: string, ms: number): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(ms)
}
