import { expect, test } from 'vitest'
import { dateOfDay, dayAt, dayOfText, dayText } from './calendar-day.ts'

const DAY_MS = 86_400_000

test.each([
  ['1970-01-01', 0],
  ['1969-12-31', -1],
  ['2000-02-29', 11_016],
  ['2026-12-11', 20_798],
  ['0001-01-01', -719_162],
  ['9999-12-31', 2_932_896],
])('%s is day %d', (text, day) => {
  expect(dayOfText(text)).toBe(day)
  expect(dayText(day)).toBe(text)
})

test('agrees with Date on every day of four centuries and on the borders of all years', () => {
  const wrong: string[] = []
  const check = (day: number): void => {
    const text = new Date(day * DAY_MS).toISOString().slice(0, 10)
    if (dayOfText(text) !== day || dayText(day) !== text) wrong.push(text)
  }
  for (let day = -25_567; day < -25_567 + 146_097; day += 3) check(day)
  for (let year = 1; year <= 9999; year++) {
    const firstMs = new Date(0).setUTCFullYear(year, 0, 1)
    for (const offset of [0, 58, 59, 60, 364]) check(firstMs / DAY_MS + offset)
  }
  expect(wrong).toEqual([])
})

test.each([
  '2026-02-29',
  '1900-02-29',
  '2026-04-31',
  '2026-13-01',
  '2026-00-10',
  '2026-01-00',
  '2026-01-32',
  '0000-01-01',
  '26-12-11',
  '2026-1-01',
  '2026-12-1',
  '2026-12-11T00:00',
  '2026/12/11',
  ' 2026-12-1',
  '+202-12-11',
  '2026-12-1a',
  '２026-12-11',
  '',
  '2026-12-11 ',
  '-026-12-11',
  '2026-1-001',
])('%j is no day', (text) => {
  expect(dayOfText(text)).toBe(undefined)
})

test.each(['2024-02-29', '2000-02-29', '2026-12-31', '2026-04-30'])('%s is a day', (text) => {
  expect(dayOfText(text)).toBeTypeOf('number')
})

test('reads the bytes it is given and no others', () => {
  const bytes = Buffer.from('12026-12-119')
  expect(dayAt(bytes, 1, 11)).toBe(20_798)
  expect(dayAt(bytes, 1, 10)).toBe(undefined)
})

test('parts of a day before 1970', () => {
  expect(dateOfDay(-1)).toEqual({ year: 1969, month: 12, dayOfMonth: 31 })
})
