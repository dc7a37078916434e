import { rm } from 'node:fs/promises'
import { AuditWatch } from '../harness/audit-watch.ts'
import { LatencyHistogram } from '../../observability/latency-histogram.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { pause, sum, until } from '../harness/bench-stack.ts'
import { checkResults } from '../harness/check-results.ts'
import type { RunningContender } from '../harness/contender.ts'
import { expectedResults } from '../harness/oracle.ts'
import type { Measurement } from '../harness/results.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { TopicCount } from '../harness/topic-count.ts'
import { clockBehind } from '../peers/node-profile.ts'
import { tradewind } from '../peers/tradewind.ts'
import { MaturingTrades } from '../workload/maturing-trades.ts'

const DEFAULT_RATE = 10_000
const DEFAULT_KEYS = 5_000_000
const DAY_MS = 86_400_000
const SECOND_MS = 1_000
/** The expiry itself is given up after that. */
const EXPIRED_WITHIN_MS = 600_000

/**
 * Midnight, with trades that mature on the day that is over, under load: latency before it, from then until the last of them has expired, and after. Ours only: no peer has that rule. The
 * clock of the process and of the load is put back to the evening of yesterday; the business date is all that it changes.
 */
export const expiry: Scenario = {
  name: 'expiry',
  metrics: [
    { name: 'p50', unit: 'ms', better: 'lower', digits: 1 },
    { name: 'p99', unit: 'ms', better: 'lower', digits: 1 },
    { name: 'max', unit: 'ms', better: undefined },
    { name: 'expiry', unit: 's', better: 'lower', digits: 2 },
    { name: 'expired', unit: 'trades/s', better: 'higher' },
  ],
  contenders: [tradewind],
  async prepare() {},
  async measure(context, contender) {
    const { stack, options } = context
    const [rate, keys, maturing] = [options.rates?.[0] ?? DEFAULT_RATE, options.keys?.[0] ?? DEFAULT_KEYS, options.expire]
    if (!(maturing > 0 && maturing < keys)) throw new RangeError(`--expire is ${maturing}, expected some of the ${keys} --keys`)
    // As the process has it; the midnight after it lies behind us.
    const midnightMs = Math.floor(Date.now() / DAY_MS) * DAY_MS
    const evening = new Date(midnightMs - DAY_MS).toISOString().slice(0, 10)
    const others = keys - maturing
    await stack.freshTopics({ input: true })
    await stack.preload(['--unique', '--keys', String(others), '--count', String(others)])
    await stack.produce(new MaturingTrades({ first: others, maturityDate: evening }), maturing)

    const run = context.newRun(contender.name)
    const start = (clockBehindMs: number) => contender.start(stack, { ...run, profileDirectory: undefined, clockBehindMs })
    let running = await start(Date.now() + DAY_MS / 2 - midnightMs)
    try {
      await workedOff(context, running, run.group)
      await running.stop()
      const expired = await TopicCount.start(stack.client, TRADE_TOPICS.expired)
      const turnMs = Date.now() + (options.warmSeconds + options.seconds) * SECOND_MS + START_MS
      const clockBehindMs = turnMs - midnightMs
      const watch = await AuditWatch.start(stack.client, { clockBehindMs })
      running = await start(clockBehindMs)
      await running.ready()
      const load = stack.load(['--rate', String(rate), '--keys', String(others), '--seed', '7'], clockBehind(clockBehindMs))
      await until(load, (status) => status.startedMs !== undefined)
      const fromMs = turnMs - options.seconds * SECOND_MS
      if (Date.now() > fromMs) throw new Error(`the process took ${Math.round((Date.now() - fromMs) / SECOND_MS)} s too long to start: expected more --warm-seconds`)
      const stretches = Math.ceil((options.seconds * 2 * SECOND_MS + EXPIRED_WITHIN_MS) / SECOND_MS)
      watch.measure({ fromMs: fromMs - clockBehindMs, toMs: fromMs - clockBehindMs + stretches * SECOND_MS, stretches })
      const check = () => {
        for (const each of [watch, expired, running, load]) each.check()
      }
      while (expired.records < maturing) {
        check()
        if (Date.now() > turnMs + EXPIRED_WITHIN_MS) throw new Error(`${expired.records} of ${maturing} trades have expired ${EXPIRED_WITHIN_MS / 1000} s after midnight`)
        await pause()
      }
      const overMs = expired.lastMs
      if (expired.firstMs < turnMs) throw new Error(`trades expired ${turnMs - expired.firstMs} ms before midnight`)
      while (Date.now() < overMs + options.seconds * SECOND_MS) {
        check()
        await pause()
      }
      await load.stop(30_000)
      await workedOff(context, running, run.group)
      await watch.close()
      await expired.close()
      await running.stop()
      await checkResults(stack.client, contender.name, { ...(await expectedResults(stack.client, { today: evening })), expired: maturing })
      context.checked(`exactly one audit entry for each input, exactly ${maturing.toLocaleString('en')} of ${keys.toLocaleString('en')} trades expired, each once, none before midnight`)

      const turnAt = options.seconds
      const overAt = Math.ceil((overMs - fromMs) / SECOND_MS)
      if (watch.stretches.every(({ count }) => count === 0)) throw new Error('no audit entry has the time when its input was due')
      const seconds = (overMs - turnMs) / SECOND_MS
      return new Map<string, Measurement>([
        ['before', latencies(watch.stretches.slice(0, turnAt))],
        ['during', { ...latencies(watch.stretches.slice(turnAt, overAt)), expiry: seconds, expired: maturing / seconds }],
        ['after', latencies(watch.stretches.slice(overAt, overAt + options.seconds))],
      ])
    } finally {
      await running.kill()
      await rm(run.stateDirectory, { recursive: true, force: true })
    }
  },
}

/** For a process to come up with its store, on a slow machine, before the load begins. */
const START_MS = 15_000

function latencies(stretches: readonly LatencyHistogram[]): Measurement {
  const all = new LatencyHistogram()
  for (const stretch of stretches) all.add(stretch)
  return { p50: all.percentileMs(0.5) ?? Number.NaN, p99: all.percentileMs(0.99) ?? Number.NaN, max: all.maxMs }
}

async function workedOff({ stack }: ScenarioContext, running: RunningContender, group: string): Promise<void> {
  while (sum(await stack.committed(group)) < sum(await stack.inputEnds())) {
    running.check()
    await pause()
  }
}
