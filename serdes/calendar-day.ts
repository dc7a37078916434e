/** Calendar days as numbers: days since 1970-01-01, in the proleptic Gregorian calendar. Reckoned here: the platform's way costs an object for each. */

const ZERO = 48
const DASH = 45
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]
const DAYS_TO_1970 = 719_162
const DAYS_IN_400_YEARS = 146_097

/** The day that ten bytes `YYYY-MM-DD` name, years 0001 to 9999; `undefined` if they name none. */
export function dayAt(buffer: Uint8Array, start: number, end: number): number | undefined {
  if (end - start !== 10 || buffer[start + 4] !== DASH || buffer[start + 7] !== DASH) return undefined
  const century = twoDigits(buffer, start)
  const yearOfCentury = twoDigits(buffer, start + 2)
  const month = twoDigits(buffer, start + 5)
  const day = twoDigits(buffer, start + 8)
  const year = century * 100 + yearOfCentury
  if (century < 0 || yearOfCentury < 0 || year < 1 || month < 1 || month > 12 || day < 1) return undefined
  const leap = month > 1 && isLeap(year) ? 1 : 0
  const before = (DAYS_BEFORE_MONTH[month - 1] ?? 0) + (month > 2 ? leap : 0)
  const length = (DAYS_BEFORE_MONTH[month] ?? 0) + leap - before
  return day <= length ? daysBeforeYear(year) + before + day - 1 - DAYS_TO_1970 : undefined
}

/** `undefined`: the text is no day. */
export function dayOfText(text: string): number | undefined {
  const bytes = Buffer.from(text)
  return dayAt(bytes, 0, bytes.length)
}

/** `YYYY-MM-DD`. */
export function dayText(day: number): string {
  const { year, month, dayOfMonth } = dateOfDay(day)
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(dayOfMonth).padStart(2, '0')}`
}

export function dateOfDay(day: number): { year: number; month: number; dayOfMonth: number } {
  // Years that begin in March, so that the leap day is the last of its year; eras of 400 years, of equal length.
  const sinceMarch0000 = day + 719_468
  const era = Math.floor(sinceMarch0000 / DAYS_IN_400_YEARS)
  const dayOfEra = sinceMarch0000 - era * DAYS_IN_400_YEARS
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfMonth: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1 }
}

function daysBeforeYear(year: number): number {
  const past = year - 1
  return past * 365 + (past >> 2) - ((past / 100) | 0) + ((past / 400) | 0)
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** Negative if they are no digits: whole numbers throughout, which NaN would not be. */
function twoDigits(buffer: Uint8Array, at: number): number {
  const tens = (buffer[at] ?? 0) - ZERO
  const ones = (buffer[at + 1] ?? 0) - ZERO
  return (tens | (9 - tens) | ones | (9 - ones)) < 0 ? -1 : tens * 10 + ones
}
