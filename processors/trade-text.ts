import type { ByteView } from '../records/byte-view.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { INSTANT_BYTES, type InstantText } from './instant-text.ts'

/** The end of a trade as outputs have it. Its length is fixed, so that the content of a stored trade is found without reading it. */
const LIVE = ',"expired":false,"last_updated":"'
const EXPIRED = ',"expired":true,"last_updated":"'
const END = Buffer.from('"}')
const CLOSE_OBJECT = 125

const TRADE = Buffer.from('{"trade":')
const REPAIRED = Buffer.from(',"repaired":')
const REPAIRED_AT = Buffer.from(',"repaired_at":"')
const EXPIRED_AT = Buffer.from(',"expired_at":"')

/** The names of what is appended. */
export const APPENDED: ReadonlySet<string> = new Set(['expired', 'last_updated'])

/** A reason of 200 code points that JSON writes as six bytes each, and a topic name of 249 characters. */
const LONGEST_CASE_BYTES =
  Buffer.byteLength(`{"outcome":"PAST_MATURITY","reason":"","source":{"topic":"","partition":2147483647,"offset":9007199254740991}}`) + 200 * 6 + 249

/** How much longer than its open JSON a trade is in its largest output form, `trade.repaired`; its value in the state store is smaller. */
export const LARGEST_FORM_BYTES = TRADE.length + LIVE.length + REPAIRED.length + LONGEST_CASE_BYTES + REPAIRED_AT.length + 2 * (INSTANT_BYTES + END.length)

/** Writes the end of a trade's JSON behind its members. It remembers the last one: records of one moment have the same. */
export class TradeEnd {
  readonly #instants: InstantText
  readonly #live = new ByteWriter(64)
  readonly #expired = new ByteWriter(64)
  #timestamp = Number.NaN

  constructor(instants: InstantText) {
    this.#instants = instants
  }

  write(target: ByteWriter, expired: boolean, timestamp: number): void {
    if (timestamp !== this.#timestamp) this.#prepare(timestamp)
    const end = expired ? this.#expired : this.#live
    target.copy(end.buffer, 0, end.position)
  }

  #prepare(timestamp: number): void {
    this.#timestamp = timestamp
    this.#prepareOne(this.#live, LIVE, timestamp)
    this.#prepareOne(this.#expired, EXPIRED, timestamp)
  }

  #prepareOne(end: ByteWriter, text: string, timestamp: number): void {
    if (end.position === 0) {
      end.ascii(text)
      this.#instants.write(end, timestamp)
      end.copy(END, 0, END.length)
    } else {
      end.position = text.length
      this.#instants.write(end, timestamp)
      end.position += END.length
    }
  }
}

/** Takes off from a trade's JSON what `writeEnd` wrote. */
export function openJson(json: ByteView, expired: boolean): ByteView {
  return json.set(json.buffer, json.start, json.end - (expired ? EXPIRED : LIVE).length - INSTANT_BYTES - END.length)
}

/** The value of `trade.expired`. */
export function writeExpired(target: ByteWriter, trade: ByteView, timestamp: number, instants: InstantText): void {
  target.copy(trade.buffer, trade.start, trade.end - 1)
  target.copy(EXPIRED_AT, 0, EXPIRED_AT.length)
  instants.write(target, timestamp)
  target.copy(END, 0, END.length)
}

/** The value of `trade.repaired`. `repairCase`: JSON of the last refusal. */
export function writeRepaired(target: ByteWriter, parts: { trade: ByteView; repairCase: ByteView }, timestamp: number, instants: InstantText): void {
  target.copy(TRADE, 0, TRADE.length)
  target.view(parts.trade)
  target.copy(REPAIRED, 0, REPAIRED.length)
  target.view(parts.repairCase)
  target.copy(REPAIRED_AT, 0, REPAIRED_AT.length)
  instants.write(target, timestamp)
  target.copy(END, 0, END.length)
}

/** Closes the open JSON of a trade without anything appended: for comparing. */
export function closedText(open: ByteView): string {
  return `${open.toString()}${String.fromCharCode(CLOSE_OBJECT)}`
}
