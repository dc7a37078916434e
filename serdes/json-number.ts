/**
 * The exact value of a JSON number, if it is an integer from 0 to `most`: `1`, `1.0`, `10e-1` and `1000000e-6` are all 1. Otherwise `undefined`.
 * The bytes are known to be a number in JSON's grammar. `most`: at most 2^53 - 1.
 */
export function integerAt(buffer: Uint8Array, start: number, end: number, most: number): number | undefined {
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = (buffer[at] ?? 0) - ZERO
    if (digit < 0 || digit > 9) return integerOf(digitsOf(buffer, start, end), most)
    value = value * 10 + digit
    // An exponent may follow that makes it smaller again.
    if (value > most) return integerOf(digitsOf(buffer, start, end), most)
  }
  return value
}

/** One text for each value: numbers are equal exactly if these are, `1e400` and `10e399`, or `-0` and `0`. */
export function canonicalNumber(text: string): string {
  const [, sign = '', integer = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? []
  const digits = withoutLeadingZeros(integer + fraction)
  const significant = withoutTrailingZeros(digits)
  if (significant === '') return '0'
  const scale = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)
  return `${sign}${significant}e${scale}`
}

const ZERO = 48
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Larger than any text is long: what an exponent beyond it means is the same. */
const EXPONENT_LIMIT = 4_000_000_000

interface Digits {
  readonly negative: boolean
  /** All digits, without leading zeros. */
  readonly digits: string
  /** How many of them stand before the decimal point; more or less than there are. */
  readonly point: number
}

function digitsOf(buffer: Uint8Array, start: number, end: number): Digits {
  const text = Buffer.from(buffer.buffer, buffer.byteOffset + start, end - start).toString('latin1')
  const [, sign, integer = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? []
  const all = integer + fraction
  const digits = withoutLeadingZeros(all)
  const scale = Math.max(-EXPONENT_LIMIT, Math.min(EXPONENT_LIMIT, Number(exponent)))
  return { negative: sign === '-', digits, point: integer.length - (all.length - digits.length) + scale }
}

function integerOf({ negative, digits, point }: Digits, most: number): number | undefined {
  const significant = withoutTrailingZeros(digits)
  if (significant === '') return 0
  if (negative || point < significant.length || point > 16) return undefined
  const value = Number(significant.padEnd(point, '0'))
  return value <= most ? value : undefined
}

function withoutLeadingZeros(digits: string): string {
  let from = 0
  while (digits.charCodeAt(from) === ZERO) from++
  return digits.slice(from)
}

/** Not by a pattern: `/0+$/` takes quadratic time for a million zeros in front of a one. */
function withoutTrailingZeros(digits: string): string {
  let to = digits.length
  while (to > 0 && digits.charCodeAt(to - 1) === ZERO) to--
  return digits.slice(0, to)
}
