import { environmentVariableOf, type LoadedSettings } from '../../config/load-settings.ts'
import type { GatewayStatus } from '../gateway-status.ts'
import type { ProcessorStatus } from '../processor-status.ts'
import type { ProduceStatus } from '../produce-status.ts'
import type { RunningStack } from '../running-stack.ts'
import type { SinkStatus } from '../sink-status.ts'
import { Role } from './role.ts'

export interface RolesOptions {
  readonly settings: LoadedSettings
  readonly stack: RunningStack
  readonly say: (line: string) => void
}

/** Longest time that a role may take to commit and leave. Ctrl-C has ended everything within 10 s. */
const STOP_TIMEOUT_MS = 6_000

/** The processes of the demo. */
export class Roles {
  readonly #options: RolesOptions
  processor: Role<ProcessorStatus> | undefined
  postgres: Role<SinkStatus> | undefined
  mongo: Role<SinkStatus> | undefined
  gateway: Role<GatewayStatus> | undefined
  load: Role<ProduceStatus> | undefined
  /** Whether the load generator has sent what it was to send. */
  loadEnded = false
  /** Whether every role that was stopped went in an orderly way. */
  endedWell = true
  #stopped = new Set<Role<unknown>>()

  constructor(options: RolesOptions) {
    this.#options = options
  }

  /** The processor, the sinks and the gateway, which says where it listens. */
  start(): void {
    const { say } = this.#options
    const environment = this.#environment()
    this.processor = new Role('processor', ['processor'], say, environment)
    this.postgres = new Role('sink postgres', ['sink', 'postgres'], say, environment)
    this.mongo = new Role('sink mongo', ['sink', 'mongo'], say, environment)
    this.gateway = new Role('gateway', ['gateway'], say, environment)
  }

  startLoad(load: { rate: number; seed: number; forMs: number | undefined }): void {
    const limits = load.forMs === undefined ? [] : ['--for', `${load.forMs}ms`]
    this.load = new Role('load', ['produce', '--rate', String(load.rate), '--seed', String(load.seed), ...limits], this.#options.say, this.#environment())
    void this.load.ended.then(() => {
      this.loadEnded = true
    })
  }

  /** Whether the processor has taken up its tasks: what is sent before waits for that. */
  get ready(): boolean {
    const status = this.processor?.status
    return status !== undefined && status.running.length > 0 && status.restoring.length === 0
  }

  get all(): Role<unknown>[] {
    return [this.load, this.gateway, this.processor, this.postgres, this.mongo].filter((role) => role !== undefined)
  }

  /** Throws if a role has ended by itself. The load generator may: its time is up. */
  check(): void {
    for (const role of this.all) if (role !== this.load) role.check()
  }

  async stopLoad(): Promise<void> {
    await this.#stop(this.load)
  }

  /** In order: no more input, then what works on it, then what takes its output. */
  async stopAll(): Promise<void> {
    await Promise.all([this.#stop(this.load), this.#stop(this.gateway)])
    await this.#stop(this.processor)
    await Promise.all([this.#stop(this.postgres), this.#stop(this.mongo)])
  }

  /** Settings reach the roles by their environment: a command line, and the passwords in it, could be read by every user of the machine. */
  #environment(): NodeJS.ProcessEnv {
    const { settings, stack } = this.#options
    const { values, sources } = settings
    const given = [...sources].filter(([, source]) => source.startsWith('flag')).map(([name]) => [environmentVariableOf(name), String(values[name])])
    return {
      ...process.env,
      // Several demos may run on a machine: a port that is free, unless one is asked for.
      ...(sources.get('http.listen') === 'default' && { [environmentVariableOf('http.listen')]: '127.0.0.1:0' }),
      ...Object.fromEntries(given),
      [environmentVariableOf('kafka.brokers')]: stack.brokers,
      [environmentVariableOf('postgres.url')]: stack.postgres,
      [environmentVariableOf('mongo.url')]: stack.mongo,
    }
  }

  async #stop(role: Role<unknown> | undefined): Promise<void> {
    if (role === undefined || this.#stopped.has(role)) return
    this.#stopped.add(role)
    if (!(await role.stop(STOP_TIMEOUT_MS))) {
      this.endedWell = false
      this.#options.say(`${role.name} did not end in an orderly way`)
    }
  }
}
