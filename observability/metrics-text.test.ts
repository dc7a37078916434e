import { expect, test } from 'vitest'
import { DurationHistogram, metricsText } from './metrics-text.ts'

test('metrics as Prometheus reads them', () => {
  const samples = [{ labels: {}, value: 1 }, { labels: { a: 'x"y\\z\n', partition: 3 }, value: 0.5 }]
  expect(metricsText([{ name: 'some_total', type: 'counter', help: 'What\nit is', samples }])).toBe('# HELP some_total What\\nit is\n# TYPE some_total counter\nsome_total 1\nsome_total{a="x\\"y\\\\z\\n",partition="3"} 0.5\n')
})

test('buckets add up, whatever lies beyond the last one', () => {
  const histogram = new DurationHistogram()
  for (const seconds of [0.0005, 0.001, 0.003, 100]) histogram.observe(seconds)
  const samples = [...histogram.samples('d', { m: 'GET' })]
  const bucket = (le: string) => samples.find(({ labels }) => labels['le'] === le)?.value
  expect([bucket('0.001'), bucket('0.005'), bucket('10'), bucket('+Inf')]).toEqual([2, 3, 3, 4])
  expect(samples.slice(-2)).toEqual([
    { name: 'd_sum', labels: { m: 'GET' }, value: 100.0045 },
    { name: 'd_count', labels: { m: 'GET' }, value: 4 },
  ])
})
