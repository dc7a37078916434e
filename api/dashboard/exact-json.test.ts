import { expect, test } from 'vitest'
import { ExactNumber, parseExact } from './exact-json.js'

test('a number that JavaScript cannot hold keeps its digits, there and back', () => {
  const text = '{"a":12345678901234567890,"b":0.1000000000000000055,"c":[1e400,9007199254740993]}'
  expect(JSON.stringify(parseExact(text))).toBe(text)
  expect(String((parseExact(text) as { a: unknown }).a)).toBe('12345678901234567890') // an object, as the text says
})

test.each(['0', '-0.0', '1', '1.0', '1e0', '-12.50', '1e3', '1200', '0.0312', '2500000.5', '9007199254740991', '1.5e-7', '100000000000000000000'])('%s is an ordinary number', (text) => {
  expect(parseExact(text)).toBe(Number(text))
})

test.each(['9007199254740993', '1.00000000000000000001', '1e400', '123456789.12345678901'])('%s is not', (text) => {
  expect(parseExact(text)).toEqual(new ExactNumber(text))
})
