import { expect, test } from 'vitest'
import { canonicalNumber, integerAt } from './json-number.ts'

const MOST = 2_147_483_647

function integer(text: string, most = MOST): number | undefined {
  const bytes = Buffer.from(`9${text}9`)
  return integerAt(bytes, 1, 1 + text.length, most)
}

test.each([
  ['0', 0],
  ['-0', 0],
  ['0.000e99', 0],
  ['1', 1],
  ['1.0', 1],
  ['1e0', 1],
  ['1E+0', 1],
  ['10e-1', 1],
  ['1000000e-6', 1],
  ['0.1e1', 1],
  ['0.00001e5', 1],
  ['12.50e1', 125],
  ['2147483647', MOST],
  ['2147483647.000', MOST],
  ['2.147483647e9', MOST],
  ['2147483647000e-3', MOST],
  [`1${'0'.repeat(400)}e-400`, 1],
  [`0.${'0'.repeat(400)}1e401`, 1],
  ['0e999999999999999999999', 0],
])('%s is the integer %d', (text, value) => {
  expect(integer(text)).toBe(value)
})

test.each([
  '-1',
  '1.5',
  '15e-1',
  '0.1',
  '1e-1',
  '2147483648',
  '2147483647.5',
  '2.1474836471e9',
  '1e400',
  '1e99999999999999999999',
  '1e-99999999999999999999',
  '9007199254740993',
  '99999999999999999999',
  '-1e0',
])('%s is no integer within the bounds', (text) => {
  expect(integer(text)).toBe(undefined)
})

test('integers up to the limit of exact numbers', () => {
  expect(integer('9007199254740991', Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER)
  expect(integer('9.007199254740991e15', Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER)
  expect(integer('9007199254740992', Number.MAX_SAFE_INTEGER)).toBe(undefined)
})

test.each([
  ['0', '-0'],
  ['0', '0e5'],
  ['0', '-0.00e-7'],
  ['1', '1.0'],
  ['1', '10e-1'],
  ['1e400', '10e399'],
  ['-12.50', '-125e-1'],
  ['100', '1e2'],
  ['1E2', '1e+02'],
  ['0.001', '1e-3'],
  ['123456789012345678901234567890', '1.2345678901234567890123456789e29'],
  ['1e99999999999999999999', '10e99999999999999999998'],
])('%s and %s are the same number', (a, b) => {
  expect(canonicalNumber(a)).toBe(canonicalNumber(b))
})

test.each([
  ['1', '-1'],
  ['1', '10'],
  ['1e400', '1e401'],
  ['9007199254740993', '9007199254740992'],
  ['0.1', '0.10000000000000001'],
  ['1e99999999999999999999', '1e99999999999999999998'],
])('%s and %s are not', (a, b) => {
  expect(canonicalNumber(a)).not.toBe(canonicalNumber(b))
})

test('a million digits take no longer than they must', () => {
  const zeros = `1${'0'.repeat(1_000_000)}1`
  expect(canonicalNumber(zeros)).toBe(`${zeros}e0`)
  expect(integer(zeros)).toBe(undefined)
})
