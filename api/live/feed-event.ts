import type { CommittedCursor } from '../../records/committed-cursor.ts'

export type FeedKind = 'audit' | 'state'

/** What a listener wants to hear of; an empty set: everything. */
export interface EventFilter {
  readonly tradeIds: ReadonlySet<string>
  readonly books: ReadonlySet<string>
  readonly outcomes: ReadonlySet<string>
}

/** One event of the feed, made once for all that listen. */
export class FeedEvent {
  readonly kind: FeedKind
  readonly tradeId: string | undefined
  readonly #position: string
  readonly #e2eMs: number | undefined
  /** The record's value, JSON; `undefined`: null, the trade was deleted. */
  readonly #value: string | undefined
  #parsed: Readonly<Record<string, unknown>> | undefined
  #frame: Buffer | undefined

  /** `position`: behind the record. `seenAtMs` undefined: it is an event of earlier, whose latency nobody has measured. */
  static of(kind: FeedKind, record: CommittedCursor, { position, seenAtMs }: { position: string; seenAtMs: number | undefined }): FeedEvent {
    const tradeId = record.hasKey ? record.key.toString() : undefined
    const value = record.hasValue ? record.value.toString() : undefined
    return new FeedEvent({ kind, tradeId, value, position, e2eMs: seenAtMs === undefined ? undefined : seenAtMs - record.timestamp })
  }

  private constructor({ kind, tradeId, value, position, e2eMs }: { kind: FeedKind; tradeId: string | undefined; value: string | undefined; position: string; e2eMs: number | undefined }) {
    this.kind = kind
    this.tradeId = tradeId
    this.#value = value
    this.#position = position
    this.#e2eMs = e2eMs
  }

  /** The same for who stands elsewhere. */
  at(position: string): FeedEvent {
    return new FeedEvent({ kind: this.kind, tradeId: this.tradeId, value: this.#value, position, e2eMs: this.#e2eMs })
  }

  /** What it takes in memory, more or less. */
  get characters(): number {
    return this.#value?.length ?? 0
  }

  /** As it goes out, made for the first who wants it. */
  get frame(): Buffer {
    const data = () => (this.kind === 'audit' ? auditData(this.#value ?? '{}', this.#e2eMs) : stateData(this.tradeId, this.#value))
    this.#frame ??= eventFrame(this.kind, this.#position, data())
    return this.#frame
  }

  /** What became of a record; state events have none. */
  get outcome(): string | undefined {
    const outcome = this.kind === 'audit' ? this.#fields()['outcome'] : undefined
    return typeof outcome === 'string' ? outcome : undefined
  }

  /** The book of a state. Audit entries and deletes do not say. */
  get bookId(): string | undefined {
    const book = this.kind === 'state' ? this.#fields()['book_id'] : undefined
    return typeof book === 'string' ? book : undefined
  }

  /** Everything but the book, which an event may not know of itself. */
  matches({ tradeIds, outcomes }: EventFilter): boolean {
    if (tradeIds.size > 0 && !(this.tradeId !== undefined && tradeIds.has(this.tradeId))) return false
    return outcomes.size === 0 || (this.outcome !== undefined && outcomes.has(this.outcome))
  }

  /** Read for those who filter by what stands in it, once. */
  #fields(): Readonly<Record<string, unknown>> {
    this.#parsed ??= fieldsOf(this.#value)
    return this.#parsed
  }
}

export function eventFrame(name: string, id: string | undefined, data: string): Buffer {
  // A trade may have been sent with line breaks between its fields, and is passed on as it came.
  const lines = data.includes('\n') || data.includes('\r') ? data.replace(/\r\n|\r|\n/g, '\ndata: ') : data
  return Buffer.from(`event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${lines}\n\n`)
}

/** JSON is passed on as it is: reading and writing it again would lose digits. */
function auditData(entry: string, e2eMs: number | undefined): string {
  const end = entry.lastIndexOf('}')
  const isEmpty = /^\s*\{\s*$/.test(entry.slice(0, end))
  return `${entry.slice(0, end)}${isEmpty ? '' : ','}"e2e_ms":${e2eMs ?? 'null'}}`
}

function stateData(tradeId: string | undefined, trade: string | undefined): string {
  return `{"trade_id":${JSON.stringify(tradeId ?? null)},"deleted":${trade === undefined},"trade":${trade ?? 'null'}}`
}

function fieldsOf(value: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = value === undefined ? undefined : JSON.parse(value)
    // Each field is checked where it is read.
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
