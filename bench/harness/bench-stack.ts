import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Role } from '../../cli/demo/role.ts'
import { type ConnectedKafka, connectKafka } from '../../cli/kafka.ts'
import { LoadGenerator } from '../../cli/load-generator.ts'
import type { GatewayStatus } from '../../cli/gateway-status.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import type { ProduceStatus } from '../../cli/produce-status.ts'
import type { SinkStatus } from '../../cli/sink-status.ts'
import { createTradeTopics } from '../../cli/trade-topics.ts'
import { loadSettings } from '../../config/load-settings.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { startStack } from '../../dev/stack.ts'
import type { KafkaClient } from '../../ports/kafka-client.ts'
import type { Workload } from '../workload/workload.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'

/** Of every topic of the trade store, unless a scenario wants others: the default of ours. */
export const PARTITIONS = 12
const POLL_MS = 50
/** Address of a service that nobody is going to ask for. */
const NOT_STARTED = 'not-started'
/** Deleted topics of earlier rounds leave the disk at once, not a minute later. */
const BROKER_SETTINGS = { 'log.segment.delete.delay.ms': '1000' }
const STOP_TIMEOUT_MS = 30_000

/** Kafka and the databases for a benchmark, in a folder of their own, with the roles as processes. */
export class BenchStack {
  readonly dataDir: string
  readonly postgres: string
  /** Bootstrap servers. */
  readonly brokers: string
  readonly brokerPid: number
  /** `undefined` where PostgreSQL is not started. */
  readonly postgresPid: number | undefined
  readonly mongo: string
  /** `undefined` where MongoDB is not started. */
  readonly mongoPid: number | undefined
  /** Of every topic, since they were last made. */
  partitions = PARTITIONS
  readonly #settings = loadSettings(new Map(), {}).values
  readonly #close: () => Promise<void>
  readonly #roles = new Set<Role<unknown>>()
  #kafka: ConnectedKafka

  private constructor(dataDir: string, stack: Awaited<ReturnType<typeof startStack>>) {
    this.dataDir = dataDir
    this.postgres = stack.postgres
    this.brokers = stack.brokers
    const brokerPid = stack.services.kafka?.nodes[0]?.pid
    if (brokerPid === undefined) throw new Error('the embedded broker does not run')
    this.brokerPid = brokerPid
    this.postgresPid = stack.services.postgres?.pid
    this.mongo = stack.mongo
    this.mongoPid = stack.services.mongo?.pid
    this.#kafka = connectKafka(this.#settings, stack.brokers, 'tradewind-bench')
    this.#close = async () => {
      for (const role of this.#roles) await role.stop(STOP_TIMEOUT_MS)
      await this.#kafka.close()
      await stack.stop()
      await rm(dataDir, { recursive: true, force: true })
    }
  }

  /** Beside the broker. Default: PostgreSQL, and no MongoDB. */
  static async start({ postgres = true, mongo = false }: { postgres?: boolean; mongo?: boolean } = {}): Promise<BenchStack> {
    const dataDir = await mkdtemp(join(tmpdir(), 'tradewind-bench-'))
    const own = { ...(!mongo && { mongo: NOT_STARTED }), ...(!postgres && { postgres: NOT_STARTED }) }
    return new BenchStack(dataDir, await startStack({ dataDir, kafkaHeapMb: 1024, kafkaSettings: BROKER_SETTINGS, own }))
  }

  get client(): KafkaClient {
    return this.#kafka.client
  }

  close(): Promise<void> {
    return this.#close()
  }

