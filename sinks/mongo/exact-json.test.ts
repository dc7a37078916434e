import { Decimal128, Long } from 'mongodb'
import { expect, test } from 'vitest'
import { parseExactly } from './exact-json.ts'

test.each([
  ['1', 1],
  ['-0.5', -0.5],
  ['1e3', 1000],
  ['1.50', 1.5],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ['9007199254740993', Long.fromString('9007199254740993')],
  ['-9223372036854775808', Long.fromString('-9223372036854775808')],
  ['9223372036854775808', Decimal128.fromString('9223372036854775808')],
  ['0.1234567890123456789', Decimal128.fromString('0.1234567890123456789')],
  ['1e400', Decimal128.fromString('1e400')],
  ['1e99999', '1e99999'],
  ['1.23456789012345678901234567890123456789', '1.23456789012345678901234567890123456789'],
  ['"1234567890123456.5"', '1234567890123456.5'],
])('%s keeps its digits', (text, expected) => {
  expect(parseExactly(text)).toEqual(expected)
})

test('members named like a type of the driver, or like a prototype, are data', () => {
  expect(parseExactly('{"a":{"_bsontype":"Long"}}')).toEqual(new Map([['a', new Map([['_bsontype', 'Long']])]]))
  expect(Object.keys(Object(parseExactly('{"__proto__":1}')))).toEqual(['__proto__'])
})
