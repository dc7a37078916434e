import type { LoadedSettings } from '../../config/load-settings.ts'
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
  load: Role<ProduceStatus> | undefined
  /** Whether the load generator has sent what it was to send. */
  loadEnded = false
  /** Whether every role that was stopped went in an orderly way. */
  endedWell = true
  #stopped = new Set<Role<unknown>>()

  constructor(options: RolesOptions) {
    this.#options = options
  }

  /** The processor and the sinks. */
  start(): void {
    const { stack, say } = this.#options
    const common = this.#commonFlags()
    this.processor = new Role('processor', ['processor', ...common], say)
    this.postgres = new Role('sink postgres', ['sink', 'postgres', ...common, '--postgres-url', stack.postgres], say)
    this.mongo = new Role('sink mongo', ['sink', 'mongo', ...common, '--mongo-url', stack.mongo], say)
  }

  startLoad(load: { rate: number; seed: number; forMs: number | undefined }): void {
    const limits = load.forMs === undefined ? [] : ['--for', `${load.forMs}ms`]
    this.load = new Role('load', ['produce', '--rate', String(load.rate), '--seed', String(load.seed), ...limits, ...this.#commonFlags()], this.#options.say)
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
    return [this.load, this.processor, this.postgres, this.mongo].filter((role) => role !== undefined)
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
    await this.#stop(this.load)
    await this.#stop(this.processor)
    await Promise.all([this.#stop(this.postgres), this.#stop(this.mongo)])
  }

  #commonFlags(): string[] {
    const { settings, stack } = this.#options
    return [...givenFlags(settings), '--kafka-brokers', stack.brokers]
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

/** The settings that were given to the demo as flags go to its roles as flags; those of the environment reach them by themselves. */
function givenFlags({ values, sources }: LoadedSettings): string[] {
  const given = [...sources].filter(([name, source]) => source.startsWith('flag') && !ADDRESSES.has(name))
  return given.flatMap(([name, source]) => [source.slice('flag '.length), String(values[name])])
}

const ADDRESSES = new Set(['kafka.brokers', 'postgres.url', 'mongo.url'])
