import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readInt64, writeInt64 } from './int64.ts'

test('safe integers are written and read as Node writes and reads them', () => {
  const buffer = Buffer.alloc(8)
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      writeInt64(buffer, 0, value)
      expect(buffer.readBigInt64BE()).toBe(BigInt(value))
      expect(readInt64(buffer, 0)).toBe(value)
    }),
    { examples: [[0], [-1], [2 ** 32], [-(2 ** 32)], [Number.MAX_SAFE_INTEGER], [Number.MIN_SAFE_INTEGER]] },
  )
})

test('an int64 beyond the safe integers is never read as one', () => {
  const buffer = Buffer.alloc(8)
  const beyond = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).filter((value) => value > 2n ** 53n - 1n || value < 1n - 2n ** 53n)
  fc.assert(
    fc.property(beyond, (value) => {
      buffer.writeBigInt64BE(value)
      expect(Number.isSafeInteger(readInt64(buffer, 0))).toBe(false)
    }),
    { examples: [[2n ** 53n], [-(2n ** 53n)], [2n ** 53n + 1n], [2n ** 63n - 1n], [-(2n ** 63n)]] },
  )
})

test.each([2 ** 53, -(2 ** 53), 1.5, Number.NaN])('%d is not written', (value) => {
  expect(() => writeInt64(Buffer.alloc(8), 0, value)).toThrow(RangeError)
})
