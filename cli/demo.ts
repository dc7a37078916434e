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
import { type StopRequest, stopRequested } from './stop-signal.ts'
import { createTradeTopics } from './trade-topics.ts'

const TICK_MS = 1_000
const READY_LOOK_MS = 100
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
  const stack = await startRunningStack(settings, { fresh })
  // Only now: where another demo runs on this folder, the stack has refused to start.
  if (fresh) await rm(join(dataDir, 'state'), { recursive: true, force: true })
  const kafka = connectKafka(settings.values, stack.brokers, 'tradewind-demo')
  const roles = new Roles({ settings, stack, say: (line) => process.stderr.write(`${line}\n`) })
  let monitor: AuditMonitor | undefined
  try {
    await createTradeTopics(kafka.client, settings.values)
    monitor = await AuditMonitor.start(kafka.client, topics.audit)
    const startedMs = Date.now()
    roles.start()
    await ready(roles, stop)
    roles.startLoad({ rate, seed, forMs })
    await watch(roles, monitor, stop)
    if (forMs === undefined || stop.requested) return EXIT.ok
    const caughtUp = await drained({ client: kafka.client, topics, applicationId: settings.values['application.id'], timeoutMs: DRAIN_TIMEOUT_MS, roles })
    await roles.stopAll()
    const checks = await selfCheck({ client: kafka.client, settings: settings.values, stack, caughtUp, endedWell: roles.endedWell })
    const summary = report({ checks, roles, monitor, seconds: (Date.now() - startedMs) / 1000, rate })
    process.stdout.write(summary.text)
    const file = flags.get('report')
    if (file !== undefined) await writeFile(file, `${JSON.stringify(summary.json, undefined, 2)}\n`)
    return checks.every(({ held }) => held) ? EXIT.ok : EXIT.checkFailed
  } finally {
    await roles.stopAll()
    await monitor?.close()
    await kafka.close()
    await stack.stop()
  }
}

/** Waits for the processor to take up its tasks. */
async function ready(roles: Roles, stop: StopRequest): Promise<void> {
  process.stderr.write('the processor takes up its tasks ...\n')
  while (!roles.ready && !stop.requested) {
    await tick(stop, READY_LOOK_MS)
    roles.check()
  }
}

/** One line a second, until the load generator has done its work or somebody wants it to end. */
async function watch(roles: Roles, monitor: AuditMonitor, stop: StopRequest): Promise<void> {
  const status = new StatusLine()
  for (let line = 0; !stop.requested && !roles.loadEnded; line++) {
    await tick(stop, TICK_MS)
    roles.check()
    monitor.check()
    if (line % HEADER_EVERY === 0) process.stdout.write(`${HEADER}\n`)
    process.stdout.write(`${status.next(roles, monitor)}\n`)
    monitor.lastSecond.reset()
  }
}

async function tick(stop: StopRequest, delayMs: number): Promise<void> {
  await Promise.race([stop.promise, new Promise((resolve) => setTimeout(resolve, delayMs))])
}
