import { checkResults, describeExpected } from '../harness/check-results.ts'
import type { Contender } from '../harness/contender.ts'
import { type Expected, expectedResults } from '../harness/oracle.ts'
import { PARTITIONS } from '../harness/bench-stack.ts'
import type { Measurement, Metric } from '../harness/results.ts'
import type { Scenario, ScenarioContext } from '../harness/scenario.ts'
import { kafkatsFlow } from '../peers/kafkats-flow.ts'
import { type ProducerTool, producerTool } from '../peers/producer-tool.ts'
import { tradewind } from '../peers/tradewind.ts'
import { partitionChecksum } from '../workload/partition-checksum.ts'
import { TradeWorkload } from '../workload/trade-workload.ts'
import { workloadChecksum } from '../workload/workload-checksum.ts'
import { drainOnce } from './drain-once.ts'
import { tradeContenders } from './trade-contenders.ts'

const METRICS: readonly Metric[] = [
  { name: 'throughput', unit: 'records/s', better: 'higher' },
  { name: 'written', unit: 'records/s', better: 'higher' },
  { name: 'client CPU', unit: 's a million', better: 'lower', digits: 2 },
  { name: 'broker CPU', unit: 's a million', better: 'lower', digits: 2 },
  { name: 'peak memory', unit: 'MB', better: 'lower' },
  { name: 'first commit', unit: 's', better: 'lower', digits: 2 },
  { name: 'wrong', unit: '% of entries', better: undefined, digits: 2 },
  { name: 'others', unit: 'cores', better: undefined, digits: 2 },
  { name: 'steal', unit: 'cores', better: undefined, digits: 2 },
]

let expected: Expected | undefined

/** A preloaded topic is worked off by an application that knows nothing yet. */
export const drain: Scenario<Contender | ProducerTool> = {
  name: 'drain',
  metrics: METRICS,
  contenders: [...tradeContenders, kafkatsFlow, producerTool],
  worksOff: ({ records }) => records,
  async prepare(context) {
    const { stack, options, say } = context
    say(`preloading ${options.records.toLocaleString('en')} records`)
    await stack.freshTopics({ input: true })
    await stack.preload(['--count', String(options.records)])
    expected = await expectedResults(stack.client)
    checkInput(context, expected)
    for (let round = 1; round <= options.warmDrains; round++) {
      say(`warming the broker, ${round} of ${options.warmDrains}`)
      await drainOnce(context, tradewind)
    }
  },
  async measure(context, contender) {
    return new Map([['', 'measure' in contender ? await contender.measure(context) : await measureDrain(context, contender)]])
  },
}

async function measureDrain(context: ScenarioContext, contender: Contender): Promise<Measurement> {
  if (expected === undefined) throw new Error('the input has not been read')
  const { committed, records, usage, firstCommitSeconds, isWhole } = await drainOnce(context, contender)
  const { client } = context.stack
  const wanted = isWhole ? expected : await expectedResults(client, { limits: committed })
  const { recordsWritten } = await checkResults(client, contender.name, wanted)
  const inputs = wanted.counts.reduce((sum, count) => sum + count, 0)
  const throughput = records / usage.seconds
  return {
    throughput,
    written: (throughput * recordsWritten) / inputs,
    'client CPU': (usage.clientCpuSeconds * 1e6) / records,
    'broker CPU': (usage.brokerCpuSeconds * 1e6) / records,
    'peak memory': usage.peakMemoryBytes / 1e6,
    'first commit': firstCommitSeconds,
    others: usage.othersCores,
    steal: usage.stealCores,
  }
}

/** The topic holds the very bytes of the workload. */
function checkInput({ options, checked }: ScenarioContext, { inputChecksum, ...rest }: Expected): void {
  const generated = partitionChecksum(new TradeWorkload(), options.records, PARTITIONS)
  if (generated !== inputChecksum) throw new Error(`the input reads back as ${inputChecksum}, the workload is ${generated}`)
  const { checksum } = workloadChecksum(new TradeWorkload(), options.records)
  checked(`the input is the trade workload, seed 42, ${options.records.toLocaleString('en')} records, 500,000 trades: CRC-32 ${checksum} over «key newline value newline» of all`)
  checked(describeExpected({ inputChecksum, ...rest }))
}
