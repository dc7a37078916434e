import { Decimal128, Long } from 'mongodb'

/** A number that a double may not hold (16 digits or more, an exponent), or a name that the driver would take for a type of its own. May hit strings: that costs time only. */
const NEEDS_CARE = /[\d.]{16}|\d[eE]|_bsontype/
const INTEGER = /^-?\d{1,19}$/
const INT64_LIMIT = 9_223_372_036_854_775_807n

/**
 * Parses JSON for BSON, numbers with all the digits that MongoDB can keep: doubles where they are exact, 64-bit integers, then
 * decimals of 34 digits. What even these would round is kept as text. Throws `SyntaxError`.
 */
export function parseExactly(text: string): unknown {
  if (!NEEDS_CARE.test(text)) return JSON.parse(text)
  return JSON.parse(text, (_name, value: unknown, context?: { source?: string }) => {
    if (typeof value === 'number') return exactNumber(value, context?.source ?? String(value))
    // The driver looks for _bsontype in plain objects only; the members of a Map are data whatever their names.
    return isObject(value) ? new Map(Object.entries(value)) : value
  })
}

function exactNumber(value: number, source: string): unknown {
  if (Number.isSafeInteger(value) && INTEGER.test(source)) return value
  if (canonical(String(value)) === canonical(source)) return value
  if (INTEGER.test(source)) {
    const integer = BigInt(source)
    if (integer <= INT64_LIMIT && integer >= -INT64_LIMIT - 1n) return Long.fromBigInt(integer)
  }
  try {
    const decimal = Decimal128.fromString(source)
    if (canonical(decimal.toString()) === canonical(source)) return decimal
  } catch {
    // beyond the exponents of a decimal, or inexact: the text below
  }
  return source
}

/** Digits and exponent of a decimal number in one form: `0.10`, `1e-1` and `.1` are the same. */
function canonical(text: string): string {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null) return text
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  return `${sign === '-' ? '-' : ''}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map) && !(value instanceof Long) && !(value instanceof Decimal128)
}
