import { expect, test } from 'vitest'
import { Rates } from './rates.ts'

test('a rate is that between a look and one before it, a second or so ago', () => {
  const rates = new Rates()
  const at = (nowMs: number, count: number) => rates.perSecond('a', nowMs, count)
  expect(at(0, 100)).toBeUndefined()
  expect(at(500, 100)).toBeUndefined()
  expect(at(1_000, 150)).toBe(50)
  expect(at(1_100, 150)).toBeCloseTo(50 / 1.1)
  expect(at(3_000, 150)).toBe(0)
  expect(at(3_010, 150)).toBe(0)
})

test('a counter that has begun anew, and a look of long ago, say nothing', () => {
  const rates = new Rates()
  rates.perSecond('a', 0, 100)
  expect(rates.perSecond('a', 1_000, 5)).toBeUndefined()
  expect(rates.perSecond('a', 2_000, 10)).toBe(5)
  expect(rates.perSecond('a', 40_000, 1_000)).toBeUndefined()
  expect(rates.perSecond('b', 41_000, 1_000)).toBeUndefined()
})
