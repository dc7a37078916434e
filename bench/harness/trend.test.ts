import { expect, test } from 'vitest'
import { trendOf } from './trend.ts'

test('the slope of a line is that of the line, without error', () => {
  const { slope, standardError, isFlat } = trendOf([10, 12, 14, 16])
  expect(slope).toBeCloseTo(2)
  expect(standardError).toBeCloseTo(0)
  expect(isFlat).toBe(false)
})

test('noise about a constant is flat, a rise out of the noise is not', () => {
  expect(trendOf([100, 140, 90, 130, 95, 135]).isFlat).toBe(true)
  expect(trendOf([100, 122, 138, 162, 180, 199]).isFlat).toBe(false)
})

test('a rise of less than a twentieth over all values is flat however steady, and so is a fall', () => {
  expect(trendOf([1000, 1010, 1020, 1030]).isFlat).toBe(true)
  expect(trendOf([1000, 1020, 1040, 1060]).isFlat).toBe(false)
  expect(trendOf([1000, 900, 800]).isFlat).toBe(true)
})

test('two values have no trend', () => {
  expect(() => trendOf([1, 2])).toThrow('a trend of 2 values, expected at least 3')
})
