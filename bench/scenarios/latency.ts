import { rm } from 'node:fs/promises'
import { AuditWatch } from '../harness/audit-watch.ts'
import { pause, until } from '../harness/bench-stack.ts'
import { checkResults } from '../harness/check-results.ts'
import { expectedResults } from '../harness/oracle.ts'
import type { RunningContender } from '../harness/contender.ts'
import type { Measurement } from '../harness/results.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { UsageWindow } from '../harness/usage-window.ts'
import { tradeContenders } from './trade-contenders.ts'

const DEFAULT_RATES = [1_000, 5_000, 10_000, 20_000]
const REST_WITHIN_MS = 120_000

/**
 * From the moment when a record was due to its committed audit entry in the hands of a reader, at several rates. Each round starts the process anew and goes through all
 * rates, lowest first; what is due in the first seconds of each rate is for compilers.
 */
export const latency: Scenario = {
  name: 'latency',
  metrics: [
    { name: 'p50', unit: 'ms', better: 'lower', digits: 1 },
    { name: 'p99', unit: 'ms', better: 'lower', digits: 1 },
    { name: 'p99.9', unit: 'ms', better: 'lower', digits: 1 },
    { name: 'max', unit: 'ms', better: undefined },
    { name: 'client', unit: 'cores', better: 'lower', digits: 2 },
    { name: 'broker', unit: 'cores', better: 'lower', digits: 2 },
    { name: 'peak memory', unit: 'MB', better: 'lower' },
    { name: 'others', unit: 'cores', better: undefined, digits: 2 },
    { name: 'steal', unit: 'cores', better: undefined, digits: 2 },
  ],
  contenders: tradeContenders,
  async prepare({ stack, options, say }) {
    say('warming the broker')
    for (let round = 0; round < options.warmDrains; round++) {
      await stack.freshTopics({ input: true })
      await stack.preload(['--count', String(options.records)])
    }
  },
  async measure(context, contender) {
    const { stack, profileDirectory, options } = context
    const cases = new Map<string, Measurement>()
    await stack.freshTopics({ input: true })
    const run = context.newRun(contender.name)
    const running = await contender.start(stack, { ...run, profileDirectory })
    try {
      await running.ready()
      for (const [at, rate] of (options.rates ?? DEFAULT_RATES).toSorted((a, b) => a - b).entries()) {
        const { kept, figures } = await measureRate(context, running, { rate, seed: 42 + at })
        cases.set(`${rate.toLocaleString('en')}/s`, figures)
        // It would only be further behind with more.
        if (!kept) break
      }
      await running.stop()
      const expected = await expectedResults(stack.client, { limits: await stack.committed(run.group) })
      await checkResults(stack.client, contender.name, expected)
      context.checked('every contender, every round: exactly one audit entry for each input, with the right outcome, and the right final state of each trade')
      return cases
    } finally {
      await running.kill()
      await rm(run.stateDirectory, { recursive: true, force: true })
    }
  },
}

/** `kept`: it had worked off the rest within two minutes. */
async function measureRate({ stack, options, say }: ScenarioContext, running: RunningContender, { rate, seed }: { rate: number; seed: number }): Promise<{ kept: boolean; figures: Measurement }> {
  const watch = await AuditWatch.start(stack.client)
  const seconds = options.warmSeconds + options.seconds
  const load = stack.load(['--rate', String(rate), '--for', `${seconds}s`, '--seed', String(seed)])
  const { startedMs = Date.now() } = await until(load, (status) => status.startedMs !== undefined)
  const fromMs = startedMs + options.warmSeconds * 1000
  watch.measure({ fromMs, toMs: fromMs + options.seconds * 1000 })
  while (Date.now() < fromMs) await pause()
  const window = new UsageWindow({ client: running.pid, broker: stack.brokerPid, also: load.pid === undefined ? [] : [load.pid] })
  while (Date.now() < fromMs + options.seconds * 1000 - LAST_LOOK_MS) {
    running.check()
    await pause()
  }
  const usage = window.end()
  await load.ended
  const { acknowledged = 0 } = load.status ?? {}
  const deadlineMs = Date.now() + REST_WITHIN_MS
  while (watch.entries < acknowledged && Date.now() < deadlineMs) {
    watch.check()
    running.check()
    await pause()
  }
  const kept = watch.entries >= acknowledged
  if (!kept) say(`it is ${acknowledged - watch.entries} records behind two minutes after the load of ${rate}/s: the latency is of those that came`)
  await watch.close()
  const percentile = (share: number) => watch.histogram.percentileMs(share) ?? Number.NaN
  const figures = {
    p50: percentile(0.5),
    p99: percentile(0.99),
    'p99.9': percentile(0.999),
    max: watch.histogram.maxMs,
    client: usage.clientCpuSeconds / usage.seconds,
    broker: usage.brokerCpuSeconds / usage.seconds,
    'peak memory': usage.peakMemoryBytes / 1e6,
    others: usage.othersCores,
    steal: usage.stealCores,
  }
  return { kept, figures }
}

/** The load generator ends with the stretch, and its processor time can be read only while it lives. */
const LAST_LOOK_MS = 500
