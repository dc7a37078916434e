import { parseArguments } from './arguments.ts'
import { type ControlAnswer, serveControl } from './control-socket.ts'
import { connectionOf } from './connections.ts'
import { leaveParent, tellParent } from './parent-process.ts'
import { EXIT } from './exit.ts'
import { type PreparedProcessor, prepareProcessor } from './prepare-processor.ts'
import type { ProcessorStatus } from './processor-status.ts'
import { stopRequested } from './stop-signal.ts'
import type { StreamWorkerData } from './stream-worker-messages.ts'
import { StreamWorkers } from './stream-workers.ts'

const STATUS_INTERVAL_MS = 200

/** The processor role: checks what it stands on, locks its state directory, runs its stream threads until it is told to stop. */
export async function run(argv: readonly string[]): Promise<number> {
  const { settings, flags } = parseArguments(argv, { topology: { kind: 'text', placeholder: 'FILE', explanation: 'a module that exports `topology`' } })
  const { values } = settings
  const brokers = await connectionOf(settings, 'brokers')
  const stop = stopRequested()
  const workers = new StreamWorkers(values.threads, (line) => process.stderr.write(`${line}\n`))
  let prepared: PreparedProcessor | undefined
  let control: { close(): Promise<void> } | undefined
  let status: NodeJS.Timeout | undefined
  try {
    prepared = await prepareProcessor({ settings: values, brokers, topologyModule: flags.get('topology') })
    workers.start(threadsOf(prepared, { settings: values, brokers, topologyModule: flags.get('topology') }))
    control = await serveControl(values['data.dir'], async (): Promise<ControlAnswer> => ({ expired: await workers.expire() }))
    status = setInterval(() => tellParent(statusOf(workers)), STATUS_INTERVAL_MS)
    await Promise.race([stop.promise, workers.failed])
    await workers.stop(values['membership.onStop'])
    return EXIT.ok
  } finally {
    clearInterval(status)
    await workers.terminate()
    await control?.close()
    await prepared?.release()
    leaveParent()
  }
}

function threadsOf(prepared: PreparedProcessor, options: { settings: PreparedProcessor['settings']; brokers: string; topologyModule: string | undefined }): StreamWorkerData[] {
  const { stateDirectory, rules } = prepared
  const partitionCounts = [...prepared.partitionCounts]
  return Array.from({ length: options.settings.threads }, (_, number) => ({ ...options, name: prepared.threadName(number), number, stateDirectory, partitionCounts, rules }))
}

function statusOf(workers: StreamWorkers): ProcessorStatus {
  const snapshots = workers.snapshots
  const sum = (pick: (snapshot: (typeof snapshots)[number]) => number) => snapshots.reduce((total, snapshot) => total + pick(snapshot), 0)
  const tasks = snapshots.flatMap((snapshot) => snapshot.tasks)
  const lags = tasks.flatMap((task) => task.positions.flatMap(({ lag }) => lag ?? []))
  return {
    role: 'processor',
    recordsCommitted: sum((snapshot) => snapshot.recordsCommitted),
    recordsProcessed: sum((snapshot) => snapshot.recordsProcessed),
    recordsRestored: sum((snapshot) => snapshot.recordsRestored),
    transactionsCommitted: sum((snapshot) => snapshot.transactionsCommitted),
    recoveries: sum((snapshot) => snapshot.recoveries),
    lag: lags.length === 0 ? undefined : lags.reduce((total, lag) => total + lag, 0),
    running: tasks.filter(({ state }) => state === 'running').map(({ id }) => id),
    restoring: tasks.filter(({ state }) => state === 'restoring').map(({ id }) => id),
    states: snapshots.map(({ state }) => state),
    memoryBytes: process.memoryUsage.rss(),
    cpuSeconds: (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
    firstCommitMs: workers.firstCommitMs,
  }
}
