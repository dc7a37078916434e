import fc from 'fast-check'
import { expect, test } from 'vitest'
import { epochMsAt } from './instant-at.ts'

const instant = (text: string) => epochMsAt(Buffer.from(`x${text}x`), 1, text.length + 1)

test('instants of the years 1 to 9999 are those of the platform', () => {
  const date = fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  fc.assert(
    fc.property(date, (value) => {
      const text = value.toISOString()
      expect(instant(text)).toBe(value.getTime())
    }),
  )
})

test.each(['2027-01-01T24:00:00.000Z', '2027-01-01T00:60:00.000Z', '2027-01-01T00:00:60.000Z', '2027-01-01 00:00:00.000Z', '2027-01-01T00:00:00.000z', '2027-01-01T00:00:00.00aZ', '2027-02-30T00:00:00.000Z'])('%j is no instant', (text) => {
  expect(instant(text)).toBeUndefined()
})
