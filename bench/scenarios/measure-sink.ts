import { readTopic } from '../../cli/self-check/read-topic.ts'
import { pause } from '../harness/bench-stack.ts'
import { cpuSecondsOfTree } from '../harness/process-meter.ts'
import type { Measurement, Metric } from '../harness/results.ts'
import type { ScenarioContext } from '../harness/scenario.ts'
import { UsageWindow } from '../harness/usage-window.ts'
import type { RunningSinkContender, SinkContender } from '../peers/sink-contenders.ts'
import { tradewind } from '../peers/tradewind.ts'
import { drainOnce } from './drain-once.ts'

/** Where the records of a drain go. */
export interface SinkTarget {
  /** As in the metric of its processor time. */
  readonly name: string
  readonly topics: readonly string[]
  pid(context: ScenarioContext): number | undefined
  /** Tables or collections are there afterwards, as ours makes them, and empty. */
  empty(context: ScenarioContext): Promise<void>
  /** Throws unless a contender has written what the first one wrote. */
  check(context: ScenarioContext, contender: SinkContender): Promise<void>
}

export function sinkMetrics({ name }: Pick<SinkTarget, 'name'>): Metric[] {
  return [
    { name: 'throughput', unit: 'records/s', better: 'higher' },
    { name: 'client CPU', unit: 's a million', better: 'lower', digits: 2 },
    { name: `${name} CPU`, unit: 's a million', better: 'lower', digits: 2 },
    { name: 'peak memory', unit: 'MB', better: 'lower' },
    { name: 'others', unit: 'cores', better: undefined, digits: 2 },
    { name: 'steal', unit: 'cores', better: undefined, digits: 2 },
  ]
}

/** A drain by ours leaves what all contenders write; then ours writes it once, unmeasured. */
export async function prepareSink(context: ScenarioContext, target: SinkTarget, ours: SinkContender | undefined): Promise<void> {
  const { stack, options, say } = context
  await stack.freshTopics({ input: true })
  await stack.preload(['--count', String(options.records)])
  await drainOnce(context, tradewind)
  say('warming the database')
  if (ours !== undefined) await measureSink(context, target, ours, { isWarming: true })
}

export async function measureSink(context: ScenarioContext, target: SinkTarget, contender: SinkContender, { isWarming = false } = {}): Promise<Measurement> {
  const { stack, profileDirectory } = context
  const databasePid = target.pid(context)
  if (databasePid === undefined) throw new Error(`${target.name} does not run`)
  await target.empty(context)
  const { records: total, ends } = await committedRecords(context, target.topics)
  const sink = await contender.start(stack, { applicationId: context.newRun(contender.name).group, profileDirectory, ends })
  try {
    await waitFor(sink, () => sink.rowsWritten > 0)
    const rowsBefore = sink.rowsWritten
    const window = new UsageWindow({ client: sink.pid, broker: stack.brokerPid, also: [databasePid] })
    const databaseBefore = cpuSecondsOfTree(databasePid)
    await waitFor(sink, () => sink.hasWritten(total))
    const usage = window.end()
    const databaseSeconds = cpuSecondsOfTree(databasePid) - databaseBefore
    // It has read more than it has written: how far it was at the first look is seen in its rows.
    const records = total * (1 - rowsBefore / sink.rowsWritten)
    if (records <= 0 && !isWarming) throw new Error(`all ${total} records were written before the first look at them: expected more --records`)
    await target.check(context, contender)
    return {
      throughput: records / usage.seconds,
      'client CPU': (usage.clientCpuSeconds * 1e6) / records,
      [`${target.name} CPU`]: (databaseSeconds * 1e6) / records,
      'peak memory': usage.peakMemoryBytes / 1e6,
      others: usage.othersCores,
      steal: usage.stealCores,
    }
  } finally {
    await sink.stop()
  }
}

async function waitFor(sink: RunningSinkContender, isEnough: () => boolean): Promise<void> {
  while (!isEnough()) {
    sink.check()
    await pause()
  }
}

async function committedRecords({ stack }: ScenarioContext, topics: readonly string[]): Promise<{ records: number; ends: Map<string, number[]> }> {
  let records = 0
  const ends = new Map<string, number[]>()
  for (const topic of topics) {
    const behindLast = new Array<number>(stack.partitions).fill(0)
    ends.set(topic, behindLast)
    await readTopic(stack.client, topic, ({ offset }, partition) => {
      records++
      behindLast[partition] = offset + 1
    })
  }
  return { records, ends }
}
