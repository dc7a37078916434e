import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { lagOf } from '../../cli/demo/drained.ts'
import { Role } from '../../cli/demo/role.ts'
import { selfCheck } from '../../cli/demo/self-check.ts'
import { type ConnectedKafka, connectKafka } from '../../cli/kafka.ts'
import { LoadGenerator, type LoadGeneratorOptions } from '../../cli/load-generator.ts'
import type { GatewayStatus } from '../../cli/gateway-status.ts'
import type { ProcessorStatus } from '../../cli/processor-status.ts'
import type { SinkStatus } from '../../cli/sink-status.ts'
import { createTradeTopics } from '../../cli/trade-topics.ts'
import { flagOf, loadSettings } from '../../config/load-settings.ts'
import type { SettingName, Settings } from '../../config/settings.ts'
import { changelogTopic } from '../../engine/application-topology.ts'
import type { KafkaClient } from '../../ports/kafka-client.ts'
import { systemClock } from '../../ports/system-clock.ts'
import { documentTopics, type TradeTopics, tradeTopics } from '../../topology/trade-topics.ts'
import { TRADE_STORES } from '../../topology/trades.ts'
import { createDatabase } from '../integration/scratch-postgres.ts'
import { until } from './until.ts'

/** Where the services of the test run are; `undefined`: it has none. */
export const brokersOfRun = process.env['TRADEWIND_KAFKA_BROKERS']

export type SinkKind = 'postgres' | 'mongo'

export interface EnvironmentOptions {
  /** Default: `TRADEWIND_KAFKA_BROKERS`. */
  readonly brokers?: string
  /** Servers that go with the test, whose databases need not be removed. Default: a database of its own on those of the run. */
  readonly databases?: { readonly postgres: string; readonly mongo: string }
  /** Settings of every role. */
  readonly settings?: Partial<Record<SettingName, string>>
  /** Default: a new one among the temporary ones. */
  readonly folder?: string
  /** Told each line that a role says. */
  readonly onLine?: (line: string) => void
}

export interface RoleOptions {
  /** What its lines begin with. Default: its command. */
  readonly name?: string
  /** See cli/failpoint.ts. */
  readonly failpoint?: string
  readonly settings?: Partial<Record<SettingName, string>>
}

interface Databases {
  readonly postgres: string
  readonly mongo: string
  drop(): Promise<void>
}

/** How much of what the roles said is shown where something does not happen. */
const LINES_SHOWN = 30
/** Only ends what hangs. */
const STOP_TIMEOUT_MS = 120_000

/**
 * A trade store of its own on the services of the test run: its own topics (`topics.prefix`), application id, databases and data folder. Its roles are real processes.
 */
export class TradeEnvironment {
  readonly settings: Settings
  readonly topics: TradeTopics
  readonly databases: Databases
  readonly folder: string
  /** What the roles have said. */
  readonly said: string[] = []
  readonly #flags: Map<string, string>
  readonly #kafka: ConnectedKafka
  readonly #roles: Role<unknown>[] = []
  readonly #onLine: (line: string) => void

  private constructor(parts: { flags: Map<string, string>; folder: string; kafka: ConnectedKafka; settings: Settings; databases: Databases; onLine: ((line: string) => void) | undefined }) {
    this.#flags = parts.flags
    this.#onLine = parts.onLine ?? (() => {})
    this.#kafka = parts.kafka
    this.folder = parts.folder
    this.settings = parts.settings
    this.databases = parts.databases
    this.topics = tradeTopics(parts.settings['topics.prefix'])
  }

