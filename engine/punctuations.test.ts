import { expect, test } from 'vitest'
import { Punctuations } from './punctuations.ts'

function punctuating(intervalMs: number, startMs: number) {
  const calls: number[] = []
  const punctuations = new Punctuations()
  punctuations.add(intervalMs, (nowMs) => calls.push(nowMs))
  punctuations.start(startMs)
  const at = (nowMs: number) => {
    if (punctuations.due(nowMs)) punctuations.run(nowMs)
  }
  return { calls, punctuations, at }
}

test('the first call comes after an interval; missed calls collapse to one, the next is an interval from then', () => {
  const { calls, punctuations, at } = punctuating(100, 1_000)
  for (const nowMs of [1_000, 1_099, 1_100, 1_150, 1_555, 1_600, 1_655]) at(nowMs)
  expect(calls).toEqual([1_100, 1_555, 1_655])
  expect(punctuations.nextMs).toBe(1_755)
})

test('a clock that goes back holds nothing up', () => {
  const { calls, at } = punctuating(100, 10_000)
  for (const nowMs of [10_100, 5_000, 5_050, 5_100]) at(nowMs)
  expect(calls).toEqual([10_100, 5_000, 5_100])
})

test('several intervals beside each other', () => {
  const { calls, punctuations, at } = punctuating(100, 0)
  const slow: number[] = []
  punctuations.add(250, (nowMs) => slow.push(nowMs))
  for (let nowMs = 0; nowMs <= 500; nowMs += 50) at(nowMs)
  expect(calls).toEqual([100, 200, 300, 400, 500])
  expect(slow).toEqual([250, 500])
})

test('without one nothing is ever due', () => {
  const punctuations = new Punctuations()
  expect(punctuations.due(Number.MAX_SAFE_INTEGER)).toBe(false)
  expect(punctuations.nextMs).toBe(Number.POSITIVE_INFINITY)
  const cleared = punctuating(100, 0).punctuations
  cleared.clear()
  expect(cleared.due(1_000)).toBe(false)
})
