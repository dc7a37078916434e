import { expect, test } from 'vitest'
import { compareResults } from './compare.ts'
import { testingResults } from './testing-results.ts'

const ours = (...throughputs: number[]) => testingResults({ tradewind: throughputs.map((throughput) => ({ throughput })) })
const verdictOf = (before: number[], after: number[]) => compareResults(ours(...before), ours(...after)).map(({ verdict }) => verdict)

test('a change within what the rounds differ among themselves is noise', () => {
  expect(verdictOf([90, 100, 110], [95, 105, 112])).toEqual(['noise'])
  expect(verdictOf([60, 100, 140], [80, 85, 90])).toEqual(['noise'])
})

test('beyond it, ten per cent less of ours is a loss, a little less is not', () => {
  expect(verdictOf([99, 100, 101], [79, 80, 81])).toEqual(['loss'])
  expect(verdictOf([99, 100, 101], [89, 90, 91])).toEqual(['loss'])
  expect(verdictOf([99, 100, 101], [94, 95, 96])).toEqual(['worse'])
  expect(verdictOf([99, 100, 101], [119, 120, 121])).toEqual(['better'])
})

test('where less is better, more is a loss', () => {
  const latency = (...values: number[]) => testingResults({ tradewind: values.map((value) => ({ latency: value })) })
  expect(compareResults(latency(10), latency(12))).toMatchObject([{ metric: 'latency', verdict: 'loss', gain: -0.2 }])
  expect(compareResults(latency(10), latency(8))).toMatchObject([{ verdict: 'better', gain: 0.2 }])
})

test('a peer that got slower is no loss of ours, and what is neither good nor bad is not compared', () => {
  const peer = (throughput: number) => testingResults({ 'kafka-streams': [{ throughput, others: throughput }] })
  expect(compareResults(peer(100), peer(50))).toMatchObject([{ metric: 'throughput', verdict: 'worse' }])
})

test('two scenarios cannot be compared', () => {
  expect(() => compareResults({ ...ours(1), scenario: 'latency' }, ours(1))).toThrow('expected two runs of one scenario')
})
