import { Mulberry32, NO_HEADERS, type Workload, type WorkloadRecord } from './workload.ts'

export type TradeKind = 'NEW' | 'NEXT_VERSION' | 'SAME_VERSION' | 'STALE' | 'DUPLICATE' | 'PAST' | 'MALFORMED'

export interface TradeWorkloadOptions {
  /** Default 42. */
  readonly seed?: number
  /** Number of trades. Default 500,000, at most 10 million. */
  readonly keys?: number
  /** Record n is trade n mod keys, new or its next version: to fill a store. Default false. */
  readonly unique?: boolean
}

/**
 * The trade workload of the benchmarks: mostly new versions of skewed keys, some stale, repeated, late and broken ones. It is defined to the byte, so that
 * other stream processors can be given the very same records; `check-trade-workload.ts` compares the checksums.
 * Business dates from 2020-01-16 to 2030-01-01 fit it.
 *
 * A record costs about 0.1 us: values are laid out in buffers made once, one for each number of digits of the version, and only digits are written.
 */
export class TradeWorkload implements Workload {
  readonly counts: { [kind in TradeKind]: number } = { NEW: 0, NEXT_VERSION: 0, SAME_VERSION: 0, STALE: 0, DUPLICATE: 0, PAST: 0, MALFORMED: 0 }
  readonly #chance: Mulberry32
  readonly #keys: number
  readonly #unique: boolean
  readonly #version: Int32Array
  readonly #counterparty: Int16Array
  readonly #book: Uint8Array
  readonly #maturity: Int16Array
  readonly #key = Buffer.from('TRD-00000000')
  readonly #layouts: readonly ValueLayout[] = Array.from({ length: 10 }, (_, i) => new ValueLayout(i + 1))
  #sequence = 0

  constructor({ seed = 42, keys = 500_000, unique = false }: TradeWorkloadOptions = {}) {
    if (!Number.isInteger(keys) || keys < 1 || keys > 10_000_000) throw new RangeError(`keys is ${keys}, expected an integer from 1 to 10,000,000`)
    this.#chance = new Mulberry32(seed)
    this.#keys = keys
    this.#unique = unique
    this.#version = new Int32Array(keys)
    this.#counterparty = new Int16Array(keys)
    this.#book = new Uint8Array(keys)
    this.#maturity = new Int16Array(keys)
  }

