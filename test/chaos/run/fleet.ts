import { join } from 'node:path'
import type { Role } from '../../../cli/demo/role.ts'
import type { GatewayStatus } from '../../../cli/gateway-status.ts'
import type { ProcessorStatus } from '../../../cli/processor-status.ts'
import type { SinkStatus } from '../../../cli/sink-status.ts'
import { until } from '../../support/until.ts'
import type { TradeEnvironment } from '../../support/trade-environment.ts'

export type MemberKind = 'processor' | 'postgres' | 'mongo' | 'gateway'

/** A place in the fleet: a processor with its folder, a sink with its instance id, the gateway. It may be filled or not. */
export interface Member {
  readonly name: string
  readonly kind: MemberKind
}

/** A process that ended although nobody had told it to. */
export interface UnaskedExit {
  readonly name: string
  readonly exit: string
  /** Where a role may give up: it did not get to its start because of a fault that was there at the time, or its disk was full. */
  readonly excuse: string | undefined
  readonly lastWords: string
}

export interface FleetOptions {
  readonly brokers: string
  /** Of the gateway. */
  readonly listen: string
  /** Of processors, when they are started. */
  readonly businessDate: () => string
  /** Why a member may end by itself at the moment; `started`: it had got over its start. */
  readonly excuse: (member: Member, started: boolean) => string | undefined
}

interface Filled extends Member {
  readonly role: Role<ProcessorStatus | SinkStatus | GatewayStatus>
  /** We ended it. */
  isAsked: boolean
  isPaused: boolean
}

const LAST_WORDS = 8
/** Only ends what hangs. */
const STOP_TIMEOUT_MS = 120_000

export const MEMBERS: readonly Member[] = [
  ...['p1', 'p2', 'p3', 'p4'].map((name): Member => ({ name, kind: 'processor' })),
  ...['postgres-a', 'postgres-b'].map((name): Member => ({ name, kind: 'postgres' })),
  ...['mongo-a', 'mongo-b'].map((name): Member => ({ name, kind: 'mongo' })),
  { name: 'gateway', kind: 'gateway' },
]

/** The roles, each a process. What ends by itself is started again, as any supervisor would, and written down. */
export class Fleet {
  readonly unasked: UnaskedExit[] = []
  readonly #environment: TradeEnvironment
  readonly #running = new Map<string, Filled>()
  readonly #options: FleetOptions
  #isOver = false

  constructor(environment: TradeEnvironment, options: FleetOptions) {
    this.#environment = environment
    this.#options = options
  }

  folderOf(processor: string): string {
    return join(this.#environment.folder, processor)
  }

  /** Names of those that run, paused ones too. */
  running(kind: MemberKind): string[] {
    return [...this.#running.values()].filter((member) => member.kind === kind).map(({ name }) => name)
  }

  /** The partitions of the input that a processor runs, as it said last. */
  partitionsOf(name: string): number[] {
    const status = this.#running.get(name)?.role.status
    return status !== undefined && 'running' in status ? status.running.map((task) => Number(task.split('_')[1])) : []
  }

  start(name: string): void {
    const member = MEMBERS.find((candidate) => candidate.name === name)
    if (member === undefined) throw new Error(`there is no member ${name}`)
    if (this.#running.has(name)) return
    const role = this.#role(member)
    const filled: Filled = { ...member, role, isAsked: false, isPaused: false }
    this.#running.set(name, filled)
    void role.ended.then(() => this.#ended(filled))
  }

  /** SIGKILL. */
  async kill(name: string): Promise<void> {
    const member = this.#running.get(name)
    if (member === undefined) return
    member.isAsked = true
    member.role.kill()
    await member.role.ended
  }

  /** SIGTERM; throws where it does not end in order. */
  async stop(name: string): Promise<void> {
    const member = this.#running.get(name)
    if (member === undefined) return
    member.isAsked = true
    const isYoung = member.role.status === undefined
    const hasEndedWell = await member.role.stop(STOP_TIMEOUT_MS)
    // Told before it listened for it: that ends any process, and it had not begun with anything.
    if (!hasEndedWell && !(isYoung && member.role.exit === 'SIGTERM')) throw new Error(`${name} did not end in order (${member.role.exit}): ${this.#lastWords(name)}`)
  }

  /** Resolves when the kernel has stopped it. */
  async pause(name: string): Promise<void> {
    const member = this.#running.get(name)
    if (member === undefined || member.role.exit !== undefined) return
    member.isPaused = true
    member.role.kill('SIGSTOP')
    await until(`${name} is stopped`, () => member.role.exit !== undefined || this.#environment.stopped(member.role))
  }

  resume(name: string): void {
    const member = this.#running.get(name)
    if (!member?.isPaused) return
    member.isPaused = false
    member.role.kill('SIGCONT')
  }

  /** Names of those that run. */
  get left(): string[] {
    return [...this.#running.keys()]
  }

  /** All in order, side by side. From here on nothing is started again. */
  async stopAll(): Promise<void> {
    this.#isOver = true
    const outcomes = await Promise.allSettled([...this.#running.keys()].map((name) => this.stop(name)))
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  }

  /** Nothing is started again: the end comes by force. */
  abandon(): void {
    this.#isOver = true
  }

  #role({ name, kind }: Member): Filled['role'] {
    const brokers = { 'kafka.brokers': this.#options.brokers }
    switch (kind) {
      case 'processor':
        return this.#environment.processor({ name, settings: { ...brokers, 'data.dir': this.folderOf(name), 'business.date': this.#options.businessDate() } })
      case 'gateway':
        return this.#environment.gateway({ name, settings: { ...brokers, 'http.listen': this.#options.listen } })
      default:
        return this.#environment.sink(kind, { name, settings: { ...brokers, 'sink.instanceId': name } })
    }
  }

  #ended(member: Filled): void {
    const { name, role } = member
    this.#running.delete(name)
    if (member.isAsked || this.#isOver) return
    const excuse = this.#options.excuse(member, role.status !== undefined)
    this.unasked.push({ name, exit: role.exit ?? 'unknown', excuse, lastWords: this.#lastWords(name) })
    // at once it would only meet the same again
    setTimeout(() => {
      if (!this.#isOver) this.start(name)
    }, 1_000)
  }

  #lastWords(name: string): string {
    return this.#environment.said.filter((line) => line.startsWith(`${name}: `)).slice(-LAST_WORDS).join('\n')
  }
}
