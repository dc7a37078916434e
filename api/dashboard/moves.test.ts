import { expect, test } from 'vitest'
import { movesOf } from './moves.js'

const rebalance = (owners: Record<string, string[]>) => ({ at: '2026-12-11T00:00:00Z', group: 'g', generation: 1, owners })

test('what moved, by where from and where to, in the order of numbers', () => {
  const before = rebalance({ a: ['0_0', '0_11', '0_2'], b: ['0_1'], gone: ['0_4'] })
  const after = rebalance({ a: ['0_0'], b: ['0_1', '0_2', '0_11', '0_4'], c: ['0_5'] })
  expect(movesOf(before, after)).toEqual([
    { what: ['0_2', '0_11'], from: 'a', to: 'b' },
    { what: ['0_4'], from: 'gone', to: 'b' },
    { what: ['0_5'], from: undefined, to: 'c' },
  ])
  expect(movesOf(after, rebalance({ a: ['0_0'] }))).toContainEqual({ what: ['0_5'], from: 'c', to: undefined })
})

test('without the one before nothing is said to have moved', () => {
  expect([movesOf(undefined, rebalance({ a: ['0_0'] })), movesOf(rebalance({ a: ['0_0'] }), rebalance({ a: ['0_0'] }))]).toEqual([[], []])
})