  /** Empty output topics, and input topics too where asked: what an earlier round wrote is gone, changelogs of all contenders included. */
  async freshTopics(options: { input: boolean; partitions?: number }): Promise<void> {
    if (options.input) this.partitions = options.partitions ?? PARTITIONS
    const { topics: present } = await this.client.broker.metadata(undefined)
    const doomed = present.map(({ name }) => name).filter((name) => name.endsWith('-changelog') || (TRADE_NAMES.has(name) && (options.input || name !== TRADE_TOPICS.ingested)))
    if (doomed.length > 0) await this.client.broker.deleteTopics(doomed)
    for (let gone = doomed.length === 0; !gone; ) {
      await pause()
      const { topics } = await this.client.broker.metadata(doomed)
      gone = topics.every(({ errorCode }) => errorCode !== 0)
    }
    // A client remembers topics by their ids: one of its own for the new ones.
    await this.#kafka.close()
    this.#kafka = connectKafka(this.#settings, this.brokers, 'tradewind-bench')
    await createTradeTopics(this.client, { ...this.#settings, 'topics.partitions': this.partitions })
  }

  /** By partition, how many records of the input a group has committed. */
  async committed(group: string): Promise<number[]> {
    const offsets = await this.client.committedOffsets(group, this.#inputPartitions(), { requireStable: false })
    return this.#inputPartitions().map(({ partition }) => Math.max(0, offsets.find((found) => found.partition === partition)?.offset ?? 0))
  }

  /** By partition, how many records the input has. */
  async inputEnds(): Promise<number[]> {
    const offsets = await this.client.listOffsets(this.#inputPartitions(), 'latest')
    return this.#inputPartitions().map(({ partition }) => offsets.find((found) => found.partition === partition)?.offset ?? 0)
  }

  processor(applicationId: string): Role<ProcessorStatus> {
    return this.#role('processor', ['processor', '--application-id', applicationId])
  }

  /** `environment`: on top of ours. */
  sink(applicationId: string, environment: NodeJS.ProcessEnv = {}): Role<SinkStatus> {
    return this.#role('sink', ['sink', 'postgres', '--application-id', applicationId, '--postgres-url', this.postgres], environment)
  }

  mongoSink(applicationId: string, environment: NodeJS.ProcessEnv = {}): Role<SinkStatus> {
    return this.#role('sink', ['sink', 'mongo', '--application-id', applicationId, '--mongo-url', this.mongo], environment)
  }

  /** Without MongoDB: what needs it answers 503. */
  gateway(applicationId: string): Role<GatewayStatus> {
    return this.#role('gateway', ['gateway', '--application-id', applicationId, '--postgres-url', this.postgres, '--mongo-url', 'mongodb://127.0.0.1:1/none', '--http-listen', '127.0.0.1:0'])
  }

  /** `environment`: on top of ours. */
  load(flags: readonly string[], environment: NodeJS.ProcessEnv = {}): Role<ProduceStatus> {
    return this.#role('load', ['produce', '--workload', 'trade', ...flags], environment)
  }

  /** Sends a workload as fast as it goes and waits until it is acknowledged. */
  async preload(flags: readonly string[]): Promise<void> {
    await this.load(['--rate', '0', ...flags]).ended
  }

  /** The same of a workload that only the benchmark has. */
  async produce(workload: Workload, count: number): Promise<void> {
    const { acknowledged } = await new LoadGenerator({ client: this.client, clock: systemClock, workload, ratePerS: 0, count }).run()
    if (acknowledged !== count) throw new Error(`${acknowledged} of ${count} records were acknowledged`)
  }

  #inputPartitions(): { topic: string; partition: number }[] {
    return Array.from({ length: this.partitions }, (_, partition) => ({ topic: TRADE_TOPICS.ingested, partition }))
  }

  #role<Status>(name: string, argv: readonly string[], environment: NodeJS.ProcessEnv = {}): Role<Status> {
    const all = [...argv, '--data', this.dataDir, '--kafka-brokers', this.brokers]
    const role = new Role<Status>(name, all, (line) => process.stderr.write(`${line}\n`), { ...process.env, ...environment })
    this.#roles.add(role)
    return role
  }
}

const TRADE_NAMES = new Set<string>(Object.values(TRADE_TOPICS))

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS))
}

/** Waits until a role's status shows what is wanted. */
export async function until<Status>(role: Role<Status>, wanted: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    role.check()
    if (role.status !== undefined && wanted(role.status)) return role.status
    await pause()
  }
}
