import { expect, test } from 'vitest'
import { LatencyHistogram } from './latency-histogram.ts'

test('percentiles are right to 3 %', () => {
  const histogram = new LatencyHistogram()
  for (let ms = 1; ms <= 10_000; ms++) histogram.record(ms)
  for (const share of [0.01, 0.5, 0.95, 0.99]) {
    const found = histogram.percentileMs(share) ?? 0
    expect(Math.abs(found / (share * 10_000) - 1)).toBeLessThan(0.03)
  }
  expect(histogram.percentileMs(1)).toBe(10_000)
  expect(histogram.count).toBe(10_000)
})

test('nothing recorded, nothing answered; zero and negative latencies count as the smallest', () => {
  const histogram = new LatencyHistogram()
  expect(histogram.percentileMs(0.5)).toBeUndefined()
  histogram.record(0)
  histogram.record(-5)
  expect(histogram.percentileMs(0.99)).toBeLessThan(0.02)
})

test('two histograms add up', () => {
  const a = new LatencyHistogram()
  const b = new LatencyHistogram()
  a.record(1)
  b.record(1_000)
  a.add(b)
  expect(a.count).toBe(2)
  expect(a.maxMs).toBe(1_000)
})
