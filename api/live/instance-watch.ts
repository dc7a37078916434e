import type { TopicPartition } from '../../ports/broker.ts'
import { type Clock, sleep } from '../../ports/clock.ts'
import { OwnerConnection, OwnerLostError, type OwnerQuestion } from '../queries/owner-connection.ts'
import type { InstanceStatus } from '../queries/instance-status.ts'
import type { OwnerAnswer } from '../queries/query-protocol.ts'
import type { LiveMember } from './group-members.ts'
import { type GroupLook, type GroupWatch, keyOf, type Look, type WatchedGroup } from './group-watch.ts'
import { Rates } from './rates.ts'

/** A member of a group, and what it says of itself. */
export interface InstanceLook {
  readonly group: string
  readonly role: WatchedGroup['role']
  readonly member: LiveMember
  /** `undefined`: it did not answer; `error` says why. */
  readonly status: InstanceStatus | undefined
  readonly error: string | undefined
}

export interface InstancesLook {
  readonly look: Look
  readonly instances: readonly InstanceLook[]
}

/** What became of a command at a member; `error`: why it was not done. */
export interface CommandOutcome {
  readonly member: LiveMember
  readonly error: string | undefined
}

export interface InstanceWatchOptions {
  readonly groups: Pick<GroupWatch, 'look'>
  readonly clock: Clock
}

const ANSWER_MS = 1_000
/** Those that ask within it share the answers. */
const SHARED_MS = 500
const PAUSE_MS = 100

/** Asks stream threads and sinks how they are, when somebody wants to know. */
export class InstanceWatch {
  readonly rates = new Rates()
  readonly #options: InstanceWatchOptions
  readonly #connections = new Map<string, OwnerConnection>()
  /** Where a member was found: a group that rebalances does not show what its members say. */
  readonly #addresses = new Map<string, string>()
  #last: { readonly startedMs: number; readonly look: Promise<InstancesLook> } | undefined

  constructor(options: InstanceWatchOptions) {
    this.#options = options
  }

  /** All members of all groups. @throws ProblemError (503) where Kafka cannot be asked who they are */
  look(): Promise<InstancesLook> {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#last !== undefined && nowMs - this.#last.startedMs < SHARED_MS) return this.#last.look
    const look = this.#look()
    this.#last = { startedMs: nowMs, look }
    look.catch(() => {
      if (this.#last?.look === look) this.#last = undefined
    })
    return look
  }

  /** Asks every member of a group to do something; answers what became of it, member by member. */
  async command(group: GroupLook, command: 'pause' | 'resume'): Promise<readonly CommandOutcome[]> {
    const told = await Promise.all(
      group.members.map(async (member) => {
        const answer = await this.#ask(member, { command })
        return { member, error: typeof answer === 'string' ? answer : answer.kind === 'done' ? undefined : 'reason' in answer ? answer.reason : answer.kind }
      }),
    )
    // A look from before, or from meanwhile, may not show it.
    this.#last = undefined
    return told
  }

  /** Whether, within `waitMs`, the sink of a group has written everything of a partition that lies before `offset`. */
  async reached(role: WatchedGroup['role'], at: TopicPartition & { readonly offset: number }, waitMs: number): Promise<boolean> {
    const { clock, groups } = this.#options
    const endMs = clock.monotonicMs() + waitMs
    for (;;) {
      const leftMs = endMs - clock.monotonicMs()
      const owner = ownerOf((await groups.look()).groups.find((group) => group.role === role), at)
      const { topic, partition, offset } = at
      const answer = owner === undefined ? 'nobody has the partition' : await this.#ask(owner, { command: 'reached', topic, partition, offset, waitMs: Math.max(0, leftMs) }, Math.max(0, leftMs))
      if (typeof answer !== 'string' && answer.kind === 'reached' && answer.hasReached) return true
      if (clock.monotonicMs() + PAUSE_MS >= endMs) return false
      await sleep(clock, PAUSE_MS)
    }
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close()
  }

  async #look(): Promise<InstancesLook> {
    const look = await this.#options.groups.look()
    const asked = look.groups.flatMap(({ group, role, members }) =>
      members.map(async (member): Promise<InstanceLook> => {
        const answer = await this.#ask(member, { command: 'status' })
        if (typeof answer === 'string') return { group, role, member, status: undefined, error: answer }
        return answer.kind === 'status' ? { group, role, member, status: answer.status, error: undefined } : { group, role, member, status: undefined, error: `it answers ${answer.kind}` }
      }),
    )
    const instances = await Promise.all(asked)
    this.#forget(new Set(instances.map(({ member }) => member.memberId)))
    return { look, instances }
  }

  /** A text: why there is no answer. */
  async #ask(member: LiveMember, question: OwnerQuestion, moreMs = 0): Promise<OwnerAnswer | string> {
    const address = member.address ?? this.#addresses.get(member.memberId)
    if (address === undefined) return 'it does not say where it can be asked'
    this.#addresses.set(member.memberId, address)
    try {
      return await this.#connection(address).ask(question, ANSWER_MS + moreMs)
    } catch (error) {
      if (error instanceof OwnerLostError) return error.message
      throw error
    }
  }

  #connection(address: string): OwnerConnection {
    const known = this.#connections.get(address)
    if (known !== undefined && !known.isEnded) return known
    const connection = new OwnerConnection(address)
    this.#connections.set(address, connection)
    return connection
  }

  #forget(members: ReadonlySet<string>): void {
    for (const id of this.#addresses.keys()) if (!members.has(id)) this.#addresses.delete(id)
    const addresses = new Set(this.#addresses.values())
    for (const [address, connection] of this.#connections) {
      if (addresses.has(address) && !connection.isEnded) continue
      connection.close()
      this.#connections.delete(address)
    }
  }
}

function ownerOf(group: GroupLook | undefined, at: TopicPartition): LiveMember | undefined {
  return group?.members.find(({ partitions }) => partitions.some((partition) => keyOf(partition) === keyOf(at)))
}
