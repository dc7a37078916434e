import { expect, test } from 'vitest'
import { difference, fieldsOf } from './difference.js'
import { parseExact } from './exact-json.js'

test('what changed, came and went; the order of fields and the moment of the update are no change', () => {
  const before = { version: 1, book_id: 'B1', legs: { pay: 1, receive: 2 }, gone: true, last_updated: 'a' }
  const after = { version: 2, last_updated: 'b', legs: { receive: 2, pay: 1 }, book_id: 'B2', notional: 5 }
  expect(difference(before, after)).toEqual([
    { field: 'version', from: '1', to: '2' },
    { field: 'book_id', from: 'B1', to: 'B2' },
    { field: 'notional', from: undefined, to: '5' },
    { field: 'gone', from: 'true', to: undefined },
  ])
  expect(difference(undefined, after)).toEqual([])
})

test('a digit beyond what JavaScript holds is a change', () => {
  const [a, b] = ['{"n":9007199254740993}', '{"n":9007199254740995}'].map((text) => parseExact(text) as Record<string, unknown>) // objects, as the texts say
  expect(difference(a, b ?? {})).toEqual([{ field: 'n', from: '9007199254740993', to: '9007199254740995' }])
})

test('fields that people know come first, in their order', () => {
  expect(fieldsOf({ zeta: 1, book_id: 'B1', alpha: 2, version: 3, trade_id: 'T1' }).map(([field]) => field)).toEqual(['trade_id', 'version', 'book_id', 'zeta', 'alpha'])
})
