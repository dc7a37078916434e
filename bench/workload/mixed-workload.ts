import { type InvalidRecord, INVALID_SORTS } from './invalid-records.ts'
import { DEFAULT_RATES, type MixedKind, type MixedWorkloadOptions } from './mixed-options.ts'
import { isPlainId, newContent, pastMaturity, type ShadowTrade, tradeIdOf } from './mixed-trades.ts'
import { decoration } from './record-decoration.ts'
import { type Member, Members, membersOf, pick, plainText, rewrittenTrade, type TradeContent } from './trade-text.ts'
import { Mulberry32, type Workload, type WorkloadHeader, type WorkloadRecord } from './workload.ts'

/**
 * A workload with every kind of outcome in it: `kind` of a record is the outcome that it must have, and what is special about it (`INVALID: cut`,
 * `DUPLICATE: rewritten`). It holds if all records are processed in order per partition, within 24 h, under the given business date.
 *
 * What the generator remembers of each trade is the least that tells the outcome; the rules are not in here.
 */
export class MixedWorkload implements Workload {
  #options: Required<MixedWorkloadOptions>
  readonly #chance: Mulberry32
  readonly #trades = new Map<number, ShadowTrade>()
  readonly #deleted: ShadowTrade[] = []
  readonly #requests: SentRequest[] = []
  readonly #kinds: readonly { readonly kind: MixedKind; readonly upTo: number }[]
  readonly #sorts: readonly string[]
  #serial = 0

