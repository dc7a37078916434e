// How numbers, times and sizes are written. Times are UTC, as everywhere in the logs.

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })
const oneDigit = new Intl.NumberFormat('en-GB', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

/** What is not known. */
export const NONE = '–'

/** @param {number | null | undefined} n */
export function count(n) {
  return n === null || n === undefined ? NONE : whole.format(n)
}

/**
 * So short that it fits a figure: 1,984 or 124,000 or 12.4 M.
 * @param {number | null | undefined} n
 */
export function shortCount(n) {
  if (n === null || n === undefined) return NONE
  return Math.abs(n) >= 1e9 ? `${oneDigit.format(n / 1e9)} G` : Math.abs(n) >= 1e6 ? `${oneDigit.format(n / 1e6)} M` : whole.format(n)
}

/** A second, without the unit. @param {number | null | undefined} n */
export function rate(n) {
  if (n === null || n === undefined) return NONE
  return n > 0 && n < 10 ? oneDigit.format(n) : whole.format(n)
}

/** @param {number | null | undefined} n milliseconds */
export function milliseconds(n) {
  if (n === null || n === undefined) return NONE
  if (n >= 10_000) return duration(n / 1_000)
  if (n >= 1_000) return `${oneDigit.format(n / 1_000)} s`
  return `${n > 0 && n < 10 ? oneDigit.format(n) : whole.format(n)} ms`
}

/** @type {readonly (readonly [size: number, unit: string])[]} */
const SPANS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
]

/** The two largest units. @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE
  if (seconds > 0 && seconds < 1) return '< 1 s'
  let left = Math.round(seconds)
  /** @type {string[]} */
  const words = []
  for (const [size, unit] of SPANS) {
    const n = Math.floor(left / size)
    left -= n * size
    if (n > 0) words.push(`${n} ${unit}`)
    // 2 d 5 min would be of no use
    else if (words.length > 0) break
    if (words.length === 2) break
  }
  return words.length === 0 ? '0 s' : words.join(' ')
}

/** @param {number | null | undefined} n */
export function bytes(n) {
  if (n === null || n === undefined) return NONE
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = n
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1_000
    unit++
  }
  return `${unit === 0 || size >= 100 ? whole.format(size) : oneDigit.format(size)} ${units[unit]}`
}

/** 18:04:31 @param {string | number} moment */
export function clockTime(moment) {
  return iso(moment)?.slice(11, 19) ?? String(moment)
}

/** 2026-12-11 18:04:31.123 @param {string | number} moment */
export function dateTime(moment) {
  return iso(moment)?.replace('T', ' ').slice(0, 23) ?? String(moment)
}

/** @param {string | number} moment @param {number} nowMs */
export function ago(moment, nowMs) {
  const seconds = (nowMs - new Date(moment).getTime()) / 1_000
  return seconds < 1 ? 'just now' : `${duration(seconds)} ago`
}

/** Records, with the right word. @param {number} n @param {string} one @param {string} [many] */
export function things(n, one, many = `${one}s`) {
  return `${whole.format(n)} ${n === 1 ? one : many}`
}

/** The name of an instance, without most of the UUID in it: its beginning tells it from the others. @param {string} name */
export function shortName(name) {
  return name.replace(/([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, '$1…')
}

/** @param {string | number} moment */
function iso(moment) {
  const date = new Date(moment)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
