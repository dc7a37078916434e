import { parentPort } from 'node:worker_threads'
import { ApplicationTopology } from '../engine/application-topology.ts'
import { StreamThread } from '../engine/stream-thread.ts'
import { ByteView } from '../records/byte-view.ts'
import { systemClock } from '../ports/system-clock.ts'
import { nodeDisk } from '../stores/node-disk.ts'
import { loadApplication } from './applications.ts'
import { diskWithFailpoint, failpointFromEnvironment } from './failpoint.ts'
import { connectKafka } from './kafka.ts'
import { processFigures } from './process-figures.ts'
import type { FromWorker, StreamWorkerData, ToWorker } from './stream-worker-messages.ts'
import { listenForQueries } from './query-listener.ts'
import { taskStores } from './task-stores.ts'

/** The worker thread of one stream thread: wires the real ports, runs the thread, tells its parent how it is. */
const STATUS_INTERVAL_MS = 100
/** Two answers of a fetch for one partition: one being processed, one waiting. */
const MAX_BUFFERED_BYTES = 1_000_000

const port = parentPort
if (port === null) throw new Error('stream-worker.ts runs in a worker thread; start the processor with: tradewind processor')

const tell = (message: FromWorker) => port.postMessage(message)
const started = Promise.withResolvers<StreamWorkerData>()
/** What it is told to do before it can. */
const early: ToWorker[] = []
let hear: (message: ToWorker) => void = (message) => {
  if (message.type === 'start') started.resolve(message.data)
  else early.push(message)
}
port.on('message', (message: ToWorker) => hear(message))
const data = await started.promise
const { settings } = data
const failpoint = failpointFromEnvironment()
const application = await loadApplication(data.topologyModule, settings, data.rules)
const kafka = connectKafka(settings, data.brokers, data.name)
const queries = await listenForQueries(settings, data.number, {
  // A worker is as old as its process, or nearly so.
  status: () => ({ role: 'processor', ...processFigures(), thread: thread.snapshot() }),
  get: ({ store, partition, key }, waitMs) => thread.query({ store, partition, key: new ByteView(key) }, waitMs),
  expire: () => application.expire?.() ?? Promise.resolve(0),
}).catch((error: Error) => {
  // Told first: an error that ends a worker comes to its parent without its name.
  tell({ type: 'failed', name: error.name, message: error.message, stack: error.stack ?? '' })
  throw error
})
const thread: StreamThread = new StreamThread({
  name: data.name,
  topology: new ApplicationTopology(settings['application.id'], application.topology, new Map(data.partitionCounts)),
  client: kafka.client,
  clock: systemClock,
  stores: taskStores(data.stateDirectory, { failpoint, disk: diskWithFailpoint(nodeDisk, failpoint), segmentBytes: settings['state.segmentBytes'] }),
  sessionTimeoutMs: settings['membership.sessionTimeoutMs'],
  rebalanceTimeoutMs: settings['membership.rebalanceTimeoutMs'],
  transactionTimeoutMs: settings['transaction.timeoutMs'],
  producers: settings['commit.producers'] === 1 ? 1 : 2,
  startAt: settings['input.startAt'],
  pace: { minIntervalMs: settings['commit.minIntervalMs'], targetRecords: settings['commit.targetRecords'], maxAgeMs: settings['commit.maxAgeMs'] },
  maxBufferedBytes: MAX_BUFFERED_BYTES,
  failpoint,
  queryAddress: queries.address,
  report: (event) => tell({ type: 'event', event }),
  onFirstCommit: () => tell({ type: 'first-commit', atMs: performance.timeOrigin + performance.now() }),
})

hear = (message) => {
  if (message.type === 'stop') thread.stop(message.how)
  else if (message.type === 'expire') void (application.expire?.() ?? Promise.resolve(0)).then((count) => tell({ type: 'expired', request: message.request, count }))
}
for (const message of early) hear(message)

const status = setInterval(() => tell({ type: 'status', snapshot: thread.snapshot(), memory: process.memoryUsage.rss() }), STATUS_INTERVAL_MS)
try {
  await thread.run()
  tell({ type: 'stopped', snapshot: thread.snapshot() })
} catch (error) {
  const failure = error instanceof Error ? error : new Error(String(error))
  tell({ type: 'failed', name: failure.name, message: failure.message, stack: failure.stack ?? '' })
} finally {
  clearInterval(status)
  await queries.close()
  await kafka.close()
  port.close()
}

