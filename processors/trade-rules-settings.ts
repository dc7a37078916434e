import type { ExpiryControl } from './expiry-control.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** What a deployment or a test can set of the trade rules. */
export interface TradeRulesSettings {
  /** `YYYY-MM-DD`: the business date, whatever the clock says. For tests. Default: the date of now in `timeZone`. */
  readonly businessDate?: string
  /** IANA name. Default UTC. */
  readonly timeZone: string
  /** `max.message.bytes` of the topics of the trade flow. Default 1,048,588, the default of Kafka. */
  readonly maxMessageBytes: number
  /** Whether a record must lie in the partition that murmur2 gives its key. Default true. */
  readonly checkPartition: boolean
  /** How long the version of a deleted trade is remembered: the retention of `trade.ingested`. Default 7 days. */
  readonly deleteMemoryMs: number
  /** Default 30 days. */
  readonly repairRetentionMs: number
  /** How long the answer to a request is kept. Default 24 h. */
  readonly requestRetentionMs: number
  /** Trades that one call of the punctuation lets expire at most; a call a second. Default 2,000. */
  readonly expiryPortion: number
  /** Asks for expiry now. Default: nobody can. */
  readonly expiry?: ExpiryControl
  /**
   * One number in memory that all threads of the process share (`new Int32Array(new SharedArrayBuffer(4))`): the latest business date any of them has used, as days since
   * 1970. Without it the date does not go back within a thread; with it, within the process.
   */
  readonly latestBusinessDay?: Int32Array
}

export const TRADE_RULES_DEFAULTS: TradeRulesSettings = Object.freeze({
  timeZone: 'UTC',
  maxMessageBytes: 1_048_588,
  checkPartition: true,
  deleteMemoryMs: 7 * DAY_MS,
  repairRetentionMs: 30 * DAY_MS,
  requestRetentionMs: DAY_MS,
  expiryPortion: 2_000,
})
