import type { SinkRecord } from '../sink-record.ts'
import { dayAt } from '../../serdes/calendar-day.ts'
import { epochMsAt } from '../instant-at.ts'
import { JsonMembers } from './json-members.ts'

/** The value of a record is not a trade as `trade.processed` holds it. The message names the field, what was found and what was expected. */
export class TradeFormatError extends Error {
  override readonly name = 'TradeFormatError'
}

/**
 * One record of `trade.processed`, as the row it becomes. Texts stay in the fetched buffer. A delete carries the content of the state that went
 * before it in the same batch, if there was one: then one row does for both.
 */
export class TradeRow {
  readonly record: SinkRecord
  /** The bytes of the key as text: for sorting, and for finding the rows of one trade in a batch. */
  readonly sortKey: string
  readonly deleted: boolean
  /** The row to take the content from; `undefined`: a delete of a trade that this batch says nothing else about. */
  content: TradeContent | undefined
  /** The last row of its trade in the batch: it goes to `trades`. */
  newest = true
  /** The last content of its version in the batch: it goes to `trade_versions`. */
  newestOfVersion: boolean
  /** The row of the same trade before this one in the batch. */
  previous: TradeRow | undefined = undefined
  /** Of this row and those before it. */
  highestVersion: number

  constructor(record: SinkRecord, sortKey: string, content: TradeContent | undefined) {
    this.record = record
    this.sortKey = sortKey
    this.deleted = content === undefined
    this.content = content
    this.newestOfVersion = content !== undefined
    this.highestVersion = content?.version ?? 0
  }
}

export interface TradeContent {
  readonly version: number
  readonly counterparty: Text
  readonly book: Text
  readonly maturityDay: number
  readonly createdDay: number
  readonly expired: boolean
  readonly lastUpdatedMs: number
  /** JSON text of the unknown fields. */
  readonly attributes: Buffer
}

/** UTF-8 text somewhere in a buffer. */
export interface Text {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

const NO_ATTRIBUTES = Buffer.from('{}')
const FIELDS = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'last_updated'] as const
type Field = (typeof FIELDS)[number]
const NAMES: readonly { field: Field; bytes: Buffer }[] = FIELDS.map((field) => ({ field, bytes: Buffer.from(field) }))

/** Reads records into rows. One reader serves one batch after the other; it is not for two at a time. */
export class TradeReader {
  readonly #members = new JsonMembers()

