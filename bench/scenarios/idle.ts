import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scenario } from '../harness/scenario.ts'
import { cpuSecondsOf } from '../harness/process-meter.ts'
import { UsageWindow } from '../harness/usage-window.ts'
import { tradeContenders } from './trade-contenders.ts'

/** An instance that has all partitions and nothing to do: what it costs by itself, and what it costs the broker beyond what that uses alone. */
export const idle: Scenario = {
  name: 'idle',
  metrics: [
    { name: 'client', unit: '% of a core', better: 'lower', digits: 2 },
    { name: 'broker on top', unit: '% of a core', better: 'lower', digits: 2 },
    { name: 'memory', unit: 'MB', better: 'lower' },
    { name: 'others', unit: 'cores', better: undefined, digits: 2 },
  ],
  contenders: tradeContenders,
  async prepare({ stack, options, say }) {
    say('warming the broker')
    await stack.freshTopics({ input: true })
    await stack.preload(['--count', String(options.records)])
  },
  async measure(context, contender) {
    const { stack, options, profileDirectory } = context
    await stack.freshTopics({ input: true })
    await delay(options.warmSeconds * 1000)
    const aloneBefore = cpuSecondsOf(stack.brokerPid)
    await delay(options.seconds * 1000)
    const aloneSeconds = cpuSecondsOf(stack.brokerPid) - aloneBefore
    const run = context.newRun(contender.name)
    const running = await contender.start(stack, { ...run, profileDirectory })
    try {
      await running.ready()
      await delay(options.warmSeconds * 1000)
      const window = new UsageWindow({ client: running.pid, broker: stack.brokerPid })
      await delay(options.seconds * 1000)
      running.check()
      const usage = window.end()
      await running.stop()
      const percent = (seconds: number) => (seconds / options.seconds) * 100
      return new Map([
        ['', { client: percent(usage.clientCpuSeconds), 'broker on top': percent(usage.brokerCpuSeconds - aloneSeconds), memory: usage.residentBytes / 1e6, others: usage.othersCores }],
      ])
    } finally {
      await running.kill()
      await rm(run.stateDirectory, { recursive: true, force: true })
    }
  },
}
