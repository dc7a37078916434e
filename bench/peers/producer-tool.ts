import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { ChildProgram } from '../harness/child-program.ts'
import type { Measurement } from '../harness/results.ts'
import type { ScenarioContext } from '../harness/scenario.ts'
import { UsageWindow } from '../harness/usage-window.ts'
import { installJavaPeers } from './java-peers.ts'

const RECORD_BYTES = 200
const SETTINGS = ['acks=all', 'linger.ms=5', 'batch.size=262144', 'buffer.memory=67108864']

export interface ProducerTool {
  readonly name: string
  readonly title: string
  readonly settings: string
  install(): Promise<void>
  measure(context: ScenarioContext): Promise<Measurement>
}

/** The ceiling: what Kafka's own tool writes to the broker, without reading, state or transactions. As many records as a drain writes for the same input, about. */
export const producerTool: ProducerTool = {
  name: 'producer-tool',
  title: 'Kafka\'s producer tool, writing only',
  settings: `kafka-producer-perf-test, ${RECORD_BYTES}-byte records, ${SETTINGS.join(', ')}, -Xmx1g`,
  async install() {
    await installJavaPeers()
  },
  async measure({ stack, options }) {
    await stack.freshTopics({ input: false })
    const { java, classPath } = await installJavaPeers()
    const records = options.records * 2
    const tool = ['org.apache.kafka.tools.ProducerPerformance', '--topic', TRADE_TOPICS.audit, '--num-records', String(records), '--record-size', String(RECORD_BYTES), '--throughput', '-1']
    const program = new ChildProgram({
      name: 'the producer tool',
      command: [java, '-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', classPath, ...tool, '--producer-props', `bootstrap.servers=${stack.brokers}`, ...SETTINGS],
      readyLine: 'records sent',
    })
    const window = new UsageWindow({ client: program.pid, broker: stack.brokerPid })
    let usage = window.end()
    const timer = setInterval(() => {
      try {
        usage = window.end()
      } catch {
        // It has ended: the last reading counts.
      }
    }, 100)
    await program.ended()
    clearInterval(timer)
    // «4000000 records sent, 512345.1 records/sec (97.7 MB/sec), …», the last line of it
    const rate = Number(/([\d.]+) records\/sec/.exec(program.lines.findLast((line) => line.includes('records sent')) ?? '')?.[1])
    if (!(rate > 0)) throw new Error(`the producer tool said no rate: ${program.lines.join('\n')}`)
    const millions = records / 1e6
    return { written: rate, 'client CPU': usage.clientCpuSeconds / millions, 'broker CPU': usage.brokerCpuSeconds / millions, 'peak memory': usage.peakMemoryBytes / 1e6, others: usage.othersCores, steal: usage.stealCores }
  },
}
