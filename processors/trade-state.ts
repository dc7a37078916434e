import type { ByteView } from '../records/byte-view.ts'

/** The first bytes of a value in store `trades`, which its decisions need: what `prefixBytes` of the store is set to. */
export const TRADE_PREFIX_BYTES = 24

const FORMAT = 1
const LIVE = 1
const EXPIRED = 2
const DELETED = 4
const HAS_CASE = 8

/**
 * What the store `trades` knows of a trade_id, without the texts. A value is
 *
 * ```
 * 0 format = 1 | 1 flags | 2 length of the repair case, uint16 | 4 version, int32 | 8 maturity, int32 (days since 1970)
 * 12 deleted at, uint48 (ms) | 18 refused at, uint48 (ms) | 24 the trade, as last written to trade.processed | the repair case, JSON
 * ```
 *
 * A trade is live (expired or not), deleted and remembered, or neither; in each case a repair case may be open.
 *
 * ```
 * nothing <-> live <-> live and expired
 *    ^         | ^          |
 *    |         v |          |
 *    +------ deleted <------+        (forgotten after the retention of trade.ingested)
 * ```
 */
export class TradeEntry {
  live = false
  expired = false
  deleted = false
  hasCase = false
  caseBytes = 0
  /** Of the live trade, or of the deleted one. */
  version = 0
  maturityDay = 0
  deletedAtMs = 0
  refusedAtMs = 0

  get isEmpty(): boolean {
    return !this.live && !this.deleted && !this.hasCase
  }

  clear(): this {
    this.live = false
    this.expired = false
    this.deleted = false
    this.hasCase = false
    this.caseBytes = 0
    this.version = 0
    this.maturityDay = 0
    this.deletedAtMs = 0
    this.refusedAtMs = 0
    return this
  }

  setTo(other: TradeEntry): this {
    this.live = other.live
    this.expired = other.expired
    this.deleted = other.deleted
    this.hasCase = other.hasCase
    this.caseBytes = other.caseBytes
    this.version = other.version
    this.maturityDay = other.maturityDay
    this.deletedAtMs = other.deletedAtMs
    this.refusedAtMs = other.refusedAtMs
    return this
  }

  setLive(version: number, maturityDay: number): this {
    this.clear()
    this.live = true
    this.version = version
    this.maturityDay = maturityDay
    return this
  }

  /** @throws Error for a value of another format. */
  read(value: ByteView): this {
    const { buffer, start } = value
    if (buffer[start] !== FORMAT || value.end - start < TRADE_PREFIX_BYTES) throw unknownFormat(value, 'trades', FORMAT)
    const flags = buffer[start + 1] ?? 0
    this.live = (flags & LIVE) !== 0
    this.expired = (flags & EXPIRED) !== 0
    this.deleted = (flags & DELETED) !== 0
    this.hasCase = (flags & HAS_CASE) !== 0
    this.caseBytes = ((buffer[start + 2] ?? 0) << 8) | (buffer[start + 3] ?? 0)
    this.version = int32At(buffer, start + 4)
    this.maturityDay = int32At(buffer, start + 8)
    this.deletedAtMs = this.deleted ? buffer.readUIntBE(start + 12, 6) : 0
    this.refusedAtMs = this.hasCase ? buffer.readUIntBE(start + 18, 6) : 0
    return this
  }

  /** Writes the prefix where room for it has been made. */
  write(buffer: Buffer, at: number): void {
    buffer[at] = FORMAT
    buffer[at + 1] = (this.live ? LIVE : 0) | (this.expired ? EXPIRED : 0) | (this.deleted ? DELETED : 0) | (this.hasCase ? HAS_CASE : 0)
    buffer[at + 2] = this.caseBytes >>> 8
    buffer[at + 3] = this.caseBytes
    putInt32(buffer, at + 4, this.version)
    putInt32(buffer, at + 8, this.maturityDay)
    // Not `fill`: for 12 bytes the call costs more than the loop.
    for (let i = at + 12; i < at + TRADE_PREFIX_BYTES; i++) buffer[i] = 0
    if (this.deleted) buffer.writeUIntBE(this.deletedAtMs, at + 12, 6)
    if (this.hasCase) buffer.writeUIntBE(this.refusedAtMs, at + 18, 6)
  }

  /** Sets `into` to the trade in a whole value. */
  jsonIn(value: ByteView, into: ByteView): ByteView {
    return into.set(value.buffer, value.start + TRADE_PREFIX_BYTES, value.end - this.caseBytes)
  }

  caseIn(value: ByteView, into: ByteView): ByteView {
    return into.set(value.buffer, value.end - this.caseBytes, value.end)
  }
}

/** A value of the store `trades`, for queries and self-checks. */
export interface TradeState {
  readonly live: boolean
  readonly expired: boolean
  /** Of the live trade, or of the deleted one that is remembered; `undefined`: only a repair case is kept. */
  readonly version: number | undefined
  /** Days since 1970-01-01; `undefined`: not live. */
  readonly maturityDay: number | undefined
  /** The trade as last written to `trade.processed`, a view on the value; `undefined`: not live. */
  readonly json: Buffer | undefined
  /** Wall clock; `undefined`: not deleted, or forgotten. */
  readonly deletedAtMs: number | undefined
  /** `repairCase`: JSON `{outcome, reason, source}` of the last refusal. */
  readonly repairCase: { readonly refusedAtMs: number; readonly json: Buffer } | undefined
}

/** Reads a whole value of the store `trades`. What is past its time may still be there: the clock is for the caller to compare. @throws Error for a value of another format. */
export function readTradeState(value: ByteView): TradeState {
  const entry = new TradeEntry().read(value)
  const jsonEnd = value.end - entry.caseBytes
  return {
    live: entry.live,
    expired: entry.expired,
    version: entry.live || entry.deleted ? entry.version : undefined,
    maturityDay: entry.live ? entry.maturityDay : undefined,
    json: entry.live ? value.buffer.subarray(value.start + TRADE_PREFIX_BYTES, jsonEnd) : undefined,
    deletedAtMs: entry.deleted ? entry.deletedAtMs : undefined,
    repairCase: entry.hasCase ? { refusedAtMs: entry.refusedAtMs, json: value.buffer.subarray(jsonEnd, value.end) } : undefined,
  }
}

export function unknownFormat(value: ByteView, store: string, expected: number): Error {
  const found = value.length === 0 ? 'an empty value' : `a value of ${value.length} bytes in format ${value.buffer[value.start]}`
  return new Error(
    `store ${store}: found ${found}, expected format ${expected}: it was written by another release; start that release, or rebuild the store from its changelog`,
  )
}

function int32At(buffer: Buffer, at: number): number {
  return ((buffer[at] ?? 0) << 24) | ((buffer[at + 1] ?? 0) << 16) | ((buffer[at + 2] ?? 0) << 8) | (buffer[at + 3] ?? 0)
}

function putInt32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24
  buffer[at + 1] = value >>> 16
  buffer[at + 2] = value >>> 8
  buffer[at + 3] = value
}
