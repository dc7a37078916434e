import { expect, test } from 'vitest'
import { summarise } from './summary.ts'

test('the median of an odd number of rounds is one of them, of an even number the mean of two', () => {
  expect(summarise([30, 10, 20])).toEqual({ median: 20, min: 10, max: 30 })
  expect(summarise([40, 10, 20, 30])).toEqual({ median: 25, min: 10, max: 40 })
  expect(summarise([7])).toEqual({ median: 7, min: 7, max: 7 })
})
