import { type Metric, OURS, type Results, type Row } from './results.ts'
import type { Summary } from './summary.ts'

export interface Change {
  readonly contender: string
  readonly case: string
  readonly metric: string
  readonly before: Summary
  readonly after: Summary
  /** Of the medians: 0.1 is ten per cent better, -0.1 ten per cent worse, whatever the direction of the metric. */
  readonly gain: number
  readonly verdict: 'noise' | 'better' | 'worse' | 'loss'
}

const LOSS = 0.1

/**
 * What changed between two runs of a scenario. A change counts where it is larger than the rounds of either run differ among themselves (half of max - min);
 * a loss is one of ten per cent or more, of ours: what becomes of a peer says something of the machine.
 */
export function compareResults(before: Results, after: Results): Change[] {
  if (before.scenario !== after.scenario) throw new Error(`one file is of the scenario ${before.scenario}, the other of ${after.scenario}: expected two runs of one scenario`)
  return after.rows.flatMap((row) => {
    const earlier = before.rows.find((found) => found.contender === row.contender && found.case === row.case)
    return earlier === undefined ? [] : after.metrics.flatMap((metric) => changeOf(earlier, row, metric) ?? [])
  })
}

function changeOf(earlier: Row, row: Row, metric: Metric): Change | undefined {
  const [before, after] = [earlier.summary[metric.name], row.summary[metric.name]]
  if (metric.better === undefined || before === undefined || after === undefined) return undefined
  const change = (after.median - before.median) / before.median
  const gain = metric.better === 'higher' ? change : -change
  const noise = Math.max(spread(before), spread(after))
  const beyond = Math.abs(gain) > noise
  const verdict = !beyond ? 'noise' : gain > 0 ? 'better' : gain <= -LOSS && row.contender === OURS ? 'loss' : 'worse'
  return { contender: row.contender, case: row.case, metric: metric.name, before, after, gain, verdict }
}

function spread({ median, min, max }: Summary): number {
  return (max - min) / 2 / median
}

export function describeChanges(changes: readonly Change[], before: Results, after: Results): string {
  const lines = changes.map(({ contender, case: name, metric, before: old, after: now, gain, verdict }) => {
    const subject = [contender, name, metric].filter(Boolean).join(' · ')
    const word = { noise: 'within noise', better: 'better', worse: 'worse', loss: 'LOSS' }[verdict]
    return `${word.padEnd(12)} ${(gain * 100).toFixed(1).padStart(7)} %  ${subject}: ${figure(old)} -> ${figure(now)}`
  })
  const machines = JSON.stringify(before.machine) === JSON.stringify(after.machine) ? [] : ['The machines differ: only ratios against peers of the same run can be compared.']
  return [...machines, ...lines, ''].join('\n')
}

function figure({ median, min, max }: Summary): string {
  const text = (value: number) => Number(value.toPrecision(4)).toLocaleString('en')
  return `${text(median)} (${text(min)} to ${text(max)})`
}
