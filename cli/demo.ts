import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArguments, parseCount, parseDuration } from './arguments.ts'
import { AuditMonitor } from './demo/audit-monitor.ts'
import { drained } from './demo/drained.ts'
import { HEADER, StatusLine } from './demo/status-line.ts'
import { report } from './demo/report.ts'
import { Roles } from './demo/roles.ts'
import { selfCheck } from './demo/self-check.ts'
import { EXIT } from './exit.ts'
import { connectKafka } from './kafka.ts'
import { tradeTopics } from '../topology/trade-topics.ts'
import { startRunningStack } from './running-stack.ts'
import { stopRequested } from './stop-signal.ts'
import { createTradeTopics } from './trade-topics.ts'

const TICK_MS = 1_000
const HEADER_EVERY = 20
const DRAIN_TIMEOUT_MS = 60_000

/** Everything at once, each role in its own process; then, with `--for`, the proof. */
export async function run(argv: readonly string[]): Promise<number> {
  const { settings, flags } = parseArguments(argv, {
    for: { kind: 'text', placeholder: 'DURATION', explanation: 'run that long, then drain, check and exit' },
    rate: { kind: 'text', placeholder: 'N', explanation: 'trades a second' },
    report: { kind: 'text', placeholder: 'FILE', explanation: 'write a JSON report' },
    fresh: { kind: 'toggle', explanation: 'forget the data of earlier runs' },
    seed: { kind: 'text', placeholder: 'N', explanation: 'seed of the load generator' },
  })
  const forMs = flags.has('for') ? parseDuration('for', flags.get('for') ?? '') : undefined
  const rate = parseCount('rate', flags.get('rate') ?? '2000', 1)
  const seed = parseCount('seed', flags.get('seed') ?? String(Date.now() % 1_000_000))
  const dataDir = settings.values['data.dir']
  const fresh = flags.get('fresh') === 'true'
  const topics = tradeTopics(settings.values['topics.prefix'])
  const stop = stopRequested()
  await mkdir(dataDir, { recursive: true })
  if (fresh) await rm(join(dataDir, 'state'), { recursive: true, force: true })
  const stack = await startRunningStack(settings, { fresh })
  const kafka = connectKafka(settings.values, stack.brokers, 'tradewind-demo')
  const roles = new Roles({ settings, stack, say: (line) => process.stderr.write(`${line}\n`) })
  let exitCode: number = EXIT.ok
  try {
    await createTradeTopics(kafka.client, settings.values)
    const monitor = await AuditMonitor.start(kafka.client, topics.audit)
    roles.start({ rate, seed, forMs })
    const startedMs = Date.now()
    await watch({ roles, monitor, stop, untilMs: forMs === undefined ? undefined : () => roles.loadStartedMs === undefined ? undefined : roles.loadStartedMs + forMs })
    await roles.stopLoad()
    const caughtUp = forMs !== undefined && !stop.requested ? await drained({ client: kafka.client, topics, applicationId: settings.values['application.id'], timeoutMs: DRAIN_TIMEOUT_MS, roles }) : true
    await roles.stopAll()
    await monitor.close()
    if (forMs !== undefined && !stop.requested) {
      const checks = await selfCheck({ client: kafka.client, settings: settings.values, stack, caughtUp, endedWell: roles.endedWell })
      const summary = report({ checks, roles, monitor, seconds: (Date.now() - startedMs) / 1000, rate })
      process.stdout.write(summary.text)
      const file = flags.get('report')
      if (file !== undefined) await writeFile(file, `${JSON.stringify(summary.json, undefined, 2)}\n`)
      if (checks.some(({ held }) => !held)) exitCode = EXIT.checkFailed
    }
  } finally {
    await roles.stopAll()
    await kafka.close()
    await stack.stop()
  }
  return exitCode
}

/** One line a second, until the time is up or somebody wants it to end. */
async function watch(options: { roles: Roles; monitor: AuditMonitor; stop: { readonly requested: boolean; readonly promise: Promise<void> }; untilMs: (() => number | undefined) | undefined }): Promise<void> {
  const { roles, monitor, stop } = options
  const status = new StatusLine()
  for (let line = 0; !stop.requested; line++) {
    await Promise.race([stop.promise, new Promise((resolve) => setTimeout(resolve, TICK_MS))])
    roles.check()
    monitor.check()
    if (line % HEADER_EVERY === 0) process.stdout.write(`${HEADER}\n`)
    process.stdout.write(`${status.next(roles, monitor)}\n`)
    monitor.lastSecond.reset()
    const untilMs = options.untilMs?.()
    if (untilMs !== undefined && Date.now() >= untilMs) return
  }
}
