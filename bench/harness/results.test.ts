import { expect, test } from 'vitest'
import { testingResults } from './testing-results.ts'

test('a ratio says how many times better we are, whatever the direction; the one of the run is against the best peer', () => {
  const { ratio, ratios } = testingResults({
    tradewind: [{ throughput: 400, latency: 5, others: 0 }],
    'kafka-streams': [{ throughput: 100, latency: 50, others: 1 }],
    'kafka-streams-tuned': [{ throughput: 200, latency: 100, others: 1 }],
  })
  expect(ratio).toBe(2)
  expect(ratios.map((each) => [each.peer, each.metric, each.ratio])).toEqual([
    ['kafka-streams', 'throughput', 4],
    ['kafka-streams', 'latency', 10],
    ['kafka-streams-tuned', 'throughput', 2],
    ['kafka-streams-tuned', 'latency', 20],
  ])
})

test('a run without a peer has no ratio', () => {
  expect(testingResults({ tradewind: [{ throughput: 400 }] }).ratio).toBeUndefined()
})

test('figures of 0 or less have no ratio', () => {
  expect(testingResults({ tradewind: [{ latency: 0 }], 'kafka-streams': [{ latency: 5 }] }).ratios).toEqual([])
  expect(testingResults({ tradewind: [{ latency: 2 }], 'kafka-streams': [{ latency: -1 }] }).ratios).toEqual([])
})

test('what is no number is not among the figures', () => {
  const { rows, ratios } = testingResults({ tradewind: [{ throughput: Number.NaN, latency: 1 }, { throughput: Number.NaN, latency: Number.NaN }], 'kafka-streams': [{ throughput: 5, latency: 2 }] })
  expect(rows[0]?.summary).toEqual({ latency: { median: 1, min: 1, max: 1 } })
  expect(ratios).toMatchObject([{ metric: 'latency', ratio: 2 }])
})

test('a metric that a contender does not have takes no part', () => {
  const { ratios } = testingResults({ tradewind: [{ throughput: 400, latency: 5 }], 'producer-tool': [{ throughput: 800 }] })
  expect(ratios).toMatchObject([{ metric: 'throughput', ratio: 0.5 }])
})
