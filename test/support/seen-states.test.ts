import { expect, test } from 'vitest'
import { SeenStates } from './seen-states.ts'

const of = (version: number, at = 'then') => ({ status: 200, body: JSON.stringify({ version, at }) })
const absent = { status: 404, body: '{}', contentType: 'application/problem+json' }

function twoVersions(): SeenStates {
  const trade = new SeenStates({ name: 'T1', first: undefined, volatile: ['at'] })
  trade.mayBecome({ version: 1 })
  trade.mayBecome({ version: 2 })
  return trade
}

test('states in their order are right, and those that were on their way when a later one was seen', () => {
  const trade = twoVersions()
  expect(trade.ask()(absent)).toBeUndefined()
  expect(trade.ask()(of(1))).toBeUndefined()
  const early = trade.ask()
  expect([trade.ask()(of(2)), early(of(1)), trade.isThrough]).toEqual([undefined, undefined, true])
})

test('an older state than was seen before the question, one that never was, and one with two texts are told', () => {
  const trade = twoVersions()
  expect(trade.ask()(of(2))).toBeUndefined()
  expect(trade.ask()(of(1))).toMatch('an older state than number 2')
  expect(trade.ask()(absent)).toMatch('an older state than number 2')
  expect(trade.ask()(of(3))).toMatch('a state that never was')
  expect(trade.ask()(of(2, 'later'))).toMatch('two texts')
})

test('what is known from elsewhere counts as seen', () => {
  const trade = twoVersions()
  trade.reached(1)
  expect(trade.ask()(absent)).toMatch('an older state than number 1')
})

test('a refusal that says when to come again is right; one that does not, and any other fault, is not', () => {
  const trade = twoVersions()
  const away = { status: 503, body: '{}', contentType: 'application/problem+json' }
  expect(trade.ask()({ ...away, retryAfter: '1' })).toBeUndefined()
  expect(trade.ask()(away)).toMatch('Retry-After')
  expect(trade.ask()({ ...away, status: 500 })).toMatch('500, expected')
  expect(trade.ask()({ status: 404, body: '', contentType: 'text/html' })).toMatch('expected a problem document')
})
