import { expect, test } from 'vitest'
import { BusinessDate } from './business-date.ts'

function dateAt(date: BusinessDate, ms: number): string {
  return date.textOf(date.dayAt(ms))
}

test.each([
  ['UTC', '2026-12-11T23:59:59.999Z', '2026-12-11'],
  ['UTC', '2026-12-12T00:00:00.000Z', '2026-12-12'],
  ['Asia/Tokyo', '2026-12-11T14:59:59.999Z', '2026-12-11'],
  ['Asia/Tokyo', '2026-12-11T15:00:00.000Z', '2026-12-12'],
  ['America/New_York', '2026-07-01T03:59:59.999Z', '2026-06-30'],
  ['America/New_York', '2026-07-01T04:00:00.000Z', '2026-07-01'],
  ['America/New_York', '2026-12-11T04:59:59.999Z', '2026-12-10'],
  ['Asia/Kathmandu', '2026-12-11T18:14:59.999Z', '2026-12-11'],
  ['Asia/Kathmandu', '2026-12-11T18:15:00.000Z', '2026-12-12'],
])('in %s, %s belongs to %s', (timeZone, time, expected) => {
  expect(dateAt(new BusinessDate({ timeZone }), Date.parse(time))).toBe(expected)
})

test('turns at midnight, though it was asked a moment before', () => {
  const date = new BusinessDate({ timeZone: 'Europe/Berlin' })
  const midnight = Date.parse('2026-12-11T23:00:00.000Z')
  expect([midnight - 1, midnight, midnight + 1].map((ms) => dateAt(date, ms))).toEqual(['2026-12-11', '2026-12-12', '2026-12-12'])
})

test('never goes back, though the clock does', () => {
  const date = new BusinessDate({ timeZone: 'UTC' })
  const noon = Date.UTC(2026, 11, 11, 12)
  expect([noon, noon - 86_400_000, noon + 86_400_000].map((ms) => dateAt(date, ms))).toEqual(['2026-12-11', '2026-12-11', '2026-12-12'])
})

test('never goes back in threads that share the latest date', () => {
  const latestBusinessDay = new Int32Array(new SharedArrayBuffer(4))
  const one = new BusinessDate({ timeZone: 'UTC', latestBusinessDay })
  const other = new BusinessDate({ timeZone: 'UTC', latestBusinessDay })
  dateAt(other, Date.UTC(2026, 11, 10))
  dateAt(one, Date.UTC(2026, 11, 12))
  expect(dateAt(other, Date.UTC(2026, 11, 11))).toBe('2026-12-12')
})

test('may be fixed', () => {
  expect(dateAt(new BusinessDate({ businessDate: '1999-12-31', timeZone: 'UTC' }), Date.UTC(2026, 11, 11))).toBe('1999-12-31')
})

test('settings that make no sense are named', () => {
  expect(() => new BusinessDate({ timeZone: 'Mars/Olympus' })).toThrow('timeZone: found "Mars/Olympus", expected an IANA time zone')
  expect(() => new BusinessDate({ timeZone: 'UTC', businessDate: '2026-02-30' })).toThrow('businessDate: found "2026-02-30", expected a calendar day')
})
