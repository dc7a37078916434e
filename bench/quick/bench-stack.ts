import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Role } from '../../cli/demo/role.ts'
import { type ConnectedKafka, connectKafka } from '../../cli/kafka.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import type { ProduceStatus } from '../../cli/produce-status.ts'
import type { SinkStatus } from '../../cli/sink-status.ts'
import { createTradeTopics } from '../../cli/trade-topics.ts'
import { loadSettings } from '../../config/load-settings.ts'
import { startStack } from '../../dev/stack.ts'
import type { KafkaClient } from '../../ports/kafka-client.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'

const POLL_MS = 50
const STOP_TIMEOUT_MS = 30_000

/** Kafka and the databases for a benchmark, in a folder of their own, with the roles as processes. */
export class BenchStack {
  readonly dataDir: string
  readonly postgres: string
  readonly #brokers: string
  readonly #settings = loadSettings(new Map(), {}).values
  readonly #close: () => Promise<void>
  readonly #roles = new Set<Role<unknown>>()
  #kafka: ConnectedKafka

  private constructor(dataDir: string, stack: Awaited<ReturnType<typeof startStack>>) {
    this.dataDir = dataDir
    this.postgres = stack.postgres
    this.#brokers = stack.brokers
    this.#kafka = connectKafka(this.#settings, stack.brokers, 'tradewind-bench')
    this.#close = async () => {
      for (const role of this.#roles) await role.stop(STOP_TIMEOUT_MS)
      await this.#kafka.close()
      await stack.stop()
      await rm(dataDir, { recursive: true, force: true })
    }
  }

  static async start(): Promise<BenchStack> {
    const dataDir = await mkdtemp(join(tmpdir(), 'tradewind-bench-'))
    return new BenchStack(dataDir, await startStack({ dataDir, kafkaHeapMb: 1024 }))
  }

  get client(): KafkaClient {
    return this.#kafka.client
  }

  close(): Promise<void> {
    return this.#close()
  }

  /** Empty output topics, and input topics too where asked: what an earlier round wrote is gone. */
  async freshTopics(options: { input: boolean }): Promise<void> {
    const doomed = Object.values(TRADE_TOPICS).filter((topic) => options.input || topic !== TRADE_TOPICS.ingested)
    await this.client.broker.deleteTopics(doomed)
    for (let gone = false; !gone; ) {
      await pause()
      const { topics } = await this.client.broker.metadata(doomed)
      gone = topics.every(({ errorCode }) => errorCode !== 0)
    }
    // A client remembers topics by their ids: one of its own for the new ones.
    await this.#kafka.close()
    this.#kafka = connectKafka(this.#settings, this.#brokers, 'tradewind-bench')
    await createTradeTopics(this.client, this.#settings)
  }

  processor(applicationId: string): Role<ProcessorStatus> {
    return this.#role('processor', ['processor', '--application-id', applicationId])
  }

  sink(applicationId: string): Role<SinkStatus> {
    return this.#role('sink', ['sink', 'postgres', '--application-id', applicationId, '--postgres-url', this.postgres])
  }

  load(flags: readonly string[]): Role<ProduceStatus> {
    return this.#role('load', ['produce', '--workload', 'trade', ...flags])
  }

  /** Sends a workload as fast as it goes and waits until it is acknowledged. */
  async preload(flags: readonly string[]): Promise<void> {
    await this.load(['--rate', '0', ...flags]).ended
  }

  #role<Status>(name: string, argv: readonly string[]): Role<Status> {
    const role = new Role<Status>(name, [...argv, '--data', this.dataDir, '--kafka-brokers', this.#brokers], (line) => process.stderr.write(`${line}\n`))
    this.#roles.add(role)
    return role
  }
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