  next(into: WorkloadRecord): void {
    const chance = this.#chance
    const uKey = chance.next()
    const uKind = chance.next()
    let counterparty = Math.floor(chance.next() * COUNTERPARTIES)
    let book = Math.floor(chance.next() * BOOKS)
    let maturity = Math.floor(chance.next() * MATURITY_DAYS)
    const uVersion = chance.next()

    const sequence = this.#sequence++
    const id = this.#unique ? sequence % this.#keys : (Math.floor(uKey * uKey * this.#keys) * 7919) % this.#keys
    const stored = this.#version[id] ?? 0
    const kind = kindOf(this.#unique ? 1 : uKind, stored, uVersion)
    let version = stored + 1
    if (kind === 'STALE') version = 1 + Math.floor(uVersion * (stored - 1))
    else if (kind === 'DUPLICATE') {
      version = stored
      counterparty = this.#counterparty[id] ?? 0
      book = this.#book[id] ?? 0
      maturity = this.#maturity[id] ?? 0
    } else if (kind !== 'PAST' && kind !== 'MALFORMED') {
      if (kind === 'NEW') version = 2
      else if (kind === 'SAME_VERSION') {
        version = stored
        if (counterparty === this.#counterparty[id]) counterparty = (counterparty + 1) % COUNTERPARTIES
      }
      this.#version[id] = version
      this.#counterparty[id] = counterparty
      this.#book[id] = book
      this.#maturity[id] = maturity
    }
    this.counts[kind]++

    writeDigits(this.#key, 4, 8, id)
    into.key.set(this.#key, 0, 12)
    into.hasKey = true
    into.hasValue = true
    into.headers = NO_HEADERS
    into.placement.set(this.#key, 0, 12)
    into.partitionShift = 0
    into.timestampAgeMs = 0
    into.kind = kind
    if (kind === 'MALFORMED') {
      const value = malformed(this.#key.toString('latin1'), { version, counterparty, id, maturity, cut: sequence % 2 === 0 })
      into.value.set(value, 0, value.length)
      return
    }
    const layout = this.#layouts[digitsOf(version) - 1]
    if (layout === undefined) throw new RangeError(`version ${version} of trade ${id} has more than ten digits`)
    layout.fill(id, version, counterparty, book, kind === 'PAST' ? MATURITY_DAYS : maturity)
    into.value.set(layout.buffer, 0, layout.buffer.length)
  }
}

const COUNTERPARTIES = 5000
const BOOKS = 200
const MATURITY_DAYS = 3650
const CREATED_DAYS = 300
const PAST_DATE = '2020-01-15'

function kindOf(uKind: number, stored: number, uVersion: number): TradeKind {
  if (uKind < 0.0005) return 'MALFORMED'
  if (uKind < 0.0505) return 'PAST'
  if (uKind < 0.15 && stored > 0) return 'STALE'
  if (uKind >= 0.15 && uKind < 0.175 && stored > 0) return 'DUPLICATE'
  if (stored === 0) return 'NEW'
  return uVersion < 0.1 ? 'SAME_VERSION' : 'NEXT_VERSION'
}

/** A value with a version of so many digits: everything has its place, so a record is the digits that change. */
class ValueLayout {
  readonly buffer: Buffer
  readonly #versionDigits: number
  readonly #idAt: number
  readonly #versionAt: number
  readonly #counterpartyAt: number
  readonly #bookAt: number
  readonly #maturityAt: number
  readonly #createdAt: number

  constructor(versionDigits: number) {
    let text = ''
    const gap = (before: string, width: number): number => {
      text += before
      const at = text.length
      text += '#'.repeat(width)
      return at
    }
    this.#versionDigits = versionDigits
    this.#idAt = gap('{"trade_id":"TRD-', 8)
    this.#versionAt = gap('","version":', versionDigits)
    this.#counterpartyAt = gap(',"counterparty_id":"COUNTERPARTY-', 4)
    this.#bookAt = gap('","book_id":"BOOK-RATES-', 3)
    this.#maturityAt = gap('","maturity_date":"', 10)
    this.#createdAt = gap('","created_date":"', 10)
    this.buffer = Buffer.from(`${text}","expired":false}`)
  }

  /** `maturity`: days after 2030-01-01, or `MATURITY_DAYS` for the past date. */
  fill(id: number, version: number, counterparty: number, book: number, maturity: number): void {
    writeDigits(this.buffer, this.#idAt, 8, id)
    writeDigits(this.buffer, this.#versionAt, this.#versionDigits, version)
    writeDigits(this.buffer, this.#counterpartyAt, 4, counterparty)
    writeDigits(this.buffer, this.#bookAt, 3, book)
    writeDate(this.buffer, this.#maturityAt, MATURITIES, maturity)
    writeDate(this.buffer, this.#createdAt, CREATED, id % CREATED_DAYS)
  }
}

function malformed(tradeId: string, fields: { version: number; counterparty: number; id: number; maturity: number; cut: boolean }): Buffer {
  const head = `{"trade_id":"${tradeId}","version":${fields.version},"counterparty_id":`
  if (fields.cut) return Buffer.from(head)
  const counterparty = String(fields.counterparty).padStart(4, '0')
  const maturityDate = MATURITIES.toString('latin1', fields.maturity * 10, fields.maturity * 10 + 10)
  const created = fields.id % CREATED_DAYS
  const createdDate = CREATED.toString('latin1', created * 10, created * 10 + 10)
  return Buffer.from(`${head}"COUNTERPARTY-${counterparty}","maturity_date":"${maturityDate}","created_date":"${createdDate}","expired":false}`)
}

function writeDigits(buffer: Buffer, at: number, width: number, n: number): void {
  let rest = n
  for (let i = at + width - 1; i >= at; i--) {
    const next = (rest / 10) | 0
    buffer[i] = 48 + rest - next * 10
    rest = next
  }
}

function writeDate(buffer: Buffer, at: number, dates: Buffer, day: number): void {
  const from = day * 10
  for (let i = 0; i < 10; i++) buffer[at + i] = dates[from + i] ?? 0
}

function digitsOf(n: number): number {
  let digits = 1
  for (let rest = n; rest >= 10; rest = (rest / 10) | 0) digits++
  return digits
}

/** The texts of consecutive days, ten bytes each. */
function daysFrom(first: string, count: number): string {
  const start = Date.parse(first) // of a text: the same everywhere, and no clock
  return Array.from({ length: count }, (_, i) => new Date(start + i * 86_400_000).toISOString().slice(0, 10)).join('')
}

const MATURITIES = Buffer.from(daysFrom('2030-01-01', MATURITY_DAYS) + PAST_DATE)
const CREATED = Buffer.from(daysFrom('2026-01-01', CREATED_DAYS))
