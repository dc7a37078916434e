import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { AuditWatch } from '../harness/audit-watch.ts'
import { PARTITIONS, pause, sum, until } from '../harness/bench-stack.ts'
import { checkResults } from '../harness/check-results.ts'
import type { RunningContender } from '../harness/contender.ts'
import { expectedResults } from '../harness/oracle.ts'
import type { Measurement } from '../harness/results.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { summarise } from '../harness/summary.ts'
import { tradeContenders } from './trade-contenders.ts'

const DEFAULT_RATE = 10_000
const DEFAULT_KEYS = 500_000
/** A newcomer, or what comes back, has so long to be there and to have caught up. */
const SETTLED_WITHIN_MS = 180_000

/** A second instance joins, leaves in order, joins again and is killed, under load: for how long a partition is silent, as a reader of its audit entries sees it. */
export const rebalance: Scenario = {
  name: 'rebalance',
  metrics: [
    { name: 'longest silence', unit: 's', better: 'lower', digits: 2 },
    { name: 'median partition', unit: 's', better: 'lower', digits: 2 },
    { name: 'longest wait', unit: 's', better: 'lower', digits: 2 },
    { name: 'p99', unit: 'ms', better: 'lower' },
  ],
  contenders: tradeContenders,
  async prepare() {},
  async measure(context, contender) {
    const { stack, options, profileDirectory } = context
    await stack.freshTopics({ input: true })
    const run = context.newRun(contender.name)
    const besides = [context.newRun(contender.name), context.newRun(contender.name)]
    const first = await contender.start(stack, { ...run, profileDirectory })
    const running = [first]
    const join = async (at: number) => {
      const stateDirectory = besides[at]?.stateDirectory ?? run.stateDirectory
      const joined = await contender.start(stack, { group: run.group, stateDirectory, profileDirectory })
      running.push(joined)
      return joined
    }
    try {
      await first.ready()
      const rate = options.rates?.[0] ?? DEFAULT_RATE
      const load = stack.load(['--rate', String(rate), '--keys', String(options.keys?.[0] ?? DEFAULT_KEYS), '--seed', '7'])
      await until(load, ({ acknowledged }) => acknowledged > rate)
      const watch = await AuditWatch.start(stack.client)
      const settled = () => caughtUp(context, first, run.group, rate)
      const look = (event: () => Promise<void>) => silenceAround(context, { watch, event, settled })
      await delay(options.warmSeconds * 1000)
      await settled()

      const cases = new Map<string, Measurement>()
      let second = first
      cases.set('joins', await look(async () => {
        second = await join(0)
        await within(SETTLED_WITHIN_MS, 'the second instance has no partition', second.ready('beside'))
      }))
      cases.set('leaves in order', await look(() => second.stop()))
      const third = await join(1)
      await within(SETTLED_WITHIN_MS, 'the third instance has no partition', third.ready('beside'))
      await delay(options.warmSeconds * 1000)
      await settled()
      cases.set('kill -9', await look(() => third.kill()))

      await load.stop(30_000)
      await caughtUp(context, first, run.group, 0)
      await watch.close()
      await first.stop()
      await checkResults(stack.client, contender.name, await expectedResults(stack.client))
      context.checked('every contender, every round, over all that came and went: exactly one audit entry for each input, with the right outcome, and the right final state of each trade')
      return cases
    } finally {
      for (const each of running) await each.kill()
      for (const { stateDirectory } of [run, ...besides]) await rm(stateDirectory, { recursive: true, force: true })
    }
  },
}

interface Look {
  readonly watch: AuditWatch
  readonly event: () => Promise<void>
  readonly settled: () => Promise<void>
}

/** Listens from the moment before the event for as long as a measured stretch is, and until every partition has spoken again, however long that takes. */
async function silenceAround({ options }: ScenarioContext, { watch, event, settled }: Look): Promise<Measurement> {
  const fromMs = Date.now()
  const toMs = fromMs + options.seconds * 1000
  watch.measure({ fromMs, toMs })
  watch.listen(PARTITIONS)
  await Promise.all([event(), delay(options.seconds * 1000)])
  const deadlineMs = Date.now() + SETTLED_WITHIN_MS
  while (!watch.hasHeardAll(toMs)) {
    watch.check()
    if (Date.now() > deadlineMs) throw new Error(`there is a partition that has not spoken for ${SETTLED_WITHIN_MS / 1000} s`)
    await pause()
  }
  await settled()
  const silences = summarise(watch.silences())
  return { 'longest silence': silences.max / 1000, 'median partition': silences.median / 1000, 'longest wait': watch.histogram.maxMs / 1000, p99: watch.histogram.percentileMs(0.99) ?? Number.NaN }
}

/** `lag`: so many records may be waiting. */
async function caughtUp({ stack }: ScenarioContext, running: RunningContender, group: string, lag: number): Promise<void> {
  const deadlineMs = Date.now() + SETTLED_WITHIN_MS
  for (;;) {
    running.check()
    const waiting = sum(await stack.inputEnds()) - sum(await stack.committed(group))
    if (waiting <= lag) return
    if (Date.now() > deadlineMs) throw new Error(`it is ${waiting} records behind after ${SETTLED_WITHIN_MS / 1000} s: it cannot keep up with the load, expected fewer --rates`)
    await pause()
  }
}

async function within(timeoutMs: number, failure: string, wanted: Promise<void>): Promise<void> {
  const gaveUp = new AbortController()
  const late = delay(timeoutMs, undefined, { signal: gaveUp.signal }).then(() => {
    throw new Error(`${failure} after ${timeoutMs / 1000} s`)
  })
  try {
    await Promise.race([wanted, late])
  } finally {
    gaveUp.abort()
    late.catch(() => undefined)
  }
}
