import { expect, test } from 'vitest'
import { ByteReader, BytesError } from './byte-reader.ts'

const bytes = Buffer.from([1, 2, 3, 4])

test.each([
  [-1, 2],
  [3, 2],
  [0, 5],
  [Number.NaN, 2],
])('a stretch from %d to %d of 4 bytes is refused', (start, end) => {
  expect(() => new ByteReader().reset(bytes, start, end)).toThrow(BytesError)
})

test('a reader stops at its limit, not at the end of the buffer', () => {
  const reader = new ByteReader().reset(bytes, 1, 3)
  expect([reader.byte(), reader.byte()]).toEqual([2, 3])
  expect(() => reader.byte()).toThrow('end at 3')
})

test.each([-1, 3, Number.NaN, 2 ** 31])('a length of %d is not skipped in 2 bytes', (length) => {
  const reader = new ByteReader().reset(bytes, 1, 3)
  expect(() => reader.skip(length)).toThrow(BytesError)
  expect(reader.position).toBe(1)
})
