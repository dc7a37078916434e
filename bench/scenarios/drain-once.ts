import { rm } from 'node:fs/promises'
import { pause, sum } from '../harness/bench-stack.ts'
import type { Contender, RunningContender } from '../harness/contender.ts'
import type { ScenarioContext } from '../harness/scenario.ts'
import { type Usage, UsageWindow } from '../harness/usage-window.ts'

const TELL_EVERY_MS = 20_000

export interface Drained {
  /** By partition, what was committed in the end. */
  readonly committed: readonly number[]
  /** From the first committed records on. */
  readonly records: number
  readonly usage: Usage
  /** From the start of the process to the first committed records, as the broker tells. */
  readonly firstCommitSeconds: number
  readonly isWhole: boolean
}

/** A contender with empty state works off the input, into empty topics. What it does is seen from outside: in the offsets that its group has committed. `onDrained` may look at its state once it has ended. */
export async function drainOnce(context: ScenarioContext, contender: Contender, onDrained?: (stateDirectory: string) => Promise<void>): Promise<Drained> {
  const { stack, profileDirectory } = context
  await stack.freshTopics({ input: false })
  const run = context.newRun(contender.name)
  const total = sum(await stack.inputEnds())
  const startedMs = performance.now()
  const running = await contender.start(stack, { ...run, profileDirectory })
  try {
    let committed = await waitFor(context, running, run.group, (done) => done > 0)
    const firstCommitSeconds = (performance.now() - startedMs) / 1000
    const first = sum(committed)
    const window = new UsageWindow({ client: running.pid, broker: stack.brokerPid, also: contender.needsPostgres ? [stack.postgresPid ?? running.pid] : [] })
    const deadlineMs = performance.now() + (contender.drainLimitSeconds ?? Number.POSITIVE_INFINITY) * 1000
    committed = await waitFor(context, running, run.group, (done) => done >= total || performance.now() > deadlineMs)
    const usage = window.end()
    const records = sum(committed) - first
    if (records <= 0) throw new Error(`all ${first} records were committed before the first look at them: expected more --records, or --keys`)
    await running.stop()
    await onDrained?.(run.stateDirectory)
    // One that was stopped on the way has committed a little more by then.
    committed = await stack.committed(run.group)
    return { committed, records, usage, firstCommitSeconds, isWhole: sum(committed) >= total }
  } finally {
    await running.kill()
    await rm(run.stateDirectory, { recursive: true, force: true })
  }
}

async function waitFor({ stack, say }: ScenarioContext, running: RunningContender, group: string, isEnough: (done: number) => boolean): Promise<number[]> {
  let tellAtMs = performance.now() + TELL_EVERY_MS
  for (;;) {
    running.check()
    const committed = await stack.committed(group)
    if (isEnough(sum(committed))) return committed
    if (performance.now() > tellAtMs) {
      say(`${group}: ${sum(committed).toLocaleString('en')} records committed`)
      tellAtMs += TELL_EVERY_MS
    }
    await pause()
  }
}
