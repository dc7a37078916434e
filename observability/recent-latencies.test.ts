import { expect, test } from 'vitest'
import { RecentLatencies } from './recent-latencies.ts'

test('what is older than two windows is forgotten', () => {
  const latencies = new RecentLatencies({ windowMs: 1_000, nowMs: 0 })
  latencies.record(10, 0)
  latencies.record(20, 900)
  expect(latencies.take(999).count).toBe(2)
  latencies.record(30, 1_500)
  expect([latencies.take(1_600).count, latencies.take(1_600).maxMs]).toEqual([3, 30])
  expect(latencies.take(2_600).count).toBe(1)
  expect(latencies.take(9_000).count).toBe(0)
})
