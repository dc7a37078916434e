import { expect, test } from 'vitest'
import { chartOf } from './chart.ts'
import { markdownOf } from './markdown.ts'
import { testingResults } from './testing-results.ts'

const results = testingResults({
  tradewind: [{ throughput: 390_000 }, { throughput: 400_000 }, { throughput: 410_000 }],
  'kafka-streams': [{ throughput: 100_000 }, { throughput: 100_000 }, { throughput: 100_000 }],
})

test('the table has a row for each contender: median, and the range of the rounds where there is one', () => {
  const table = markdownOf(results)
  expect(table).toContain('|  | throughput, records/s |\n| --- | ---: |\n| tradewind | 400,000 (390,000 to 410,000) |\n| kafka-streams | 100,000 |')
  expect(table).toContain('- throughput, against kafka-streams: 4.00')
  expect(table).toContain('- kafka-streams: settings of kafka-streams')
  expect(table).toContain('- everything')
})

test('the chart draws bars to one scale, ours in a colour of its own, and escapes what it is told', () => {
  const svg = chartOf(results)
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"[^>]*class="(\w+)"/g)].map(([, width, kind]) => [kind, Number(width)] as const)
  expect(widths.map(([kind]) => kind)).toEqual(['ours', 'peer'])
  expect((widths[0]?.[1] ?? 0) / (widths[1]?.[1] ?? 1)).toBeCloseTo(4, 1)
  expect(svg).toContain('A &lt;fast&gt; &amp; quiet one')
  expect(svg).toContain('prefers-color-scheme: dark')
})
