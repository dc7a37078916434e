import { dayOfText, dayText } from '../serdes/calendar-day.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

export interface BusinessDateOptions {
  readonly businessDate?: string
  readonly timeZone: string
  readonly latestBusinessDay?: Int32Array
}

/** The business date: the date of now in a time zone. It never goes back, though the clock may. */
export class BusinessDate {
  readonly #dayIn: (nowMs: number) => number
  readonly #latest: Int32Array
  #minute = Number.NaN
  #day = 0
  #textDay = Number.NaN
  #text = ''

  /** @throws RangeError for a date or a time zone that there is not. */
  constructor(options: BusinessDateOptions) {
    // Without the memory that threads share, a place of its own, as good as nothing seen yet.
    this.#latest = options.latestBusinessDay ?? new Int32Array([-2_147_483_648])
    this.#dayIn = options.businessDate === undefined ? dayInZone(options.timeZone) : fixedDay(options.businessDate)
  }

  /** Days since 1970-01-01. */
  dayAt(nowMs: number): number {
    // Dates turn and zones change their offset at full minutes.
    const minute = Math.floor(nowMs / MINUTE_MS)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#day = this.#dayIn(nowMs)
    }
    const latest = this.#latest[0] ?? this.#day
    if (latest >= this.#day) return latest
    this.#latest[0] = this.#day
    return this.#day
  }

  /** `YYYY-MM-DD` of a day. */
  textOf(day: number): string {
    if (day !== this.#textDay) {
      this.#textDay = day
      this.#text = dayText(day)
    }
    return this.#text
  }
}

function fixedDay(text: string): () => number {
  const day = dayOfText(text)
  if (day === undefined) throw new RangeError(`businessDate: found ${JSON.stringify(text)}, expected a calendar day as YYYY-MM-DD`)
  return () => day
}

function dayInZone(timeZone: string): (nowMs: number) => number {
  if (timeZone === 'UTC') return (nowMs) => Math.floor(nowMs / DAY_MS)
  const format = dateFormat(timeZone)
  return (nowMs) => {
    const parts = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, value]))
    const text = `${(parts.get('year') ?? '').padStart(4, '0')}-${parts.get('month')}-${parts.get('day')}`
    const day = dayOfText(text)
    if (day === undefined) throw new RangeError(`the clock says ${nowMs} ms since 1970, which is no date from year 1 to 9999: set the clock of this machine`)
    return day
  }
}

function dateFormat(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, calendar: 'gregory', numberingSystem: 'latn', year: 'numeric', month: '2-digit', day: '2-digit' })
  } catch (error) {
    throw new RangeError(`timeZone: found ${JSON.stringify(timeZone)}, expected an IANA time zone such as UTC or Europe/Berlin`, { cause: error })
  }
}
