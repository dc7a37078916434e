import type { Processor, ProcessorContext, ProcessorSupplier, StreamRecord } from '../engine/processor.ts'
import { ByteView } from '../records/byte-view.ts'
import type { ByteWriter } from '../records/byte-writer.ts'
import { partitionOf } from '../records/murmur2.ts'
import { canonicalJson } from '../serdes/canonical-json.ts'
import { AuditEntry } from './audit-entry.ts'
import { BusinessDate } from './business-date.ts'
import { dayText } from '../serdes/calendar-day.ts'
import type { ExpiryTask } from './expiry-control.ts'
import { InstantText } from './instant-text.ts'
import { recordFits } from './record-size.ts'
import { type Refusal, refusal } from './refusal.ts'
import { RepairCases } from './repair-cases.ts'
import type { RequestAnswer } from './request-state.ts'
import { TradeExpiry } from './trade-expiry.ts'
import { TradeInput, Verdict } from './trade-input.ts'
import { isTradeId, keyRefusal, otherKeyRefusal, partitionRefusal } from './trade-key.ts'
import { TradeMessage } from './trade-message.ts'
import { TradeOutputs } from './trade-outputs.ts'
import { TradeRequests } from './trade-requests.ts'
import { TRADE_RULES_DEFAULTS, type TradeRulesSettings } from './trade-rules-settings.ts'
import { TradeEntry } from './trade-state.ts'
import { TradeTable } from './trade-table.ts'
import { APPENDED, closedText, LARGEST_FORM_BYTES, openJson, TradeEnd } from './trade-text.ts'

/** Names of the stores, each with `prefixBytes` as `TRADE_PREFIX_BYTES` and `REQUEST_PREFIX_BYTES` say. */
export const TRADES_STORE = 'trades'
export const REQUESTS_STORE = 'requests'
/** Names of the outputs. */
export const TRADE_OUTPUTS = ['processed', 'expired', 'repaired', 'audit', 'dead-letter'] as const

const PUNCTUATION_MS = 1000
/** The longest version, and the block of the header that says that the input's headers were dropped. */
const VERSION_GROWTH_BYTES = 10
const DROPPED_BLOCK_BYTES = 32

/**
 * The rules of the trade store, for one partition of `trade.ingested`. The supplier is for one stream thread: what it makes shares the business date.
 *
 * @throws RangeError for settings that name a date or a time zone that there is not.
 */
export function tradeProcessor(settings: Partial<TradeRulesSettings> = {}): ProcessorSupplier<ByteView, ByteView> {
  const rules: TradeRulesSettings = { ...TRADE_RULES_DEFAULTS, ...settings }
  const businessDate = new BusinessDate(rules)
  return (context) => new TradeProcessor(context, rules, businessDate)
}

class TradeProcessor implements Processor<ByteView, ByteView> {
  readonly #context: ProcessorContext
  readonly #rules: TradeRulesSettings
  readonly #businessDate: BusinessDate
  readonly #instants = new InstantText()
  readonly #end = new TradeEnd(this.#instants)
  readonly #outputs: TradeOutputs
  readonly #table: TradeTable
  readonly #requests: TradeRequests
  readonly #cases: RepairCases
  readonly #expiry: TradeExpiry
  readonly #control: ExpiryTask | undefined
  readonly #message = new TradeMessage()
  readonly #input = new TradeInput()
  readonly #verdict = new Verdict()
  readonly #next = new TradeEntry()
  readonly #new = new ByteView()
  readonly #stored = new ByteView()
  readonly #open = new ByteView()

