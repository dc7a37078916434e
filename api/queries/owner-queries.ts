import type { Broker } from '../../ports/broker.ts'
import { taskAddresses } from '../../engine/membership/classic-membership.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import { OwnerConnection, OwnerLostError, type OwnerQuestion } from './owner-connection.ts'
import type { OwnerAnswer } from './query-protocol.ts'

/** Nobody who may answer could be reached in time: a task is on its way from one instance to another, or none runs. */
export class OwnerUnavailableError extends Error {
  override readonly name = 'OwnerUnavailableError'
}

export interface OwnerQueriesOptions {
  readonly broker: Pick<Broker, 'findCoordinator' | 'describeGroups'>
  readonly groupId: string
  /** The task whose stores hold this partition. */
  readonly taskOf: (store: string, partition: number) => string
  readonly clock: Clock
  /** Default 2,000. */
  readonly timeoutMs?: number
}

export interface Expired {
  /** Trades. */
  readonly expired: number
  /** Tasks in which nothing may have expired, as they did not run all the while. */
  readonly leftOut: readonly string[]
}

/** What the stores know of a key. */
export interface StateLookUps {
  /** The committed value; `undefined`: there is none. An absent key is waited for, up to `waitMs`. @throws OwnerUnavailableError */
  get(store: string, partition: number, key: string, waitMs?: number): Promise<Buffer | undefined>
}

/** An owner answers from memory or from one file. Longer, and its process is stopped or gone. */
const ANSWER_MS = 1_000
const LOOK_MS = 500
const EXPIRY_MS = 60_000
/** Between two looks at the group. */
const REFRESH_PAUSE_MS = 50

/**
 * Asks the stores of all instances: it learns from the group's coordinator which stream thread has which task and where that can be asked, and asks it. Where it errs, because a task has moved, it learns
 * so from the answer, looks again and asks the next one. Whether an answer may be given is the owner's to decide; this only has to find it.
 */
export class OwnerQueries implements StateLookUps {
  readonly #options: OwnerQueriesOptions
  readonly #connections = new Map<string, OwnerConnection>()
  #addresses: ReadonlyMap<string, string> = new Map()
  #refreshing: Promise<void> | undefined
  /** Why the group could not be asked the last time. */
  #fault: string | undefined
  #refreshedMs = Number.NEGATIVE_INFINITY
  readonly #closing = new AbortController()

  constructor(options: OwnerQueriesOptions) {
    this.#options = options
  }

  async get(store: string, partition: number, key: string, waitMs = 0): Promise<Buffer | undefined> {
    const { clock, timeoutMs = 2_000, taskOf } = this.#options
    const task = taskOf(store, partition)
    const startMs = clock.monotonicMs()
    let reason = 'no instance of the processor has it'
    for (let isFirst = true; isFirst || clock.monotonicMs() < startMs + waitMs + timeoutMs; isFirst = false) {
      if (this.#closing.signal.aborted) break
      const address = this.#addresses.get(task)
      if (address !== undefined) {
        const leftMs = Math.max(0, startMs + waitMs - clock.monotonicMs())
        const answer = await this.#ask(address, { store, partition, key, waitMs: leftMs })
        if (answer.kind === 'found') return Buffer.from(answer.value, 'base64')
        if (answer.kind === 'absent') return undefined
        if ('reason' in answer) reason = answer.reason
      }
      // Brokers that do not answer must not hold whoever asks beyond the time limit.
      await Promise.race([this.#refresh(), sleep(clock, LOOK_MS, this.#closing.signal)])
    }
    throw new OwnerUnavailableError(`task ${task} cannot be asked now: ${this.#fault ?? reason}`)
  }

  /**
   * Runs expiry in every stream thread. A task that is being restored, or is on its way, has no part in it: it is left out where it did not run, at the same thread, before and after.
   *
   * @throws OwnerUnavailableError if a thread does not answer.
   */
  async expire(tasks: readonly string[]): Promise<Expired> {
    await this.#look()
    const addresses = [...new Set(this.#addresses.values())]
    if (addresses.length === 0) throw new OwnerUnavailableError('no instance of the processor runs')
    const all = await Promise.all(
      addresses.map(async (address) => {
        const before = await this.#runningAt(address)
        const count = await this.#expireAt(address)
        const after = await this.#runningAt(address)
        return { count, worked: before.filter((task) => after.includes(task)) }
      }),
    )
    const worked = new Set(all.flatMap((one) => one.worked))
    return { expired: all.reduce((sum, { count }) => sum + count, 0), leftOut: tasks.filter((task) => !worked.has(task)) }
  }

  close(): void {
    this.#closing.abort()
    for (const connection of this.#connections.values()) connection.close()
  }

  async #expireAt(address: string): Promise<number> {
    const answer = await this.#mustAnswer(address, { command: 'expire' }, EXPIRY_MS)
    if (answer.kind === 'expired') return answer.count
    throw new OwnerUnavailableError(`${address} could not expire: ${'reason' in answer ? answer.reason : answer.kind}`)
  }

  async #runningAt(address: string): Promise<string[]> {
    const answer = await this.#mustAnswer(address, { command: 'status' }, ANSWER_MS)
    const tasks = answer.kind === 'status' && answer.status.role === 'processor' ? answer.status.thread.tasks : []
    return tasks.filter(({ state }) => state === 'running').map(({ id }) => id)
  }

  /** @throws OwnerUnavailableError */
  async #mustAnswer(address: string, question: OwnerQuestion, timeoutMs: number): Promise<OwnerAnswer> {
    try {
      return await this.#connection(address).ask(question, timeoutMs)
    } catch (error) {
      if (error instanceof OwnerLostError) throw new OwnerUnavailableError(error.message)
      throw error
    }
  }

  async #ask(address: string, query: { store: string; partition: number; key: string; waitMs: number }): Promise<OwnerAnswer | { kind: 'lost'; reason: string }> {
    try {
      return await this.#connection(address).ask({ command: 'get', ...query }, query.waitMs + ANSWER_MS)
    } catch (error) {
      if (!(error instanceof OwnerLostError)) throw error
      return { kind: 'lost', reason: error.message }
    }
  }

  #connection(address: string): OwnerConnection {
    const known = this.#connections.get(address)
    if (known !== undefined && !known.isEnded) return known
    const connection = new OwnerConnection(address)
    this.#connections.set(address, connection)
    return connection
  }

  /** Those that ask at the same time share one look at the group. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#pausedLook().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #pausedLook(): Promise<void> {
    const { clock } = this.#options
    await sleep(clock, Math.max(0, this.#refreshedMs + REFRESH_PAUSE_MS - clock.monotonicMs()), this.#closing.signal)
    this.#refreshedMs = clock.monotonicMs()
    await this.#look()
  }

  /** What cannot be learnt now leaves what is known as it is: the caller's time limit decides how often it is tried. */
  async #look(): Promise<void> {
    const { broker, groupId } = this.#options
    try {
      const coordinator = await broker.findCoordinator('group', groupId)
      if (coordinator.errorCode !== 0) return
      const [group] = await broker.describeGroups(coordinator.node, [groupId])
      // While the group rebalances it shows no assignments; the old one is then as good as any.
      if (group === undefined || group.errorCode !== 0 || group.state !== 'Stable') return
      this.#addresses = taskAddresses(group.members)
      for (const [address, connection] of this.#connections) if (connection.isEnded) this.#connections.delete(address)
      this.#fault = undefined
    } catch (error) {
      this.#fault = error instanceof Error ? error.message : String(error)
    }
  }
}
