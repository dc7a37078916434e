import { OURS, type Results, type Row } from './results.ts'

const WIDTH = 760
const LABELS = 250
const VALUES = 110
const BAR = 18
const STEP = 30
const TOP = 58

/** A bar for each row with the range of its rounds as a line, by the first metric. Its colours follow the reader's choice of light or dark. */
export function chartOf(results: Results): string {
  const [metric] = results.metrics
  if (metric === undefined) throw new Error(`the scenario ${results.scenario} has no metric to draw`)
  const rows = results.rows.filter((row) => row.summary[metric.name] !== undefined)
  const longest = Math.max(...rows.map((row) => row.summary[metric.name]?.max ?? 0), Number.MIN_VALUE)
  const scale = (value: number) => Number(((value / longest) * (WIDTH - LABELS - VALUES)).toFixed(1))
  const height = TOP + rows.length * STEP + 16
  const better = metric.better === undefined ? '' : metric.better === 'higher' ? ', more is better' : ', less is better'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(`${results.scenario}: ${metric.name}`)}">
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-size: 15px; font-weight: 600 } .small { fill: #57606a; font-size: 12px }
  .ours { fill: #0b6bcb } .peer { fill: #a7b1bd } .range { stroke: #24292f; stroke-width: 1.5 } svg { background: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .ours { fill: #4ea1f3 } .peer { fill: #57606a } .range { stroke: #e6edf3 } svg { background: #0d1117 }
  }
</style>
<text x="16" y="24" class="title">${escape(results.scenario)}: ${escape(metric.name)}${metric.unit === '' ? '' : `, ${escape(metric.unit)}`}</text>
<text x="16" y="43" class="small">median of ${rows[0]?.rounds.length ?? 0} rounds, line from min to max${better}; ${escape(results.machine.cpu)}, ${results.machine.cores} cores</text>
${rows.map((row, at) => bar(row, metric, TOP + at * STEP, scale)).join('\n')}
</svg>
`
}

function bar(row: Row, metric: { name: string; digits?: number }, y: number, scale: (value: number) => number): string {
  const { median = 0, min = 0, max = 0 } = row.summary[metric.name] ?? {}
  const middle = y + BAR / 2
  const text = median.toLocaleString('en', { maximumFractionDigits: metric.digits ?? 0 })
  return [
    `<text x="${LABELS - 10}" y="${middle + 4.5}" text-anchor="end">${escape([row.title, row.case].filter(Boolean).join(', '))}</text>`,
    `<rect x="${LABELS}" y="${y}" width="${Math.max(1, scale(median))}" height="${BAR}" rx="2" class="${row.contender === OURS ? 'ours' : 'peer'}"/>`,
    `<line x1="${LABELS + scale(min)}" y1="${middle}" x2="${LABELS + scale(max)}" y2="${middle}" class="range"/>`,
    `<text x="${LABELS + Math.max(scale(median), scale(max)) + 8}" y="${middle + 4.5}">${text}</text>`,
  ].join('')
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
