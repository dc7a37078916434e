import { rm } from 'node:fs/promises'
import { pause, sum } from '../harness/bench-stack.ts'
import { checkResults } from '../harness/check-results.ts'
import type { Contender, RunningContender } from '../harness/contender.ts'
import { expectedResults } from '../harness/oracle.ts'
import type { Measurement } from '../harness/results.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { UsageWindow } from '../harness/usage-window.ts'
import { kafkaStreams } from '../peers/kafka-streams.ts'
import { tradewind } from '../peers/tradewind.ts'
import { PaddedWorkload } from '../workload/padded-workload.ts'
import { TradeWorkload } from '../workload/trade-workload.ts'

/** Large values are fewer: what goes through is no more than this. */
const MOST_BYTES = 1_000_000_000

interface Work {
  readonly instances: number
  readonly threads: number
  readonly partitions: number
  /** 0: as the workload has them. */
  readonly valueBytes: number
}

/** What a record costs as work is spread over threads, processes and partitions, and as it gets larger. All have their partitions before the input is sent, as fast as it goes. */
export const scale: Scenario = {
  name: 'scale',
  metrics: [
    { name: 'throughput', unit: 'records/s', better: 'higher' },
    { name: 'client CPU', unit: 's a million', better: 'lower', digits: 2 },
    { name: 'broker CPU', unit: 's a million', better: 'lower', digits: 2 },
    { name: 'peak memory', unit: 'MB', better: 'lower' },
    { name: 'others', unit: 'cores', better: undefined, digits: 2 },
  ],
  contenders: [tradewind, ...kafkaStreams.slice(0, 1)],
  async prepare() {},
  async measure(context, contender) {
    const cases = new Map<string, Measurement>()
    for (const [name, work] of casesOf(context)) {
      const measurement = await measureWork(context, contender, work)
      context.say(`${contender.name}, ${name}: ${Math.round(measurement['throughput'] ?? 0)} records/s, ${measurement['client CPU']?.toFixed(2)} s a million`)
      cases.set(name, measurement)
    }
    context.checked('every contender, every case: exactly one audit entry for each input, with the right outcome, and the right final state of each trade')
    return cases
  },
}

function casesOf({ options: { units, partitions, valueBytes } }: ScenarioContext): Map<string, Work> {
  const plain = { instances: 1, threads: 1, partitions: 12, valueBytes: 0 }
  const cases = new Map<string, Work>()
  for (const count of partitions) {
    for (const threads of units) cases.set(`${threads} threads, ${count} partitions`, { ...plain, threads, partitions: count })
    for (const instances of units.filter((unit) => unit > 1)) cases.set(`${instances} instances, ${count} partitions`, { ...plain, instances, partitions: count })
  }
  for (const bytes of valueBytes) cases.set(`values of ${bytes.toLocaleString('en')} bytes`, { ...plain, valueBytes: bytes })
  return cases
}

async function measureWork(context: ScenarioContext, contender: Contender, { instances, threads, partitions, valueBytes }: Work): Promise<Measurement> {
  const { stack, options } = context
  await stack.freshTopics({ input: true, partitions })
  const runs = Array.from({ length: instances }, () => context.newRun(contender.name))
  const group = runs[0]?.group ?? ''
  const running: RunningContender[] = []
  try {
    for (const { stateDirectory } of runs) running.push(await contender.start(stack, { group, stateDirectory, threads, profileDirectory: context.profileDirectory }))
    for (const each of running) await each.ready(instances === 1 ? undefined : 'beside')
    const records = valueBytes === 0 ? options.records : Math.min(options.records, Math.floor(MOST_BYTES / valueBytes))
    const window = new UsageWindow({ client: running.map(({ pid }) => pid), broker: stack.brokerPid })
    await stack.produce(valueBytes === 0 ? new TradeWorkload() : new PaddedWorkload(new TradeWorkload(), valueBytes), records)
    while (sum(await stack.committed(group)) < sum(await stack.inputEnds())) {
      for (const each of running) each.check()
      await pause()
    }
    const usage = window.end()
    for (const each of running) await each.stop()
    await checkResults(stack.client, contender.name, await expectedResults(stack.client))
    return {
      throughput: records / usage.seconds,
      'client CPU': (usage.clientCpuSeconds * 1e6) / records,
      'broker CPU': (usage.brokerCpuSeconds * 1e6) / records,
      'peak memory': usage.peakMemoryBytes / 1e6,
      others: usage.othersCores,
    }
  } finally {
    for (const each of running) await each.kill()
    for (const { stateDirectory } of runs) await rm(stateDirectory, { recursive: true, force: true })
  }
}
