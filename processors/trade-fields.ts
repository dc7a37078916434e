/** The fields of a trade message. `counter_party_id` is another name of `counterparty_id`; the last three are ignored, whatever their value. */
export const FIELD = {
  unknown: 0,
  tradeId: 1,
  version: 2,
  counterpartyId: 3,
  counterpartyAlias: 4,
  bookId: 5,
  maturityDate: 6,
  createdDate: 7,
  expired: 8,
  lastUpdated: 9,
  expiredAt: 10,
} as const

export type Field = (typeof FIELD)[keyof typeof FIELD]

const FIELDS: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['trade_id', FIELD.tradeId],
  ['version', FIELD.version],
  ['counterparty_id', FIELD.counterpartyId],
  ['counter_party_id', FIELD.counterpartyAlias],
  ['book_id', FIELD.bookId],
  ['maturity_date', FIELD.maturityDate],
  ['created_date', FIELD.createdDate],
  ['expired', FIELD.expired],
  ['last_updated', FIELD.lastUpdated],
  ['expired_at', FIELD.expiredAt],
])

const TRADE_ID = Buffer.from('trade_id')
const VERSION = Buffer.from('version')
const COUNTERPARTY_ID = Buffer.from('counterparty_id')
const COUNTERPARTY_ALIAS = Buffer.from('counter_party_id')
const BOOK_ID = Buffer.from('book_id')
const MATURITY_DATE = Buffer.from('maturity_date')
const CREATED_DATE = Buffer.from('created_date')
const EXPIRED = Buffer.from('expired')
const LAST_UPDATED = Buffer.from('last_updated')
const EXPIRED_AT = Buffer.from('expired_at')

/** The field that a name without escapes names. By length and first byte no two names are alike. */
export function fieldAt(buffer: Buffer, start: number, end: number): Field {
  const first = buffer[start]
  switch (end - start) {
    case 7:
      if (first === 118) return matches(VERSION, FIELD.version, buffer, start)
      return first === 98 ? matches(BOOK_ID, FIELD.bookId, buffer, start) : matches(EXPIRED, FIELD.expired, buffer, start)
    case 8:
      return matches(TRADE_ID, FIELD.tradeId, buffer, start)
    case 10:
      return matches(EXPIRED_AT, FIELD.expiredAt, buffer, start)
    case 12:
      return first === 99 ? matches(CREATED_DATE, FIELD.createdDate, buffer, start) : matches(LAST_UPDATED, FIELD.lastUpdated, buffer, start)
    case 13:
      return matches(MATURITY_DATE, FIELD.maturityDate, buffer, start)
    case 15:
      return matches(COUNTERPARTY_ID, FIELD.counterpartyId, buffer, start)
    case 16:
      return matches(COUNTERPARTY_ALIAS, FIELD.counterpartyAlias, buffer, start)
    default:
      return FIELD.unknown
  }
}

export function fieldOf(name: string): Field {
  return FIELDS.get(name) ?? FIELD.unknown
}

/** By field, the name it has in messages. */
export const FIELD_NAMES: readonly string[] = [
  '',
  'trade_id',
  'version',
  'counterparty_id',
  'counter_party_id',
  'book_id',
  'maturity_date',
  'created_date',
  'expired',
  'last_updated',
  'expired_at',
]

/** By field, how its member begins where there are no spaces; nothing for an unknown one. */
export const BEGINNINGS: readonly (Buffer | undefined)[] = FIELD_NAMES.map((name) => (name === '' ? undefined : Buffer.from(`"${name}":`)))

/** By field, the name it has in outputs, in quotes. */
export const OUTPUT_NAMES: readonly Buffer[] = FIELD_NAMES.map((name) => Buffer.from(`"${name === 'counter_party_id' ? 'counterparty_id' : name}"`))

function matches(name: Buffer, field: Field, buffer: Buffer, start: number): Field {
  for (let i = 0; i < name.length; i++) if (buffer[start + i] !== name[i]) return FIELD.unknown
  return field
}
