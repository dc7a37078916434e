const ZERO = 48
const DASH = 45
const COLON = 58

/** Days since 1970-01-01 of the ASCII text `YYYY-MM-DD` at `start`, years 0001 to 9999; `undefined` where it is no day of the calendar. */
export function epochDayAt(buffer: Buffer, start: number, end: number): number | undefined {
  if (end - start !== 10 || buffer[start + 4] !== DASH || buffer[start + 7] !== DASH) return undefined
  const year = digits(buffer, start, 4)
  const month = digits(buffer, start + 5, 2)
  const day = digits(buffer, start + 8, 2)
  if (!(year >= 1) || !(month >= 1 && month <= 12) || !(day >= 1 && day <= daysInMonth(year, month))) return undefined
  return daysFromCivil(year, month, day)
}

/** Milliseconds since 1970 of the ASCII text `YYYY-MM-DDTHH:MM:SS.mmmZ` at `start`; `undefined` where it is none. */
export function epochMsAt(buffer: Buffer, start: number, end: number): number | undefined {
  if (end - start !== 24 || buffer[start + 10] !== 84 || buffer[start + 13] !== COLON || buffer[start + 16] !== COLON || buffer[start + 19] !== 46 || buffer[start + 23] !== 90)
    return undefined
  const day = epochDayAt(buffer, start, start + 10)
  const hour = digits(buffer, start + 11, 2)
  const minute = digits(buffer, start + 14, 2)
  const second = digits(buffer, start + 17, 2)
  const ms = digits(buffer, start + 20, 3)
  if (day === undefined || !(hour < 24) || !(minute < 60) || !(second < 60) || !(ms >= 0)) return undefined
  return day * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms
}

/** NaN where one of the bytes is no digit. */
function digits(buffer: Buffer, start: number, count: number): number {
  let value = 0
  for (let i = start; i < start + count; i++) {
    const digit = (buffer[i] ?? 0) - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Howard Hinnant's days_from_civil: years begin in March, so that the leap day comes last. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}
