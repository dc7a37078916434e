import { isObject, JsonNumber, type JsonObject, type JsonReading, type JsonValue, readJson, sameJson } from './json.ts'

/** A trade as a message gives it. `unknown`: the fields that the domain does not know, passed on as they are. */
export interface Trade {
  readonly tradeId: string
  readonly version: number
  readonly counterpartyId: string
  readonly bookId: string
  readonly maturityDate: string
  readonly createdDate: string
  readonly unknown: JsonObject
}

/** Why a record cannot be read. `fields`: the names that `details.field` may give it; empty where no field is to blame. */
export interface Fault {
  readonly sort: string
  readonly fields: readonly string[]
}

/** `versions`: what the audit entry of a refusal may name as the version. More than one where "if readable" can be read either way. */
export type MessageReading =
  | { readonly trade: Trade; readonly faults: readonly []; readonly versions: readonly (number | null)[] }
  | { readonly trade: undefined; readonly faults: readonly Fault[]; readonly versions: readonly (number | null)[] }

/** Reads a value (not null: that is a delete) under its key. */
export function readMessage(key: Buffer | null, value: Buffer): MessageReading {
  if (value.length === 0) return refused([fault('empty value')], [null])
  const text = textOf(value)
  if (text === undefined) return refused([fault('not UTF-8')], eitherVersion(readJson(value.toString('utf8')).members))
  if (text.startsWith('\ufeff')) return refused([fault('byte order mark')], eitherVersion(readJson(text.slice(1)).members))
  const reading = readJson(text)
  if (reading.value === undefined) return refused([fault('not JSON')], eitherVersion(reading.members))
  if (!isObject(reading.value)) return refused([fault('not an object')], [null])
  if (reading.faults.size > 0) return refused([...reading.faults].map((name) => fault(name)), eitherVersion(reading.members))
  return readFields(key, reading)
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of a key or header where it is UTF-8; a byte order mark is part of it. */
export function textOf(bytes: Buffer): string | undefined {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** 1 to 50 code points, none of them U+0000, no unpaired surrogate. */
export function isIdentifier(value: unknown): value is string {
  if (typeof value !== 'string' || value.includes('\u0000') || !value.isWellFormed()) return false
  const codePoints = [...value].length
  return codePoints >= 1 && codePoints <= 50
}

export function isCalendarDate(value: unknown): value is string {
  if (typeof value !== 'string' || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value)) return false
  const [year, month, day] = value.split('-').map(Number) as [number, number, number] // three, by the pattern above
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const daysOf = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  return year >= 1 && month >= 1 && day >= 1 && day <= (daysOf[month - 1] ?? 0)
}

/** Same content in the sense of DUPLICATE. What a message says in `expired` and its like was never in a `Trade`. */
export function sameTrade(a: Trade, b: Trade): boolean {
  return a.tradeId === b.tradeId && a.version === b.version && a.counterpartyId === b.counterpartyId && a.bookId === b.bookId
    && a.maturityDate === b.maturityDate && a.createdDate === b.createdDate && sameJson(a.unknown, b.unknown)
}

const COUNTERPARTY_NAMES = ['counterparty_id', 'counter_party_id']
const KNOWN = ['trade_id', 'version', ...COUNTERPARTY_NAMES, 'book_id', 'maturity_date', 'created_date']
const IGNORED = ['expired', 'last_updated', 'expired_at']

function readFields(key: Buffer | null, { members }: JsonReading): MessageReading {
  const faults: Fault[] = []
  for (const name of KNOWN) {
    if ((members.get(name)?.length ?? 0) > 1) faults.push(fault('field twice', COUNTERPARTY_NAMES.includes(name) ? COUNTERPARTY_NAMES : [name]))
  }
  const field = (name: string): JsonValue | undefined => members.get(name)?.at(-1)
  const counterparties = COUNTERPARTY_NAMES.flatMap((name) => members.get(name) ?? [])
  const [first, second] = counterparties
  if (first !== undefined && second !== undefined && !sameJson(first, second)) faults.push(fault('two counterparties', COUNTERPARTY_NAMES))

  const tradeId = field('trade_id')
  const version = versionOf(field('version'))
  const counterpartyId = first
  const bookId = field('book_id')
  const maturityDate = field('maturity_date')
  const createdDate = field('created_date')
  if (!isIdentifier(tradeId)) faults.push(fault('trade_id', ['trade_id']))
  if (version === undefined) faults.push(fault('version', ['version']))
  if (!isIdentifier(counterpartyId)) faults.push(fault('counterparty_id', COUNTERPARTY_NAMES))
  if (!isIdentifier(bookId)) faults.push(fault('book_id', ['book_id']))
  if (!isCalendarDate(maturityDate)) faults.push(fault('maturity_date', ['maturity_date']))
  if (!isCalendarDate(createdDate)) faults.push(fault('created_date', ['created_date']))
  if (key === null || (typeof tradeId === 'string' && !key.equals(Buffer.from(tradeId)))) faults.push(fault('key', ['key', 'trade_id']))

  const versions = (members.get('version')?.length ?? 0) > 1 ? eitherVersion(members) : [version ?? null]
  if (faults.length > 0 || !isIdentifier(tradeId) || version === undefined || !isIdentifier(counterpartyId) || !isIdentifier(bookId)
    || !isCalendarDate(maturityDate) || !isCalendarDate(createdDate)) return refused(faults, versions)
  const unknown = new Map<string, JsonValue>()
  for (const [name, values] of members) if (!KNOWN.includes(name) && !IGNORED.includes(name)) unknown.set(name, values.at(-1) ?? null)
  return { trade: { tradeId, version, counterpartyId, bookId, maturityDate, createdDate, unknown }, faults: [], versions }
}

function versionOf(value: JsonValue | undefined): number | undefined {
  if (!(value instanceof JsonNumber)) return undefined
  const integer = value.integer
  return integer !== undefined && integer >= 1n && integer <= 2147483647n ? Number(integer) : undefined
}

/** A text that is faulty as a whole: whether a version in it is "readable" depends on where the reader gave up. */
function eitherVersion(members: ReadonlyMap<string, readonly JsonValue[]>): (number | null)[] {
  return [null, ...(members.get('version') ?? []).map(versionOf).filter((version) => version !== undefined)]
}

function fault(sort: string, fields: readonly string[] = []): Fault {
  return { sort, fields }
}

function refused(faults: readonly Fault[], versions: readonly (number | null)[]): MessageReading {
  return { trade: undefined, faults, versions }
}
