import { protocolErrorsCodesById } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { errorCodes, kafkaError } from './error-codes.ts'

test('the codes that the library knows have the same names here', () => {
  const known = Object.entries(protocolErrorsCodesById).filter(([code]) => code !== '0')
  expect(known.map(([code]) => [Number(code), errorCodes.get(Number(code))?.[0]])).toEqual(known.map(([code, name]) => [Number(code), name]))
})

test('an error says what was asked, the name and the code, and what to do', () => {
  const error = kafkaError(51, 'EndTxn of tx-1')
  expect(error.message).toBe('EndTxn of tx-1: CONCURRENT_TRANSACTIONS (51)')
  expect([error.code, error.errorName, error.scope]).toEqual([51, 'CONCURRENT_TRANSACTIONS', 'retriable'])
})

test('a code of the future is repeated, and reported by its number', () => {
  const error = kafkaError(9_999, 'Produce')
  expect([error.message, error.scope]).toEqual(['Produce: UNKNOWN_ERROR_CODE (9999)', 'retriable'])
})

/** What the recovery of the runtime rests upon: who must do what, one line an answer. */
test.each([
  ['retriable', [-1, 7, 14, 19, 20, 51, 78, 88, 89]],
  ['metadata', [3, 5, 6, 9, 56, 74, 75, 100, 103]],
  ['coordinator', [15, 16]],
  ['rejoin', [27, 79]],
  ['generation', [22, 113]],
  ['member', [25, 110]],
  ['fenced', [47, 82, 90]],
  ['abort', [45, 48, 49, 59, 120]],
  ['record', [10, 32, 87]],
  ['position', [1]],
  ['fatal', [17, 23, 24, 29, 30, 31, 35, 50, 53, 58, 76]],
] as const)('%s', (scope, codes) => {
  expect(codes.filter((code) => kafkaError(code, '').scope !== scope)).toEqual([])
})
