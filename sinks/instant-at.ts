import { dayAt } from '../serdes/calendar-day.ts'

const ZERO = 48
const COLON = 58

/** Milliseconds since 1970 of the ASCII text `YYYY-MM-DDTHH:MM:SS.mmmZ` at `start`; `undefined` where it is none. */
export function epochMsAt(buffer: Buffer, start: number, end: number): number | undefined {
  if (end - start !== 24 || buffer[start + 10] !== 84 || buffer[start + 13] !== COLON || buffer[start + 16] !== COLON || buffer[start + 19] !== 46 || buffer[start + 23] !== 90)
    return undefined
  const day = dayAt(buffer, start, start + 10)
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
