import { rm } from 'node:fs/promises'
import { AuditWatch } from '../harness/audit-watch.ts'
import { pause, sum, until } from '../harness/bench-stack.ts'
import { checkResults } from '../harness/check-results.ts'
import type { RunningContender } from '../harness/contender.ts'
import { expectedResults } from '../harness/oracle.ts'
import { memoryOf } from '../harness/process-meter.ts'
import type { Measurement } from '../harness/results.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { summarise } from '../harness/summary.ts'
import { trendOf } from '../harness/trend.ts'
import { tradeContenders } from './trade-contenders.ts'

const DEFAULT_RATE = 5_000
const DEFAULT_KEYS = 500_000
/** One in so many of the stretches, before the trend is taken: compilers, caches, first compactions. */
const SETTLING_SHARE = 6
const FIGURES = ['memory', 'p50', 'p99'] as const

/** The same load for a long time on a full store: memory and latency, stretch by stretch, as long as `--seconds`, and how steeply they rise. */
export const soak: Scenario = {
  name: 'soak',
  metrics: [
    { name: 'memory', unit: 'MB', better: 'lower' },
    { name: 'p50', unit: 'ms', better: 'lower', digits: 1 },
    { name: 'p99', unit: 'ms', better: 'lower', digits: 1 },
    { name: 'memory rises', unit: 'MB an hour', better: undefined, digits: 1 },
    { name: 'p50 rises', unit: 'ms an hour', better: undefined, digits: 1 },
    { name: 'p99 rises', unit: 'ms an hour', better: undefined, digits: 1 },
  ],
  contenders: tradeContenders,
  async prepare() {},
  async measure(context, contender) {
    const { stack, options, profileDirectory } = context
    const { seconds } = options
    const count = Math.floor((options.minutes * 60) / seconds)
    if (!(count >= 4)) throw new RangeError(`--minutes ${options.minutes} are ${count} stretches of --seconds ${seconds}, expected 4 or more: a trend needs three behind the first`)
    const [rate, keys] = [options.rates?.[0] ?? DEFAULT_RATE, options.keys?.[0] ?? DEFAULT_KEYS]
    await stack.freshTopics({ input: true })
    await stack.preload(['--unique', '--keys', String(keys), '--count', String(keys)])
    const run = context.newRun(contender.name)
    const running = await contender.start(stack, { ...run, profileDirectory })
    try {
      await running.ready()
      await workedOff(context, running, run.group)
      const watch = await AuditWatch.start(stack.client)
      const load = stack.load(['--rate', String(rate), '--keys', String(keys), '--seed', '7'])
      const { startedMs = Date.now() } = await until(load, (status) => status.startedMs !== undefined)
      watch.measure({ fromMs: startedMs, toMs: startedMs + count * seconds * 1000, stretches: count })
      const memory: number[] = []
      while (memory.length < count) {
        watch.check()
        running.check()
        load.check()
        await pause()
        if (Date.now() >= startedMs + (memory.length + 1) * seconds * 1000) memory.push(memoryOf(running.pid).residentBytes / 1e6)
      }
      await load.stop(30_000)
      await workedOff(context, running, run.group)
      const stretches = watch.stretches.map((latencies, at) => ({ memory: memory[at] ?? Number.NaN, p50: latencies.percentileMs(0.5) ?? Number.NaN, p99: latencies.percentileMs(0.99) ?? Number.NaN }))
      await watch.close()
      await running.stop()
      await checkResults(stack.client, contender.name, await expectedResults(stack.client))
      context.checked('every contender: exactly one audit entry for each input, with the right outcome, and the right final state of each trade')
      return new Map([['all', overall(context, contender.name, stretches)], ...stretches.map((stretch, at) => [`after ${((at + 1) * seconds) / 60} min`, stretch] as const)])
    } finally {
      await running.kill()
      await rm(run.stateDirectory, { recursive: true, force: true })
    }
  },
}

function overall({ say, options }: ScenarioContext, contender: string, stretches: readonly Measurement[]): Measurement {
  const settled = stretches.slice(Math.ceil(stretches.length / SETTLING_SHARE))
  const anHour = 3600 / options.seconds
  const all: Record<string, number> = {}
  for (const figure of FIGURES) {
    const values = settled.map((stretch) => stretch[figure] ?? Number.NaN)
    const { slope, standardError, isFlat } = trendOf(values)
    all[figure] = summarise(values).median
    all[`${figure} rises`] = slope * anHour
    say(`${contender}: ${figure} ${isFlat ? 'is flat' : 'RISES'}: ${(slope * anHour).toPrecision(3)} an hour, standard error ${(standardError * anHour).toPrecision(3)}`)
  }
  return all
}

async function workedOff({ stack }: ScenarioContext, running: RunningContender, group: string): Promise<void> {
  while (sum(await stack.committed(group)) < sum(await stack.inputEnds())) {
    running.check()
    await pause()
  }
}
