import type { ProcessorContext, StreamRecord } from '../engine/processor.ts'
import type { ByteView } from '../records/byte-view.ts'
import { murmur2 } from '../records/murmur2.ts'
import type { Outcome } from './outcome.ts'
import type { Refusal } from './refusal.ts'

/** How far back the timestamp of an input may lie to be that of its outputs: further back, retention would delete them at once. */
const TIMESTAMP_AGE_MS = 24 * 60 * 60 * 1000

/** What is processed: one input record, or one trade that expires. Used again for the next one. */
export class TradeInput {
  key: ByteView | undefined = undefined
  value: ByteView | undefined = undefined
  headers: ByteView | undefined = undefined
  /** Of the key; meaningless without one. */
  hash = 0
  /** `false`: an expiry, which has no source. */
  hasSource = false
  topic = ''
  partition = 0
  offset = 0
  nowMs = 0
  /** Of all its outputs. */
  timestamp = 0
  /** The business date, days since 1970. */
  businessDay = 0
  requestId: ByteView | undefined = undefined

  takeRecord(record: StreamRecord<ByteView, ByteView>, context: ProcessorContext, nowMs: number, businessDay: number): this {
    const { key, timestamp } = record
    this.key = key
    this.value = record.value
    this.headers = record.headers
    this.hash = key === undefined ? 0 : murmur2(key.buffer, key.start, key.end)
    this.hasSource = true
    this.topic = context.topic
    this.partition = context.partition
    this.offset = context.offset
    this.nowMs = nowMs
    this.timestamp = timestamp <= nowMs && timestamp >= nowMs - TIMESTAMP_AGE_MS ? timestamp : nowMs
    this.businessDay = businessDay
    this.requestId = undefined
    return this
  }

  takeExpiry(key: ByteView, nowMs: number, businessDay: number): this {
    this.key = key
    this.value = undefined
    this.headers = undefined
    this.hash = murmur2(key.buffer, key.start, key.end)
    this.hasSource = false
    this.nowMs = nowMs
    this.timestamp = nowMs
    this.businessDay = businessDay
    this.requestId = undefined
    return this
  }
}

/** What was decided. Used again for the next one. */
export class Verdict {
  outcome: Outcome = 'INVALID'
  version: number | undefined = undefined
  /** `null` in the audit entry where there is none. */
  reason: string | undefined = undefined
  refusal: Refusal | undefined = undefined
  /** Of a repeated request. */
  firstOutcome: Outcome | undefined = undefined

  set(outcome: Outcome, version: number | undefined, reason?: string): void {
    this.outcome = outcome
    this.version = version
    this.reason = reason
    this.refusal = undefined
    this.firstOutcome = undefined
  }

  refuse(outcome: Outcome, version: number | undefined, refusal: Refusal): void {
    this.set(outcome, version, refusal.reason)
    this.refusal = refusal
  }
}
