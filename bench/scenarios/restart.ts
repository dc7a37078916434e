import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { AuditWatch } from '../harness/audit-watch.ts'
import { pause, sum, until } from '../harness/bench-stack.ts'
import { checkResults } from '../harness/check-results.ts'
import type { Contender, RunningContender } from '../harness/contender.ts'
import { expectedResults } from '../harness/oracle.ts'
import type { Measurement } from '../harness/results.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { tradeContenders } from './trade-contenders.ts'

const DEFAULT_KEYS = [1_000_000]
/** It runs so long before it is stopped, caught up. */
const BETWEEN_MS = 5_000
const WAYS = ['clean', 'kill -9', 'empty disk'] as const
type Way = (typeof WAYS)[number]

/**
 * Stopped and started under load with so many trades in its state: how long from the start of the process to the first committed output in the hands of a reader, and until it has
 * caught up with the load. `empty disk`: stopped in order, its state directory removed.
 */
export const restart: Scenario = {
  name: 'restart',
  metrics: [
    { name: 'first output', unit: 's', better: 'lower', digits: 2 },
    { name: 'caught up', unit: 's', better: 'lower', digits: 2 },
  ],
  contenders: tradeContenders,
  async prepare() {},
  async measure(context, contender) {
    const cases = new Map<string, Measurement>()
    for (const keys of context.options.keys ?? DEFAULT_KEYS) {
      for (const [way, measurement] of await measureKeys(context, contender, keys)) cases.set(`${keys.toLocaleString('en')} trades, ${way}`, measurement)
    }
    context.checked('every contender, every round, over all its restarts: exactly one audit entry for each input, with the right outcome, and the right final state of each trade')
    return cases
  },
}

async function measureKeys(context: ScenarioContext, contender: Contender, keys: number): Promise<Map<Way, Measurement>> {
  const { stack, options } = context
  await stack.freshTopics({ input: true })
  await stack.preload(['--unique', '--keys', String(keys), '--count', String(keys)])
  const run = context.newRun(contender.name)
  const start = () => contender.start(stack, { ...run, profileDirectory: context.profileDirectory })
  const cases = new Map<Way, Measurement>()
  let running = await start()
  try {
    await caughtUp(context, running, run.group)
    const load = stack.load(['--rate', String(options.loadRate), '--keys', String(keys), '--seed', '7'])
    const watch = await AuditWatch.start(stack.client)
    await until(load, ({ acknowledged }) => acknowledged > options.loadRate)
    for (const way of WAYS) {
      await caughtUp(context, running, run.group)
      await delay(BETWEEN_MS)
      await (way === 'kill -9' ? running.kill() : running.stop())
      if (way === 'empty disk') await rm(run.stateDirectory, { recursive: true, force: true })
      // What it had committed is in the hands of the reader by then.
      await delay(1000)
      watch.mark()
      const startedMs = Date.now()
      running = await start()
      cases.set(way, await untilBack(context, { running, watch, group: run.group, startedMs }))
    }
    await load.stop(30_000)
    await caughtUp(context, running, run.group, 0)
    await watch.close()
    await running.stop()
    await checkResults(stack.client, contender.name, await expectedResults(stack.client))
    return cases
  } finally {
    await running.kill()
    await rm(run.stateDirectory, { recursive: true, force: true })
  }
}

async function untilBack(context: ScenarioContext, { running, watch, group, startedMs }: { running: RunningContender; watch: AuditWatch; group: string; startedMs: number }): Promise<Measurement> {
  while (watch.firstAfterMarkMs === undefined) {
    watch.check()
    running.check()
    await delay(1)
  }
  const firstMs = watch.firstAfterMarkMs
  await caughtUp(context, running, group)
  return { 'first output': (firstMs - startedMs) / 1000, 'caught up': (Date.now() - startedMs) / 1000 }
}

/** `lag`: so many records may be waiting. Default: what comes in within a second. */
async function caughtUp({ stack, options }: ScenarioContext, running: RunningContender, group: string, lag = options.loadRate): Promise<void> {
  for (;;) {
    running.check()
    // In this order: what comes between the two makes the lag look smaller by less than it is allowed to be.
    const ends = sum(await stack.inputEnds())
    if (ends - sum(await stack.committed(group)) <= lag) return
    await pause()
  }
}
