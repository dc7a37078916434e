import { expect, test } from 'vitest'
import { integerAt } from './json-number.ts'

const MOST = 2_147_483_647

function read(text: string): number | undefined {
  return integerAt(Buffer.from(`[${text}]`), 1, text.length + 1, MOST)
}

test.each(['2147483647', '2147483647000e-3', '21474836470000000000000000E-10', '0.2147483647e10', '2147483647.0'])('%s is the largest', (text) => {
  expect(read(text)).toBe(MOST)
})

test.each(['2147483648', '2147483647001e-3', '1e10', '1.5', '-1', '99999999999999999999'])('%s is none', (text) => {
  expect(read(text)).toBeUndefined()
})

test.each(['0', '-0', '0e9', '0.000'])('%s is zero', (text) => {
  expect(read(text)).toBe(0)
})
