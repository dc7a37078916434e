import type { Settings } from '../config/settings.ts'
import { LatencyHistogram } from '../observability/latency-histogram.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { systemClock } from '../ports/system-clock.ts'
import { systemRandom } from '../ports/system-random.ts'
import { startMongoSink } from '../sinks/mongo/mongo-sink.ts'
import { startPostgresSink } from '../sinks/postgres/postgres-sink.ts'
import type { RunningSink } from '../sinks/running-sink.ts'
import type { SinkRecord } from '../sinks/sink-record.ts'
import { tradeTopics } from '../topology/trade-topics.ts'
import { parseArguments, UsageError } from './arguments.ts'
import { connectionOf } from './connections.ts'
import { leaveParent, tellParent } from './parent-process.ts'
import { EXIT } from './exit.ts'
import { failpointFromEnvironment } from './failpoint.ts'
import { connectKafka } from './kafka.ts'
import { listenAsSink } from './query-listener.ts'
import { sinkAnswers } from './sink-answers.ts'
import type { SinkStatus } from './sink-status.ts'
import { stopRequested } from './stop-signal.ts'
import { createTradeTopics } from './trade-topics.ts'

const STATUS_INTERVAL_MS = 500
/** The latencies of a status are those of the last seconds. */
const LATENCY_WINDOW_MS = 2_000

/** The sink role: one database, until it is told to stop. */
export async function run(argv: readonly string[]): Promise<number> {
  const { settings, positionals } = parseArguments(argv, {}, { positionals: 1 })
  const [kind] = positionals
  if (kind !== 'postgres' && kind !== 'mongo') throw new UsageError(`found ${kind === undefined ? 'no database' : JSON.stringify(kind)}, expected: tradewind sink postgres, or tradewind sink mongo`)
  const { values } = settings
  const stop = stopRequested()
  const url = await connectionOf(settings, kind)
  const brokers = await connectionOf(settings, 'brokers')
  let sink: RunningSink | undefined
  const listener = await listenAsSink(values, sinkAnswers(systemClock, () => sink))
  const kafka = connectKafka(values, brokers, `tradewind-sink-${kind}`)
  const latencies = new Latencies()
  try {
    await createTradeTopics(kafka.client, values)
    sink = start(kind, { client: kafka.client, url, settings: values, address: listener.address, onApplied: (records) => latencies.record(records) })
    const running = sink
    const status = setInterval(() => tellParent(statusOf(running, latencies)), STATUS_INTERVAL_MS)
    const failure = await Promise.race([stop.promise, sink.ended])
    if (failure === undefined) await sink.close()
    tellParent(statusOf(sink, latencies))
    clearInterval(status)
    if (failure !== undefined) throw failure
    return EXIT.ok
  } finally {
    await listener.close()
    await kafka.close()
    leaveParent()
  }
}

interface SinkStart {
  readonly client: KafkaClient
  readonly url: string
  readonly settings: Settings
  readonly address: string
  readonly onApplied: (records: readonly SinkRecord[]) => void
}

function start(kind: 'postgres' | 'mongo', { client, url, settings, address, onApplied }: SinkStart): RunningSink {
  const topics = tradeTopics(settings['topics.prefix'])
  const common = {
    client,
    url,
    clock: systemClock,
    random: systemRandom,
    batchRows: settings['sink.batchRows'],
    groupId: `${settings['application.id']}-sink-${kind}`,
    groupInstanceId: settings['sink.instanceId'],
    address,
    deadLetterTopic: topics.deadLetter,
    failpoint: failpointFromEnvironment(),
    onApplied,
    onEvent: ({ severity, message }: { severity: string; message: string }) => {
      if (severity !== 'info') process.stderr.write(`${severity}: ${message}\n`)
    },
  }
  if (kind === 'postgres') return startPostgresSink({ ...common, topic: topics.processed })
  return startMongoSink({ ...common, auditTopic: topics.audit, processedTopic: topics.processed, expiredTopic: topics.expired, repairedTopic: topics.repaired, retentionDays: settings['mongo.retentionDays'] })
}

/** From the timestamp of a record to the answer of the database. */
class Latencies {
  readonly all = new LatencyHistogram()
  #current = new LatencyHistogram()
  #previous = new LatencyHistogram()
  #startedMs = performance.now()

  record(records: readonly SinkRecord[]): void {
    const nowMs = Date.now()
    this.#turn()
    for (const { timestampMs } of records) {
      this.all.record(nowMs - timestampMs)
      this.#current.record(nowMs - timestampMs)
    }
  }

  /** Of the last two to four seconds. */
  recent(share: number): number | undefined {
    this.#turn()
    const both = new LatencyHistogram()
    both.add(this.#current)
    both.add(this.#previous)
    return both.percentileMs(share)
  }

  #turn(): void {
    if (performance.now() - this.#startedMs < LATENCY_WINDOW_MS) return
    this.#startedMs = performance.now()
    this.#previous = this.#current
    this.#current = new LatencyHistogram()
  }
}

function statusOf(sink: RunningSink, latencies: Latencies): SinkStatus {
  const { partitions: _, ...snapshot } = sink.snapshot()
  return {
    role: 'sink',
    ...snapshot,
    latencyP50Ms: latencies.recent(0.5),
    latencyP99Ms: latencies.recent(0.99),
    latencyAllP50Ms: latencies.all.percentileMs(0.5),
    latencyAllP99Ms: latencies.all.percentileMs(0.99),
  }
}
