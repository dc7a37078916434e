import type { MachineDescription } from './machine.ts'
import { type Summary, summarise } from './summary.ts'

export interface Metric {
  readonly name: string
  readonly unit: string
  /** `undefined`: told, but neither good nor bad in itself. */
  readonly better: 'higher' | 'lower' | undefined
  /** Digits after the point in tables. Default 0. */
  readonly digits?: number
}

/** Figures of one round by metric name. A contender need not have all of them. */
export type Measurement = Readonly<Record<string, number>>

/** A contender in one case of a scenario (a rate, a number of keys; '' where there is only one). */
export interface Row {
  readonly contender: string
  readonly title: string
  readonly settings: string
  readonly case: string
  readonly rounds: readonly Measurement[]
  readonly summary: Readonly<Record<string, Summary>>
}

/** How many times better we are than a peer: above 1 is better, whatever the direction of the metric. */
export interface Ratio {
  readonly metric: string
  readonly case: string
  readonly peer: string
  readonly ours: number
  readonly theirs: number
  readonly ratio: number
}

export interface Results {
  readonly scenario: string
  /** By the first metric: against the best peer, in the case where that is least. `undefined` without a peer. */
  readonly ratio: number | undefined
  readonly ratios: readonly Ratio[]
  readonly rows: readonly Row[]
  readonly metrics: readonly Metric[]
  readonly machine: MachineDescription
  readonly options: Readonly<Record<string, unknown>>
  readonly commit: string
  readonly at: string
  readonly durationSeconds: number
  /** What was verified, in words. */
  readonly checks: readonly string[]
}

export const OURS = 'tradewind'

export function makeRow(contender: { name: string; title: string; settings: string }, name: string, rounds: readonly Measurement[]): Row {
  const metrics = [...new Set(rounds.flatMap((round) => Object.keys(round)))]
  // A percentile of nothing is no figure.
  const valuesOf = (metric: string) => rounds.flatMap((round) => round[metric] ?? []).filter(Number.isFinite)
  const summary = metrics.flatMap((metric) => (valuesOf(metric).length === 0 ? [] : [[metric, summarise(valuesOf(metric))] as const]))
  return { contender: contender.name, title: contender.title, settings: contender.settings, case: name, rounds, summary: Object.fromEntries(summary) }
}

export function ratiosOf(rows: readonly Row[], metrics: readonly Metric[]): Ratio[] {
  return rows
    .filter(({ contender }) => contender === OURS)
    .flatMap((ours) =>
      rows
        .filter((row) => row.contender !== OURS && row.case === ours.case)
        .flatMap((row) =>
          metrics.flatMap((metric) => {
            const [mine, theirs] = [ours.summary[metric.name]?.median, row.summary[metric.name]?.median]
            if (metric.better === undefined || mine === undefined || theirs === undefined) return []
            const ratio = metric.better === 'higher' ? mine / theirs : theirs / mine
            // Differences of two readings, such as what is on top of an idle broker, may be 0 or less: no ratio says anything of them.
            if (!(ratio > 0 && Number.isFinite(ratio))) return []
            return [{ metric: metric.name, case: ours.case, peer: row.contender, ours: mine, theirs, ratio: Number(ratio.toFixed(3)) }]
          }),
        ),
    )
}

/** The least of all ratios of a metric: the best peer, in our worst case. */
export function leastRatio(ratios: readonly Ratio[], metric: string): number | undefined {
  const found = ratios.flatMap((ratio) => (ratio.metric === metric ? ratio.ratio : []))
  return found.length === 0 ? undefined : Math.min(...found)
}
