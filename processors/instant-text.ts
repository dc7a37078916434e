import type { ByteWriter } from '../records/byte-writer.ts'
import { dateOfDay } from '../serdes/calendar-day.ts'

export const INSTANT_BYTES = 24
const DAY_MS = 86_400_000
const ZERO = 48

/** Writes times as `2026-12-11T09:30:00.123Z`. It remembers the last one: records of one moment share its text, and of one minute most of it. */
export class InstantText {
  readonly #bytes = Buffer.from('1970-01-01T00:00:00.000Z')
  #ms = 0
  #minute = 0

  write(target: ByteWriter, ms: number): void {
    if (ms !== this.#ms) this.#set(ms)
    target.copy(this.#bytes, 0, INSTANT_BYTES)
  }

  text(ms: number): string {
    if (ms !== this.#ms) this.#set(ms)
    return this.#bytes.toString('latin1')
  }

  #set(ms: number): void {
    this.#ms = ms
    const minute = Math.floor(ms / 60_000)
    if (minute !== this.#minute) this.#setMinute(minute)
    const rest = ms - minute * 60_000
    this.#digits(17, Math.floor(rest / 1000), 2)
    this.#digits(20, rest % 1000, 3)
  }

  #setMinute(minute: number): void {
    this.#minute = minute
    const day = Math.floor((minute * 60_000) / DAY_MS)
    const { year, month, dayOfMonth } = dateOfDay(day)
    const minuteOfDay = minute - day * 1440
    this.#digits(0, year, 4)
    this.#digits(5, month, 2)
    this.#digits(8, dayOfMonth, 2)
    this.#digits(11, Math.floor(minuteOfDay / 60), 2)
    this.#digits(14, minuteOfDay % 60, 2)
  }

  #digits(at: number, value: number, count: number): void {
    let rest = value
    for (let i = at + count - 1; i >= at; i--) {
      this.#bytes[i] = ZERO + (rest % 10)
      rest = Math.floor(rest / 10)
    }
  }
}
