import type { ByteView } from '../records/byte-view.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { utf8CodePoints } from '../serdes/json-scanner.ts'
import { writeInteger, writeJsonString } from '../serdes/json-text.ts'
import type { BusinessDate } from './business-date.ts'
import type { InstantText } from './instant-text.ts'
import { OUTCOMES, type Outcome } from './outcome.ts'
import type { Refusal } from './refusal.ts'
import type { TradeInput, Verdict } from './trade-input.ts'

/** The head of an entry, up to the source's offset, written for many: only the time in it is set anew. */
class PreparedHead {
  readonly writer = new ByteWriter(1024)
  topic = ''
  partition = -1
  businessDay = Number.NaN
  timestamp = 0
  end = 0

  fits(input: TradeInput): boolean {
    return this.businessDay === input.businessDay && this.partition === input.partition && this.topic === input.topic
  }
}

/**
 * Writes the values of `trade.audit`. Their fields are in such an order that what differs from record to record stands at the end; what stands before it is prepared for
 * each outcome that has no reason, so that of an accepted record little more than its offset, version and id is written.
 */
export class AuditEntry {
  readonly #businessDate: BusinessDate
  readonly #instants: InstantText
  readonly #prepared: { readonly [outcome in Outcome]?: PreparedHead } = {
    CREATED: new PreparedHead(),
    UPDATED: new PreparedHead(),
    REPLACED: new PreparedHead(),
    DELETED: new PreparedHead(),
  }
  readonly #writer = new ByteWriter()

  constructor(businessDate: BusinessDate, instants: InstantText) {
    this.#businessDate = businessDate
    this.#instants = instants
  }

  /** Sets `into` to the entry, valid until the next one. `withTradeId` false: `trade_id` is null, because it does not fit. */
  write(input: TradeInput, verdict: Verdict, into: ByteView, withTradeId = true): ByteView {
    const prepared = input.requestId === undefined ? this.#prepared[verdict.outcome] : undefined
    const target = prepared === undefined ? this.#head(this.#writer, input, verdict) : this.#preparedHead(prepared, input, verdict)
    if (input.hasSource) {
      writeInteger(target, input.offset)
      target.byte(CLOSE_OBJECT)
    }
    target.copy(VERSION, 0, VERSION.length)
    if (verdict.version === undefined) target.copy(NULL, 0, NULL.length)
    else writeInteger(target, verdict.version)
    target.copy(TRADE_ID, 0, TRADE_ID.length)
    if (withTradeId) writeKeyText(target, input.key, verdict.outcome)
    else target.copy(NULL, 0, NULL.length)
    target.byte(CLOSE_OBJECT)
    return target.into(into)
  }

  #preparedHead(prepared: PreparedHead, input: TradeInput, verdict: Verdict): ByteWriter {
    const { writer } = prepared
    if (!prepared.fits(input)) {
      prepared.topic = input.topic
      prepared.partition = input.partition
      prepared.businessDay = input.businessDay
      this.#head(writer, input, verdict)
      prepared.end = writer.position
    } else if (prepared.timestamp !== input.timestamp) {
      writer.position = TIMESTAMP.length
      this.#instants.write(writer, input.timestamp)
    }
    prepared.timestamp = input.timestamp
    writer.position = prepared.end
    return writer
  }

  #head(target: ByteWriter, input: TradeInput, verdict: Verdict): ByteWriter {
    const { outcome, reason } = verdict
    const { action, status } = OUTCOMES[outcome]
    target.reset()
    target.utf8(TIMESTAMP)
    this.#instants.write(target, input.timestamp)
    target.utf8(`","action":"${action}","status":"${status}","outcome":"${outcome}","reason":${JSON.stringify(reason ?? null)}`)
    target.utf8(`,"business_date":"${this.#businessDate.textOf(input.businessDay)}","details":${JSON.stringify(detailsOf(verdict))},"request_id":`)
    if (input.requestId === undefined) target.copy(NULL, 0, NULL.length)
    else writeJsonString(target, input.requestId.buffer, input.requestId.start, input.requestId.end)
    target.utf8(`,"source":${input.hasSource ? `{"topic":${JSON.stringify(input.topic)},"partition":${input.partition},"offset":` : 'null'}`)
    return target
  }
}

const CLOSE_OBJECT = 125
const TIMESTAMP = '{"timestamp":"'
const VERSION = Buffer.from(',"version":')
const TRADE_ID = Buffer.from(',"trade_id":')
const NULL = Buffer.from('null')

/** The key as text wherever it is UTF-8, else null. */
function writeKeyText(target: ByteWriter, key: ByteView | undefined, outcome: Outcome): void {
  // Any other outcome has a key that is a trade_id.
  const unsure = outcome === 'INVALID' || outcome === 'DUPLICATE'
  if (key === undefined || (unsure && utf8CodePoints(key) === undefined)) target.copy(NULL, 0, NULL.length)
  else writeJsonString(target, key.buffer, key.start, key.end)
}

function detailsOf({ refusal, firstOutcome }: Verdict): object {
  if (refusal === undefined) return firstOutcome === undefined ? {} : { first_outcome: firstOutcome }
  const { field, found, stored, expected }: Refusal = refusal
  return { field, found, stored, expected }
}
