import { expect, test } from 'vitest'
import { directionOf, Trends } from './trend.js'

test('a small change is none', () => {
  expect([[], [5], [0, 99], [0, 100], [10_000, 10_900], [1_000, 1_200], [1_000, 0], [9_000, 100, 100, 100, 100, 100]].map(directionOf)).toEqual(['steady', 'steady', 'steady', 'rising', 'steady', 'rising', 'falling', 'steady'])
})

test('of each thing the last values are kept', () => {
  const trends = new Trends()
  for (let n = 0; n < 100; n++) trends.add('a', n)
  expect([trends.of('a').length, trends.of('a')[0], trends.of('a').at(-1), trends.of('b')]).toEqual([60, 40, 99, []])
})