  constructor(options: MixedWorkloadOptions) {
    this.#options = {
      seed: 42, keys: 5000, maxMessageBytes: 1_048_588, wrongPartitions: true, requestShare: 0.15, oddTimestampShare: 0.03, ...options, rates: { ...DEFAULT_RATES, ...options.rates },
    }
    this.#chance = new Mulberry32(this.#options.seed)
    this.#kinds = cumulative(this.#options.rates)
    this.#sorts = Object.keys(INVALID_SORTS).filter((sort) => this.#options.wrongPartitions || !sort.includes('wrong partition'))
  }

  /** Maturity dates lie around this date from now on. What a record is said to lead to no longer holds then: trades that have expired meanwhile are not known here. */
  turnTo(businessDate: string): void {
    if (businessDate !== this.#options.businessDate) this.#options = { ...this.#options, businessDate }
  }

  next(into: WorkloadRecord): void {
    const chance = this.#chance
    this.#serial++
    const trade = this.#drawTrade()
    const draft = this.#draft(this.#drawKind(), trade)
    const odd = chance.next()
    const share = this.#options.oddTimestampShare
    into.timestampAgeMs = odd < share ? pick(ODD_AGES_MS, chance) : 0
    into.kind = draft.kind
    into.partitionShift = draft.partitionShift ?? 0
    into.headers = draft.headers ?? this.#decorate(draft)
    into.hasKey = draft.key !== null
    into.hasValue = draft.value !== null
    setView(into.key, draft.key ?? NOTHING)
    setView(into.value, draft.value ?? NOTHING)
    setView(into.placement, draft.placement ?? draft.key ?? Buffer.from(trade.tradeId))
  }

  #drawTrade(): ShadowTrade {
    const u = this.#chance.next()
    const index = Math.floor(u * u * u * this.#options.keys)
    let trade = this.#trades.get(index)
    if (trade === undefined) this.#trades.set(index, (trade = { tradeId: tradeIdOf(index), content: undefined, version: 0 }))
    return trade
  }

  #drawKind(): MixedKind {
    const u = this.#chance.next()
    return this.#kinds.find(({ upTo }) => u < upTo)?.kind ?? 'NEW_CONTENT'
  }

  #draft(kind: MixedKind, trade: ShadowTrade): Draft {
    const stored = trade.content
    switch (kind) {
      case 'NEW_CONTENT': return this.#newContent(trade)
      case 'INVALID': return this.#invalid(trade)
      case 'PAST_MATURITY': return this.#pastMaturity(trade)
      case 'NOT_FOUND': return this.#notFound(trade)
      case 'LATE_AFTER_DELETE': return this.#lateAfterDelete() ?? this.#newContent(trade)
      case 'REQUEST_REPEATED': return this.#requestRepeated() ?? this.#newContent(trade)
      case 'REQUEST_REUSED': return this.#requestReused() ?? this.#newContent(trade)
      case 'LARGE': return this.#large(trade)
      case 'TOO_LARGE': return this.#tooLarge(trade)
      case 'HEAVY_HEADERS': return this.#heavyHeaders(trade)
      default: return stored === undefined ? this.#newContent(trade) : this.#ofStored(kind, trade, stored)
    }
  }

  #ofStored(kind: 'REPLACED' | 'DUPLICATE' | 'DUPLICATE_REWRITTEN' | 'STALE_VERSION' | 'DELETED', trade: ShadowTrade, stored: TradeContent): Draft {
    const chance = this.#chance
    switch (kind) {
      case 'DUPLICATE': return messageOf('DUPLICATE', trade.tradeId, stored)
      case 'DUPLICATE_REWRITTEN':
        return { kind: 'DUPLICATE: rewritten', key: Buffer.from(trade.tradeId), value: Buffer.from(rewrittenTrade(trade.tradeId, stored, chance)) }
      case 'STALE_VERSION':
        if (stored.version === 1) return this.#newContent(trade)
        return messageOf('STALE_VERSION', trade.tradeId, { ...newContent(1 + Math.floor(chance.next() * (stored.version - 1)), this.#options.businessDate, chance) })
      case 'REPLACED': return this.#replaced(trade, stored)
      case 'DELETED':
        trade.content = undefined
        this.#deleted.push(trade)
        return { kind: 'DELETED', key: Buffer.from(trade.tradeId), value: null }
    }
  }

  /** The next version: a trade that is not there, or no more, is CREATED by it. */
  #newContent(trade: ShadowTrade, more: readonly Member[] = []): Draft {
    const chance = this.#chance
    if (trade.content !== undefined && trade.version >= HIGHEST_VERSION) return this.#replaced(trade, trade.content)
    const draw = chance.next()
    const version = Math.min(HIGHEST_VERSION, draw < 0.0002 ? HIGHEST_VERSION : draw < 0.02 ? trade.version + 1000 : trade.version + 1)
    // A deleted trade at the highest version cannot come back.
    if (version <= trade.version) return messageOf('STALE_VERSION: deleted at the highest version', trade.tradeId, newContent(trade.version, this.#options.businessDate, chance))
    const kind = trade.content !== undefined ? 'UPDATED' : trade.version > 0 ? 'CREATED: after a delete' : 'CREATED'
    const content = newContent(version, this.#options.businessDate, chance)
    return this.#accept(kind, trade, { ...content, unknown: [...content.unknown, ...more] })
  }

  #replaced(trade: ShadowTrade, stored: TradeContent): Draft {
    const content = newContent(stored.version, this.#options.businessDate, this.#chance)
    const book = content.book === stored.book ? 'BOOK-OTHER' : content.book
    return this.#accept('REPLACED', trade, { ...content, book: book === stored.book ? 'BOOK-ANOTHER' : book })
  }

  #accept(kind: string, trade: ShadowTrade, content: TradeContent): Draft {
    const wasDeleted = trade.content === undefined && trade.version > 0
    if (wasDeleted) this.#deleted.splice(this.#deleted.indexOf(trade), 1)
    trade.content = content
    trade.version = content.version
    if (this.#chance.next() < 0.1) return { kind, key: Buffer.from(trade.tradeId), value: Buffer.from(rewrittenTrade(trade.tradeId, content, this.#chance)) }
    return messageOf(kind, trade.tradeId, content)
  }

  #pastMaturity(trade: ShadowTrade): Draft {
    const chance = this.#chance
    if (trade.version >= HIGHEST_VERSION) return this.#newContent(trade)
    const sameVersion = trade.content !== undefined && chance.next() < 0.3
    const content = newContent(trade.version + (sameVersion ? 0 : 1), this.#options.businessDate, chance)
    return messageOf('PAST_MATURITY', trade.tradeId, { ...content, maturity: pastMaturity(this.#options.businessDate, chance) })
  }

  #notFound(trade: ShadowTrade): Draft {
    if (trade.content === undefined) return { kind: trade.version > 0 ? 'NOT_FOUND: deleted before' : 'NOT_FOUND', key: Buffer.from(trade.tradeId), value: null }
    return { kind: 'NOT_FOUND', key: Buffer.from(`NONE-${Math.floor(this.#chance.next() * 100)}`), value: null }
  }

  #lateAfterDelete(): Draft | undefined {
    if (this.#deleted.length === 0) return undefined
    const trade = pick(this.#deleted, this.#chance)
    const late = this.#chance.next() < 0.5 ? trade.version : 1 + Math.floor(this.#chance.next() * trade.version)
    return messageOf('STALE_VERSION: after a delete', trade.tradeId, newContent(late, this.#options.businessDate, this.#chance))
  }

  #invalid({ tradeId, version }: ShadowTrade): Draft {
    const sort = pick(this.#sorts, this.#chance)
    const maker = INVALID_SORTS[sort]
    if (maker === undefined) throw new Error(`there is no maker of "${sort}"`)
    const record: InvalidRecord = maker({ tradeId, content: newContent(Math.min(HIGHEST_VERSION, version + 1), this.#options.businessDate, this.#chance), chance: this.#chance })
    return { kind: `INVALID: ${sort}`, ...record }
  }

  #requestRepeated(): Draft | undefined {
    if (this.#requests.length === 0) return undefined
    const { key, value, placement, partitionShift, requestId } = pick(this.#requests, this.#chance)
    return { kind: 'DUPLICATE: request repeated', key, value, placement, partitionShift, headers: requestHeaders(requestId, this.#serial) }
  }

  /** In the partition of the first, or it would be another request. */
  #requestReused(): Draft | undefined {
    if (this.#requests.length === 0) return undefined
    const first = pick(this.#requests, this.#chance)
    const { key, value, placement, partitionShift, requestId } = first
    const reused = { placement, partitionShift, headers: requestHeaders(requestId, this.#serial) }
    const draw = this.#chance.next()
    if (draw < 0.3) return { ...reused, kind: 'INVALID: request id reused, another key', key: Buffer.from(`${key?.toString('latin1').slice(0, 20)}-other`), value }
    if (draw < 0.5 && value !== null) return { ...reused, kind: 'INVALID: request id reused, null value', key, value: null }
    return { ...reused, kind: 'INVALID: request id reused, another value', key, value: Buffer.concat([value ?? NOTHING, Buffer.from(' ')]) }
  }

  #large(trade: ShadowTrade): Draft {
    const bytes = this.#options.maxMessageBytes - 12_000 - Math.floor(this.#chance.next() * 50_000)
    const draft = this.#newContent(trade, [['blob', 'x'.repeat(Math.max(10, bytes))]])
    return { ...draft, kind: draft.kind.includes(':') ? draft.kind : `${draft.kind}: large` }
  }

  /** The message lies in the topic with some 20 bytes to spare; `expired` and `last_updated` make it 58 longer. */
  #tooLarge({ tradeId, version }: ShadowTrade): Draft {
    const plainId = isPlainId(tradeId) ? tradeId : 'TRD-TOO-LARGE'
    const content = newContent(Math.min(HIGHEST_VERSION, version + 1), this.#options.businessDate, this.#chance)
    const members = (blob: string): Members => new Members([...membersOf(plainId, { ...content, unknown: [] }).filter(([name]) => name !== 'expired'), ['blob', blob]])
    const bytes = this.#options.maxMessageBytes - 110
    const value = plainText(members('x'.repeat(bytes - Buffer.byteLength(plainText(members(''))))))
    return { kind: 'INVALID: too large', key: Buffer.from(plainId), value: Buffer.from(value), headers: [] }
  }

  #heavyHeaders(trade: ShadowTrade): Draft {
    const draft = this.#newContent(trade)
    const rest = RECORD_FRAME_BYTES + (draft.key?.length ?? 0) + (draft.value?.length ?? 0)
    return { ...draft, headers: [{ key: 'blob', value: Buffer.alloc(this.#options.maxMessageBytes - rest, 'h') }] }
  }

  #decorate(draft: Draft): readonly WorkloadHeader[] {
    const { headers, requestId } = decoration(this.#serial, this.#options.requestShare, this.#chance)
    if (requestId !== undefined) {
      const { key, value } = draft
      const sent = { key, value, placement: draft.placement ?? key ?? NO_KEY_PLACEMENT, partitionShift: draft.partitionShift ?? 0, requestId }
      if (key === null) draft.placement = NO_KEY_PLACEMENT
      if (this.#requests.length < REQUESTS_KEPT) this.#requests.push(sent)
      else this.#requests[this.#serial % REQUESTS_KEPT] = sent
    }
    return headers
  }
}

interface Draft {
  readonly kind: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** `undefined`: it is decorated. */
  readonly headers?: readonly WorkloadHeader[]
  placement?: Buffer
  readonly partitionShift?: number
}

interface SentRequest {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly placement: Buffer
  readonly partitionShift: number
  readonly requestId: string
}

const HIGHEST_VERSION = 2_147_483_647
const REQUESTS_KEPT = 500
const NOTHING = Buffer.alloc(0)
const NO_KEY_PLACEMENT = Buffer.from('no key')
const HOUR_MS = 3_600_000
const ODD_AGES_MS = [1000, HOUR_MS, 23 * HOUR_MS, 25 * HOUR_MS, 48 * HOUR_MS, -1000, -600_000]
// Batch and record around key, value and one header of a megabyte, with the 20 bytes that leave the input within the limit.
const RECORD_FRAME_BYTES = 61 + 4 + 3 + 2 + 3 + 1 + 5 + 4 + 20

function messageOf(kind: string, tradeId: string, content: TradeContent): Draft {
  return { kind, key: Buffer.from(tradeId), value: Buffer.from(plainText(new Members(membersOf(tradeId, content)))) }
}

function requestHeaders(requestId: string, serial: number): WorkloadHeader[] {
  return [{ key: 'attempt', value: Buffer.from(String(serial)) }, { key: 'request-id', value: Buffer.from(requestId) }]
}

function setView(view: WorkloadRecord['key'], bytes: Buffer): void {
  view.set(bytes, 0, bytes.length)
}

function cumulative(rates: Partial<Record<MixedKind, number>>): { kind: MixedKind; upTo: number }[] {
  const entries = Object.entries(rates) as [MixedKind, number][] // Object.entries forgets the names of a closed type
  const total = entries.reduce((sum, [, rate]) => sum + rate, 0)
  if (!(total > 0)) throw new RangeError('all rates are 0: give at least one kind a weight')
  let sum = 0
  return entries.map(([kind, rate]) => ({ kind, upTo: (sum += rate / total) }))
}
