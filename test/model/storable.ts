import { isArray, isObject, JsonNumber, type JsonValue, readJson } from './json.ts'

/** PostgreSQL keeps the numbers of `jsonb` as `numeric`: so many digits before the point, so many behind it. */
const NUMERIC_DIGITS_BEFORE = 131_072
const NUMERIC_DIGITS_BEHIND = 16_383

/**
 * Whether PostgreSQL cannot keep a record of `trade.processed`: the rules take numbers of any size among the unknown fields, `numeric` does not. Nothing else that the rules take
 * is refused by a database; MongoDB keeps numbers that are none of its own as text.
 */
export function isRefusedByPostgres(value: Buffer | null): boolean {
  if (value === null) return false
  const json = readJson(value.toString('utf8')).value
  return json !== undefined && hasNumberBeyondNumeric(json)
}

function hasNumberBeyondNumeric(value: JsonValue): boolean {
  if (value instanceof JsonNumber) return isBeyondNumeric(value.text)
  if (isArray(value)) return value.some(hasNumberBeyondNumeric)
  return isObject(value) && [...value.values()].some(hasNumberBeyondNumeric)
}

function isBeyondNumeric(text: string): boolean {
  const [, whole = '', fraction = '', power = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const behind = fraction.length - Number(power)
  if (behind > NUMERIC_DIGITS_BEHIND) return true
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  return digits !== '' && digits.length - behind > NUMERIC_DIGITS_BEFORE
}