  /** Throws `TradeFormatError` or `JsonSyntaxError`. */
  read(record: SinkRecord): TradeRow {
    if (!record.hasKey) throw new TradeFormatError('no key: the key of a trade is its trade_id')
    return new TradeRow(record, record.keyBytesAsText(), record.hasValue ? this.#content(record) : undefined)
  }

  #content(record: SinkRecord): TradeContent {
    const buffer = record.valueBuffer
    const members = this.#members
    members.reset(buffer, record.valueStart, record.valueEnd)
    const attributes: Buffer[] = []
    let version: number | undefined
    let counterparty: Text | undefined
    let book: Text | undefined
    let maturityDay: number | undefined
    let createdDay: number | undefined
    let expired: boolean | undefined
    let lastUpdatedMs: number | undefined
    let identified = false
    while (members.next()) {
      switch (fieldAt(buffer, members)) {
        case 'trade_id':
          identified = sameAsKey(record, this.#text(buffer, 'trade_id'))
          break
        case 'version':
          version = readVersion(buffer, members)
          break
        case 'counterparty_id':
          counterparty = this.#text(buffer, 'counterparty_id')
          break
        case 'book_id':
          book = this.#text(buffer, 'book_id')
          break
        case 'maturity_date':
          maturityDay = this.#day(buffer, 'maturity_date')
          break
        case 'created_date':
          createdDay = this.#day(buffer, 'created_date')
          break
        case 'expired':
          expired = readBoolean(buffer, members)
          break
        case 'last_updated':
          lastUpdatedMs = this.#instant(buffer, 'last_updated')
          break
        case undefined:
          attributes.push(buffer.subarray(members.memberStart, members.valueEnd))
      }
    }
    if (!identified) throw new TradeFormatError(`field trade_id: expected the record key ${JSON.stringify(record.keyText())}, found another or none`)
    return {
      version: present(version, 'version'),
      counterparty: present(counterparty, 'counterparty_id'),
      book: present(book, 'book_id'),
      maturityDay: present(maturityDay, 'maturity_date'),
      createdDay: present(createdDay, 'created_date'),
      expired: present(expired, 'expired'),
      lastUpdatedMs: present(lastUpdatedMs, 'last_updated'),
      attributes: attributes.length === 0 ? NO_ATTRIBUTES : objectOf(attributes),
    }
  }

  #text(buffer: Buffer, field: Field): Text {
    const { valueStart, valueEnd, valueIsString, valueEscaped } = this.#members
    if (!valueIsString) throw unexpected(field, buffer, this.#members, 'a string')
    if (!valueEscaped) return { buffer, start: valueStart + 1, end: valueEnd - 1 }
    const decoded = Buffer.from(decodeString(buffer, valueStart, valueEnd))
    return { buffer: decoded, start: 0, end: decoded.length }
  }

  #day(buffer: Buffer, field: Field): number {
    const { buffer: bytes, start, end } = this.#text(buffer, field)
    const day = dayAt(bytes, start, end)
    if (day === undefined) throw unexpected(field, buffer, this.#members, 'a calendar day as YYYY-MM-DD')
    return day
  }

  #instant(buffer: Buffer, field: Field): number {
    const { buffer: bytes, start, end } = this.#text(buffer, field)
    const instant = epochMsAt(bytes, start, end)
    if (instant === undefined) throw unexpected(field, buffer, this.#members, 'a time as YYYY-MM-DDTHH:MM:SS.mmmZ')
    return instant
  }
}

function fieldAt(buffer: Buffer, members: JsonMembers): Field | undefined {
  const { nameStart, nameEnd } = members
  if (members.nameEscaped) {
    const name = decodeString(buffer, nameStart - 1, nameEnd + 1)
    return FIELDS.find((field) => field === name)
  }
  const length = nameEnd - nameStart
  for (let i = 0; i < NAMES.length; i++) {
    const name = NAMES[i]
    if (name !== undefined && name.bytes.length === length && startsWith(buffer, nameStart, name.bytes)) return name.field
  }
  return undefined
}

function startsWith(buffer: Buffer, at: number, bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (buffer[at + i] !== bytes[i]) return false
  return true
}

function sameAsKey(record: SinkRecord, id: Text): boolean {
  const length = record.keyEnd - record.keyStart
  if (id.end - id.start !== length) return false
  for (let i = 0; i < length; i++) if (record.keyBuffer[record.keyStart + i] !== id.buffer[id.start + i]) return false
  return true
}

function readVersion(buffer: Buffer, members: JsonMembers): number {
  const { valueStart, valueEnd } = members
  let version = 0
  let at = valueStart
  for (; at < valueEnd; at++) {
    const digit = (buffer[at] ?? 0) - 48
    if (digit < 0 || digit > 9) break
    version = version * 10 + digit
  }
  // 1.0 and 1e0 are versions as well
  if (at < valueEnd) version = members.valueIsString ? Number.NaN : Number(buffer.toString('latin1', valueStart, valueEnd))
  if (!(Number.isInteger(version) && version >= 1 && version <= 2_147_483_647)) throw unexpected('version', buffer, members, 'an integer from 1 to 2147483647')
  return version
}

function readBoolean(buffer: Buffer, members: JsonMembers): boolean {
  const text = buffer.toString('latin1', members.valueStart, members.valueEnd)
  if (text !== 'true' && text !== 'false') throw unexpected('expired', buffer, members, 'true or false')
  return text === 'true'
}

function decodeString(buffer: Buffer, start: number, end: number): string {
  try {
    return String(JSON.parse(buffer.toString('utf8', start, end)))
  } catch (error) {
    throw new TradeFormatError(`a string that is no JSON: ${buffer.toString('utf8', start, Math.min(end, start + 80))}`, { cause: error })
  }
}

function objectOf(members: readonly Buffer[]): Buffer {
  const parts: Buffer[] = []
  for (const member of members) parts.push(parts.length === 0 ? OPEN : COMMA, member)
  parts.push(CLOSE)
  return Buffer.concat(parts)
}

const OPEN = Buffer.from('{')
const COMMA = Buffer.from(',')
const CLOSE = Buffer.from('}')

function present<T>(value: T | undefined, field: Field): T {
  if (value === undefined) throw new TradeFormatError(`field ${field}: not there`)
  return value
}

function unexpected(field: Field, buffer: Buffer, members: JsonMembers, expected: string): TradeFormatError {
  const found = buffer.toString('utf8', members.valueStart, Math.min(members.valueEnd, members.valueStart + 80))
  return new TradeFormatError(`field ${field}: found ${found}, expected ${expected}`)
}
