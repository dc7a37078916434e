import fc from 'fast-check'
import { expect, test } from 'vitest'
import { epochDayAt, epochMsAt } from './calendar.ts'

const day = (text: string) => epochDayAt(Buffer.from(`x${text}x`), 1, text.length + 1)
const instant = (text: string) => epochMsAt(Buffer.from(`x${text}x`), 1, text.length + 1)

test('days and instants of the years 1 to 9999 are those of the platform', () => {
  const date = fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  fc.assert(
    fc.property(date, (value) => {
      const text = value.toISOString()
      expect(instant(text)).toBe(value.getTime())
      expect(day(text.slice(0, 10))).toBe(Math.floor(value.getTime() / 86_400_000))
    }),
  )
})

test.each(['2027-02-29', '1900-02-29', '2027-13-01', '2027-00-10', '2027-04-31', '2027-01-00', '0000-01-01', '2027/01/01', '2027-1-01', '2027-01-0a', '+027-01-01', ''])('%j is no day', (text) => {
  expect(day(text)).toBeUndefined()
})

test.each(['2027-01-01T24:00:00.000Z', '2027-01-01T00:60:00.000Z', '2027-01-01T00:00:60.000Z', '2027-01-01 00:00:00.000Z', '2027-01-01T00:00:00.000z', '2027-01-01T00:00:00.00aZ', '2027-02-30T00:00:00.000Z'])('%j is no instant', (text) => {
  expect(instant(text)).toBeUndefined()
})