  static async create(options: EnvironmentOptions = {}): Promise<TradeEnvironment> {
    const name = `t${randomUUID().slice(0, 8)}`
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), `${name}-`))
    const brokers = options.brokers ?? brokersOfRun ?? ''
    const own: Partial<Record<SettingName, string>> = { 'application.id': name, 'topics.prefix': `${name}.`, 'kafka.brokers': brokers, 'data.dir': folder, 'membership.sessionTimeoutMs': '45000', ...options.settings }
    const flags = new Map(Object.entries(own).map(([setting, value]) => [flagOf(setting as SettingName), value])) // the keys of a record of setting names
    const { values } = loadSettings(flags, {})
    const kafka = connectKafka(values, brokers, name)
    await createTradeTopics(kafka.client, values)
    const databases = options.databases === undefined ? await scratchDatabases(name) : { ...options.databases, drop: async () => {} }
    return new TradeEnvironment({ flags, folder, kafka, settings: values, databases, onLine: options.onLine })
  }

  get client(): KafkaClient {
    return this.#kafka.client
  }

  get applicationId(): string {
    return this.settings['application.id']
  }

  processor(options: RoleOptions = {}): Role<ProcessorStatus> {
    return this.#start('processor', ['processor'], options)
  }

  sink(kind: SinkKind, options: RoleOptions = {}): Role<SinkStatus> {
    const url = kind === 'postgres' ? ['--postgres-url', this.databases.postgres] : ['--mongo-url', this.databases.mongo]
    return this.#start(`sink ${kind}`, ['sink', kind, ...url], options)
  }

  /** On a port of its own: `listening` waits for its address. */
  gateway(options: RoleOptions = {}): Role<GatewayStatus> {
    const { postgres, mongo } = this.databases
    return this.#start('gateway', ['gateway', '--postgres-url', postgres, '--mongo-url', mongo], { ...options, settings: { 'http.listen': '127.0.0.1:0', ...options.settings } })
  }

  /** The address of a gateway, once it listens. */
  async listening(gateway: Role<GatewayStatus>): Promise<string> {
    return (await this.until('the gateway listens', () => this.#alive(gateway) && gateway.status)).url
  }

  /** Another command, to its end. */
  async command(argv: readonly string[], options: RoleOptions = {}): Promise<{ exit: string | undefined; output: string }> {
    const from = this.said.length
    const role = this.#start(argv[0] ?? '', argv, options)
    await role.ended
    return { exit: role.exit, output: this.said.slice(from).join('\n') }
  }

  generator(options: Omit<LoadGeneratorOptions, 'client' | 'clock' | 'topic'>): LoadGenerator {
    return new LoadGenerator({ client: this.client, clock: systemClock, topic: this.topics.ingested, ...options })
  }

  /** Waits for a condition; where it does not come, what the roles said last is told. */
  until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>, deadlineMs?: number): Promise<T> {
    return until(what, look, { describe: () => this.#lastWords(), ...(deadlineMs !== undefined && { deadlineMs }) })
  }

  /** Waits until a processor runs all tasks; answers its status of then. */
  running(processor: Role<ProcessorStatus>, deadlineMs?: number): Promise<ProcessorStatus> {
    const tasks = this.settings['topics.partitions']
    return this.until(`all ${tasks} tasks run`, () => this.#alive(processor) && processor.status?.running.length === tasks && processor.status, deadlineMs)
  }

  /** Whether a process was stopped by SIGSTOP. */
  stopped({ pid }: Role<unknown>): boolean {
    return /^State:\s+[Tt]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  }

  /** Waits until all input is committed. */
  processed(processor: Role<unknown>): Promise<void> {
    return this.#workedOff('all input is processed', processor, this.applicationId, [this.topics.ingested])
  }

  /** Waits until a sink has written all that there is. */
  written(kind: SinkKind, sink: Role<unknown>): Promise<void> {
    const read = kind === 'postgres' ? [this.topics.processed] : documentTopics(this.topics)
    return this.#workedOff(`sink ${kind} has written everything`, sink, `${this.applicationId}-sink-${kind}`, read)
  }

  /** SIGTERM. Throws where a role does not end by itself, in time, without a fault. */
  async stop(...roles: Role<unknown>[]): Promise<void> {
    const ended = await Promise.all(roles.map((role) => role.stop(STOP_TIMEOUT_MS)))
    const bad = roles.find((_, at) => ended[at] !== true)
    if (bad !== undefined) throw new Error(`${bad.name} did not end in order (${bad.exit}). ${this.#lastWords()}`)
  }

  /** What must hold of topics, stores and databases once everything has stopped: the faults, one a line. */
  async faults(): Promise<string> {
    const checks = await selfCheck({ client: this.client, settings: this.settings, stack: { brokers: '', ...this.databases, stop: async () => {} }, caughtUp: true, endedWell: true })
    return checks.flatMap(({ held, name, detail }) => (held ? [] : [`${name}: ${detail}`])).join('\n')
  }

  async close(): Promise<void> {
    await this.#killRoles()
    const changelogs = Object.values(TRADE_STORES).map((store) => changelogTopic(this.applicationId, store))
    await this.client.broker.deleteTopics([...Object.values(this.topics), ...changelogs])
    await this.#kafka.close()
    await this.databases.drop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Ends every role that runs. Topics, databases and files stay to be looked at. */
  async abandon(): Promise<void> {
    await this.#killRoles()
    await this.#kafka.close()
  }

  async #killRoles(): Promise<void> {
    for (const role of this.#roles) if (role.exit === undefined) role.kill()
    await Promise.all(this.#roles.map(({ ended }) => ended))
  }

  /** It may take as long as it likes while the lag gets smaller. */
  async #workedOff(what: string, role: Role<unknown>, group: string, topics: readonly string[]): Promise<void> {
    let least = Number.POSITIVE_INFINITY
    const isDone = async () => {
      least = Math.min(least, this.#alive(role) && (await lagOf(this.client, group, topics)))
      return least === 0
    }
    await until(what, isDone, { describe: () => `At best ${least} records were left. ${this.#lastWords()}`, progress: () => least })
  }

  #start<Status>(command: string, argv: readonly string[], { name = command, failpoint, settings = {} }: RoleOptions): Role<Status> {
    const flags = new Map([...this.#flags, ...Object.entries(settings).map(([setting, value]): [string, string] => [flagOf(setting as SettingName), value])]) // see create
    // Settings are given as flags: what the test run has in its environment is about its services.
    const { TRADEWIND_KAFKA_BROKERS: _b, TRADEWIND_POSTGRES_URL: _p, TRADEWIND_MONGO_URL: _m, ...environment } = process.env
    if (failpoint !== undefined) environment['TRADEWIND_FAILPOINT'] = failpoint
    const hear = (line: string) => {
      this.said.push(line)
      this.#onLine(line)
    }
    const role = new Role<Status>(name, [...argv, ...[...flags].map(([flag, value]) => `--${flag}=${value}`)], hear, environment)
    this.#roles.push(role)
    return role
  }

  /** Waiting for a process that is dead would be vain. */
  #alive(role: Role<unknown>): true {
    if (role.exit !== undefined) throw new Error(`${role.name} has ended (${role.exit}). ${this.#lastWords()}`)
    return true
  }

  #lastWords(): string {
    return `The roles said last:\n${this.said.slice(-LINES_SHOWN).join('\n')}`
  }
}

async function scratchDatabases(name: string): Promise<Databases> {
  const postgres = await createDatabase()
  const mongo = new URL(process.env['TRADEWIND_MONGO_URL'] ?? '')
  mongo.pathname = `/${name}`
  return {
    postgres: postgres.url,
    mongo: mongo.href,
    async drop() {
      await postgres.drop()
      const client = new MongoClient(mongo.href)
      await client.db().dropDatabase()
      await client.close()
    },
  }
}
