import { leastRatio, makeRow, type Measurement, type Metric, ratiosOf, type Results } from './results.ts'

export const METRICS: readonly Metric[] = [
  { name: 'throughput', unit: 'records/s', better: 'higher' },
  { name: 'latency', unit: 'ms', better: 'lower', digits: 1 },
  { name: 'others', unit: 'cores', better: undefined },
]

/** Results of a run for tests: rounds by contender. */
export function testingResults(rounds: Readonly<Record<string, readonly Measurement[]>>): Results {
  const rows = Object.entries(rounds).map(([name, measured]) => makeRow({ name, title: name, settings: `settings of ${name}` }, '', measured))
  const ratios = ratiosOf(rows, METRICS)
  return {
    scenario: 'drain',
    ratio: leastRatio(ratios, 'throughput'),
    ratios,
    rows,
    metrics: METRICS,
    machine: { cpu: 'A <fast> & quiet one', cores: 2, memoryGb: 8, kernel: '6.1', node: 'v26' },
    options: {},
    commit: 'abc',
    at: '2026-11-21T00:00:00.000Z',
    durationSeconds: 60,
    checks: ['everything'],
  }
}
