import type { Metric, Results, Row } from './results.ts'
import type { Summary } from './summary.ts'

/** The results as a table that can be read in a terminal and on a page: median, and from min to max below it. */
export function markdownOf(results: Results): string {
  const metrics = results.metrics.filter(({ name }) => results.rows.some((row) => row.summary[name] !== undefined))
  const hasCases = results.rows.some((row) => row.case !== '')
  const columns = ['', ...(hasCases ? ['case'] : []), ...metrics.map(({ name, unit }) => `${name}${unit === '' ? '' : `, ${unit}`}`)]
  const lines = [
    `# ${results.scenario}`,
    '',
    `Median of ${results.rows[0]?.rounds.length ?? 0} rounds (from min to max). ${describeRun(results)}`,
    '',
    line(columns),
    line(columns.map((_, at) => (at === 0 ? '---' : '---:'))),
    ...results.rows.map((row) => line([row.title, ...(hasCases ? [row.case] : []), ...metrics.map((metric) => cell(row, metric))])),
    '',
    ...ratioLines(results),
    ...[...new Map(results.rows.map((row) => [row.title, row.settings]))].map(([title, settings]) => `- ${title}: ${settings}`),
    '',
    'Checked:',
    ...results.checks.map((check) => `- ${check}`),
    '',
  ]
  return lines.join('\n')
}

function describeRun({ machine, commit, at, durationSeconds }: Results): string {
  return `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; commit ${commit}, ${at.slice(0, 10)}, ${Math.round(durationSeconds / 60)} minutes.`
}

/** One of each peer in each case: by the first metric that it has. */
function ratioLines({ ratios }: Results): string[] {
  const told = ratios.filter((ratio, at) => ratios.findIndex(({ peer, case: name }) => peer === ratio.peer && name === ratio.case) === at)
  if (told.length === 0) return []
  return ['Times better than the peer:', ...told.map(({ peer, case: name, metric, ratio }) => `- ${[metric, name].filter(Boolean).join(', ')}, against ${peer}: ${ratio.toFixed(2)}`), '']
}

function cell(row: Row, metric: Metric): string {
  const summary = row.summary[metric.name]
  return summary === undefined ? '' : figure(summary, metric.digits ?? 0)
}

function figure({ median, min, max }: Summary, digits: number): string {
  const text = (value: number) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return min === max ? text(median) : `${text(median)} (${text(min)} to ${text(max)})`
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
