/** A histogram of durations in seconds, for one set of labels. */
export class DurationHistogram {
  readonly #counts = new Float64Array(BOUNDS_S.length)
  #count = 0
  #sum = 0

  observe(seconds: number): void {
    this.#count++
    this.#sum += seconds
    const at = BOUNDS_S.findIndex((bound) => seconds <= bound)
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1
  }

  /** Its samples in the order that the format wants: buckets that add up, then sum and count. */
  *samples(name: string, labels: Labels): Generator<Sample> {
    let below = 0
    for (const [at, bound] of BOUNDS_S.entries()) {
      below += this.#counts[at] ?? 0
      yield { name: `${name}_bucket`, labels: { ...labels, le: String(bound) }, value: below }
    }
    yield { name: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: this.#count }
    yield { name: `${name}_sum`, labels, value: this.#sum }
    yield { name: `${name}_count`, labels, value: this.#count }
  }
}

/** Those that OpenTelemetry recommends for HTTP, and one below: most answers take a millisecond or two. */
const BOUNDS_S = [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const

export type Labels = Readonly<Record<string, string | number>>

export interface Sample {
  readonly name: string
  readonly labels: Labels
  readonly value: number
}

/** A metric: what it is, and its values now. */
export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: Iterable<Pick<Sample, 'labels' | 'value'> & { readonly name?: string }>
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Metrics as text, in Prometheus' exposition format. */
export function metricsText(metrics: readonly Metric[]): string {
  const lines: string[] = []
  for (const { name, type, help, samples } of metrics) {
    lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${type}`)
    for (const sample of samples) lines.push(`${sample.name ?? name}${labelsText(sample.labels)} ${sample.value}`)
  }
  return `${lines.join('\n')}\n`
}

function labelsText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}
