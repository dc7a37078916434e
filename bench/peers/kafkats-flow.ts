import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import { cached } from '../../dev/bootstrap/cache.js'
import { progressToTerminal, SetupError, withProgress } from '../../dev/bootstrap/progress.js'
import { lastLines, runCommand } from '../../dev/bootstrap/run-command.js'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { ChildProgram } from '../harness/child-program.ts'
import { outcomesByTrade, OUTCOMES } from '../harness/oracle.ts'
import type { Measurement } from '../harness/results.ts'
import type { ScenarioContext } from '../harness/scenario.ts'
import { TopicCount } from '../harness/topic-count.ts'
import { UsageWindow } from '../harness/usage-window.ts'
import { profiledNode } from './node-profile.ts'

const PACKAGE = fileURLToPath(new URL('kafkats/package.json', import.meta.url))
const PROGRAM = fileURLToPath(new URL('kafkats/trade-flow.ts', import.meta.url))
const LIMIT_SECONDS = 60
const FIRST_WITHIN_MS = 120_000

/**
 * The nearest in TypeScript. Its functions see neither partition nor offset, so its audit is held against the rules trade by trade; and what its group has committed is no measure of what it has
 * done, so committed audit entries are counted. With a backlog it may take records out of order: what is wrong is counted, and does not end the run.
 */
export const kafkatsFlow = {
  name: 'kafkats-flow',
  title: '@kafkats/flow',
  settings: `exactly_once, aggregate on LMDB, one stream thread (more do not start); measured over ${LIMIT_SECONDS} s`,
  async install(): Promise<void> {
    await modules()
  },
  async measure(context: ScenarioContext): Promise<Measurement> {
    const { stack, profileDirectory, options } = context
    await stack.freshTopics({ input: false })
    const { group, stateDirectory } = context.newRun('kafkats-flow')
    const audit = await TopicCount.start(stack.client, TRADE_TOPICS.audit)
    const program = new ChildProgram({
      name: '@kafkats/flow',
      command: [process.execPath, '--no-warnings', PROGRAM, stack.brokers, group, stateDirectory, await modules()],
      environment: profiledNode(profileDirectory),
      readyLine: 'RUNNING',
    })
    try {
      const startedMs = performance.now()
      const check = () => {
        program.check()
        audit.check()
      }
      while (audit.records === 0) {
        check()
        if (performance.now() - startedMs > FIRST_WITHIN_MS) throw new Error(`@kafkats/flow has not committed anything within ${FIRST_WITHIN_MS / 1000} s:\n${program.lines.slice(-20).join('\n')}`)
        await delay(10)
      }
      const firstCommitSeconds = (performance.now() - startedMs) / 1000
      const first = audit.records
      const window = new UsageWindow({ client: program.pid, broker: stack.brokerPid })
      const deadlineMs = performance.now() + LIMIT_SECONDS * 1000
      while (audit.records < options.records && performance.now() < deadlineMs) {
        check()
        await delay(10)
      }
      const usage = window.end()
      const records = audit.records - first
      if (records <= 0) throw new Error(`all ${first} records were committed before the first look at them: expected more --records`)
      await program.stop()
      const wrong = await wrongEntries(context)
      if (wrong.count > 0) context.say(`@kafkats/flow: ${wrong.count} of ${wrong.entries} audit entries are not what the rules say of the next record of their trade`)
      context.checked('@kafkats/flow: each audit entry is held against what the rules say of the next record of its trade; what differs is in the column «wrong»')
      return {
        throughput: records / usage.seconds,
        'client CPU': (usage.clientCpuSeconds * 1e6) / records,
        'broker CPU': (usage.brokerCpuSeconds * 1e6) / records,
        'peak memory': usage.peakMemoryBytes / 1e6,
        'first commit': firstCommitSeconds,
        wrong: (100 * wrong.count) / wrong.entries,
        others: usage.othersCores,
        steal: usage.stealCores,
      }
    } finally {
      await program.kill()
      await audit.close()
      await rm(stateDirectory, { recursive: true, force: true })
    }
  },
}

/** The entries of a trade have to be, in order, what the rules say of its first records. */
async function wrongEntries({ stack }: ScenarioContext): Promise<{ entries: number; count: number }> {
  const expected = await outcomesByTrade(stack.client)
  const seen = new Map<string, number>()
  let [entries, count] = [0, 0]
  await readTopic(stack.client, TRADE_TOPICS.audit, ({ key, value }) => {
    const id = key.toString()
    const at = seen.get(id) ?? 0
    seen.set(id, at + 1)
    entries++
    // our own program wrote it
    const { outcome } = JSON.parse(value.toString()) as { outcome: string }
    if (OUTCOMES[expected.get(id)?.[at] ?? OUTCOMES.length] !== outcome) count++
  })
  return { entries, count }
}

let installation: Promise<string> | undefined

/** A folder with its node_modules: from npm, once, into the cache. */
function modules(): Promise<string> {
  installation ??= cached(`kafkats-${createHash('sha256').update(readFileSync(PACKAGE)).digest('hex').slice(0, 8)}`, progressToTerminal, async (unfinished) => {
    copyFileSync(PACKAGE, join(unfinished, 'package.json'))
    await withProgress(progressToTerminal, 'installing @kafkats/flow with npm (about 10 MB)', async () => {
      const { status, output } = await runCommand('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: unfinished })
      if (status !== 0) throw new SetupError(`npm could not install @kafkats/flow (exit code ${status}).\n${lastLines(output)}`)
    })
  })
  return installation
}