  constructor(context: ProcessorContext, rules: TradeRulesSettings, businessDate: BusinessDate) {
    this.#context = context
    this.#rules = rules
    this.#businessDate = businessDate
    this.#outputs = new TradeOutputs(context, new AuditEntry(businessDate, this.#instants), rules.maxMessageBytes)
    this.#table = new TradeTable(context.store(TRADES_STORE), rules)
    this.#requests = new TradeRequests(context.store(REQUESTS_STORE), rules.requestRetentionMs)
    this.#cases = new RepairCases(this.#table, this.#outputs, this.#instants)
    this.#expiry = new TradeExpiry({ table: this.#table, outputs: this.#outputs, businessDate, instants: this.#instants, portion: rules.expiryPortion })
    this.#control = rules.expiry?.attach()
    context.schedule(PUNCTUATION_MS, (nowMs) => this.#workOff(nowMs))
  }

  /** The rules, in their order. Every record ends in one audit entry. */
  process(record: StreamRecord<ByteView, ByteView>): void {
    const nowMs = this.#context.now()
    const input = this.#input.takeRecord(record, this.#context, nowMs, this.#businessDate.dayAt(nowMs))
    if (input.headers !== undefined) input.requestId = this.#requests.idIn(input.headers)
    const earlier = input.requestId === undefined ? undefined : this.#requests.find(input)
    if (earlier !== undefined) this.#again(input, earlier)
    else {
      this.#decide(input)
      this.#requests.answer(input, this.#verdict)
    }
    this.#outputs.audit(input, this.#verdict)
  }

  close(): void {
    this.#control?.detach()
  }

  /** Rule 0: the request has been processed before. Its first answer stays. */
  #again(input: TradeInput, { first, same }: { first: RequestAnswer; same: boolean }): void {
    if (!same) {
      if (input.value !== undefined) this.#message.read(input.value)
      this.#unreadable(
        input,
        refusal(
          'request-id',
          input.requestId?.toString(),
          'the key and value of its first record, or a new id',
          'request id reused: the first record with it had another key or value',
        ),
      )
      return
    }
    // The value is the same as the first time, so what was read of it then holds; a delete has no version of its own.
    this.#verdict.set(
      'DUPLICATE',
      input.value === undefined ? undefined : (first.version ?? undefined),
      `the request was processed before, with outcome ${first.outcome}`,
    )
    this.#verdict.firstOutcome = first.outcome
  }

  /** Rule 1, and what follows for a record that can be read. */
  #decide(input: TradeInput): void {
    const { key, value } = input
    const message = this.#message
    const good = value === undefined || message.read(value)
    const about = value !== undefined && good && key !== undefined && message.isAbout(key)
    // The trade_id of a good message obeys the bounds of one.
    const misaddressed = this.#misaddressed(input, about)
    if (misaddressed !== undefined) this.#unreadable(input, misaddressed)
    else if (!good) this.#invalid(input, message.refusal())
    else if (value === undefined) this.#delete(input)
    else if (!about && key !== undefined) this.#invalid(input, otherKeyRefusal(key, message.tradeIdText()))
    else if (!this.#fits(input, value))
      this.#invalid(input, refusal('value', `${value.length} bytes`, `a trade that fits, in its largest output, into ${this.#rules.maxMessageBytes} bytes`))
    else this.#trade(input)
  }

  /** The record does not belong to any trade of this partition, so it opens no repair case. */
  #misaddressed({ key, hash, partition }: TradeInput, isKnownId: boolean): Refusal | undefined {
    if (key === undefined || (!isKnownId && !isTradeId(key))) return keyRefusal(key)
    if (!this.#rules.checkPartition) return undefined
    const partitions = this.#context.sourcePartitions
    const expected = partitionOf(hash, partitions)
    return expected === partition ? undefined : partitionRefusal(partition, expected, partitions)
  }

  #unreadable(input: TradeInput, refusal: Refusal): void {
    this.#outputs.deadLetter(input, refusal)
    this.#verdict.refuse('INVALID', input.value === undefined ? undefined : this.#message.readableVersion, refusal)
  }

  #invalid(input: TradeInput, refusal: Refusal): void {
    this.#table.find(input)
    this.#cases.open(input, 'INVALID', refusal)
    this.#unreadable(input, refusal)
  }

  /** Rules 2 and 3. */
  #trade(input: TradeInput): void {
    const message = this.#message
    const { version, maturityDay } = message
    const entry = this.#table.find(input)
    if (version < entry.version || (entry.deleted && version === entry.version)) {
      this.#stale(version, entry)
      return
    }
    const target = this.#table.begin()
    message.writeOpen(target)
    if (entry.live && version === entry.version && this.#isStored(input)) {
      this.#verdict.set('DUPLICATE', version, `version ${version} is stored with the same content`)
      return
    }
    if (maturityDay < input.businessDay) this.#pastMaturity(input)
    else this.#accept(input, target)
  }

  #stale(version: number, { deleted, version: stored }: TradeEntry): void {
    const expected = deleted ? `above ${stored}, the version that was deleted` : `${stored} or higher`
    const reason = `version: found ${version}, stored ${stored}${deleted ? ' (deleted)' : ''}, expected ${deleted ? 'a higher one' : 'the same or a higher one'}`
    this.#verdict.refuse('STALE_VERSION', version, { reason, field: 'version', found: String(version), stored: String(stored), expected })
  }

  #pastMaturity(input: TradeInput): void {
    const businessDate = this.#businessDate.textOf(input.businessDay)
    const found = refusal('maturity_date', dayText(this.#message.maturityDay), `${businessDate} (the business date) or later`)
    this.#cases.open(input, 'PAST_MATURITY', found)
    this.#verdict.refuse('PAST_MATURITY', this.#message.version, found)
  }

  #accept(input: TradeInput, target: ByteWriter): void {
    const table = this.#table
    const { entry } = table
    const { version, maturityDay } = this.#message
    if (entry.hasCase) this.#cases.take(input)
    this.#end.write(target, false, input.timestamp)
    table.endJson()
    table.put(input, this.#next.setLive(version, maturityDay))
    const trade = table.json(this.#new)
    this.#outputs.processed(input, trade)
    if (entry.hasCase) this.#cases.close(input, trade)
    this.#verdict.set(!entry.live ? 'CREATED' : version === entry.version ? 'REPLACED' : 'UPDATED', version)
  }

  /** Rule 5. */
  #delete(input: TradeInput): void {
    const entry = this.#table.find(input)
    if (!entry.live) {
      const remembered = entry.deleted ? `, its version ${entry.version} was deleted before` : ''
      this.#verdict.set('NOT_FOUND', entry.deleted ? entry.version : undefined, `there is no such trade${remembered}: nothing to delete`)
      return
    }
    const next = this.#next.clear()
    next.deleted = true
    next.version = entry.version
    next.deletedAtMs = input.nowMs
    this.#table.begin()
    this.#table.endJson()
    this.#table.put(input, next)
    this.#outputs.processed(input, undefined)
    this.#verdict.set('DELETED', entry.version)
  }

  /** Whether the message, written into the value that was begun, has the content of the stored trade, as JSON. */
  #isStored(input: TradeInput): boolean {
    const { entry } = this.#table
    // Another maturity date is another content, and the index knows the stored one: most replacements need no read of the stored trade and no comparison as JSON, which took a fifth of the time of this processor.
    if (entry.maturityDay !== this.#message.maturityDay) return false
    this.#table.endJson()
    const found = this.#table.json(this.#new)
    const stored = entry.jsonIn(this.#table.value(input), this.#stored)
    if (openJson(this.#open.setTo(stored), entry.expired).equals(found)) return true
    return canonicalJson(closedText(found)) === canonicalJson(stored.toString(), APPENDED)
  }

  #fits(input: TradeInput, value: ByteView): boolean {
    const { maxMessageBytes } = this.#rules
    const keyBytes = input.key?.length ?? 0
    if (recordFits(keyBytes, value.length + VERSION_GROWTH_BYTES + LARGEST_FORM_BYTES, DROPPED_BLOCK_BYTES, maxMessageBytes)) return true
    const target = this.#table.begin()
    this.#message.writeOpen(target)
    this.#table.endJson()
    return recordFits(keyBytes, this.#table.json(this.#new).length + LARGEST_FORM_BYTES, DROPPED_BLOCK_BYTES, maxMessageBytes)
  }

  /** A portion of what has fallen due. */
  #workOff(nowMs: number): void {
    const expired = this.#expiry.run(nowMs)
    this.#expiry.forget(nowMs)
    this.#requests.forget(nowMs, this.#rules.expiryPortion)
    this.#control?.ran(expired, this.#expiry.hasDue(nowMs))
  }
}
