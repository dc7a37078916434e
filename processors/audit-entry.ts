import { ByteWriter } from '../records/byte-writer.ts'
import type { ByteView } from '../records/byte-view.ts'
import { utf8CodePoints } from '../serdes/json-scanner.ts'
import { writeInteger, writeJsonString } from '../serdes/json-text.ts'
import type { BusinessDate } from './business-date.ts'
import type { InstantText } from './instant-text.ts'
import { OUTCOMES, type Outcome } from './outcome.ts'
import type { Refusal } from './refusal.ts'
import type { TradeInput, Verdict } from './trade-input.ts'

/** The part of an entry between the version and the offset, for one outcome: the same for many records. */
interface Middle {
  topic: string
  partition: number
  businessDay: number
  bytes: Buffer
}

/** Writes the values of `trade.audit`. What does not change from record to record is prepared: of an accepted record only numbers, id and time are written anew. */
export class AuditEntry {
  readonly #businessDate: BusinessDate
  readonly #instants: InstantText
  readonly #middles = new Map<Outcome, Middle>()
  readonly #writer = new ByteWriter()

  constructor(businessDate: BusinessDate, instants: InstantText) {
    this.#businessDate = businessDate
    this.#instants = instants
  }

  /** Sets `into` to the entry, valid until the next one. `withTradeId` false: `trade_id` is null, because it does not fit. */
  write(input: TradeInput, verdict: Verdict, into: ByteView, withTradeId = true): ByteView {
    const target = this.#writer
    target.reset()
    target.copy(HEAD, 0, HEAD.length)
    if (withTradeId) writeKeyText(target, input.key, verdict.outcome)
    else target.copy(NULL, 0, NULL.length)
    target.copy(VERSION, 0, VERSION.length)
    if (verdict.version === undefined) target.copy(NULL, 0, NULL.length)
    else writeInteger(target, verdict.version)
    if (verdict.reason === undefined && input.hasSource) this.#writePrepared(target, input, verdict.outcome)
    else target.utf8(`${actionOf(verdict)}${this.#sourceOf(input)}`)
    if (input.hasSource) {
      writeInteger(target, input.offset)
      target.byte(CLOSE_OBJECT)
    }
    target.copy(REQUEST_ID, 0, REQUEST_ID.length)
    if (input.requestId === undefined) target.copy(NULL, 0, NULL.length)
    else writeJsonString(target, input.requestId.buffer, input.requestId.start, input.requestId.end)
    target.copy(TIMESTAMP, 0, TIMESTAMP.length)
    this.#instants.write(target, input.timestamp)
    if (verdict.refusal === undefined && verdict.firstOutcome === undefined) target.copy(NO_DETAILS, 0, NO_DETAILS.length)
    else target.utf8(`","details":${JSON.stringify(detailsOf(verdict))}}`)
    return target.into(into)
  }

  #writePrepared(target: ByteWriter, input: TradeInput, outcome: Outcome): void {
    let middle = this.#middles.get(outcome)
    if (middle === undefined || middle.businessDay !== input.businessDay || middle.partition !== input.partition || middle.topic !== input.topic) {
      const { topic, partition, businessDay } = input
      middle = { topic, partition, businessDay, bytes: Buffer.from(`${actionOf({ outcome, reason: undefined })}${this.#sourceOf(input)}`) }
      this.#middles.set(outcome, middle)
    }
    target.copy(middle.bytes, 0, middle.bytes.length)
  }

  /** From the business date up to the offset. */
  #sourceOf({ businessDay, hasSource, topic, partition }: TradeInput): string {
    const source = hasSource ? `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":` : 'null'
    return `,"business_date":"${this.#businessDate.textOf(businessDay)}","source":${source}`
  }
}

const CLOSE_OBJECT = 125
const HEAD = Buffer.from('{"trade_id":')
const VERSION = Buffer.from(',"version":')
const REQUEST_ID = Buffer.from(',"request_id":')
const TIMESTAMP = Buffer.from(',"timestamp":"')
const NO_DETAILS = Buffer.from('","details":{}}')
const NULL = Buffer.from('null')

function actionOf({ outcome, reason }: { outcome: Outcome; reason: string | undefined }): string {
  const { action, status } = OUTCOMES[outcome]
  return `,"action":"${action}","status":"${status}","outcome":"${outcome}","reason":${JSON.stringify(reason ?? null)}`
}

/** The key as text wherever it is UTF-8, else null. */
function writeKeyText(target: ByteWriter, key: ByteView | undefined, outcome: Outcome): void {
  // Any other outcome has a key that is a trade_id.
  const unsure = outcome === 'INVALID' || outcome === 'DUPLICATE'
  if (key === undefined || (unsure && utf8CodePoints(key) === undefined)) target.copy(NULL, 0, NULL.length)
  else writeJsonString(target, key.buffer, key.start, key.end)
}

function detailsOf({ refusal, firstOutcome }: Verdict): Partial<Refusal> | { first_outcome: Outcome | undefined } {
  if (refusal === undefined) return { first_outcome: firstOutcome }
  const { reason: _, ...details } = refusal
  return details
}
