import type { GroupGeneration } from '../../ports/broker.ts'
import type { GroupListener, GroupMember, KafkaClient } from '../../ports/kafka-client.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from '../../serdes/consumer-protocol.ts'
import type { Membership, MembershipListener, TaskPartitions } from './membership.ts'
import { assignTasks, type MemberClaim } from './task-assignor.ts'

export interface ClassicMembershipOptions {
  readonly client: KafkaClient
  readonly groupId: string
  readonly groupInstanceId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly tasks: TaskPartitions
  /** `host:port` where the stores of this member can be asked. */
  readonly address?: string | undefined
  readonly listener: MembershipListener
}

/** User data of a subscription. A JSON text, so that a later release can add to it. */
interface Claim {
  readonly topology: string
  readonly tasks: readonly string[]
  readonly address?: string | undefined
}

/** User data of an assignment. */
interface Decision {
  readonly topology: string
  readonly tasks: readonly string[]
  readonly moving: readonly string[]
  /** In which it was made: for those who watch the group. */
  readonly generation?: number | undefined
}

const PROTOCOL_NAME = 'tradewind'

/** Membership by the classic protocol: cooperative, sticky, static. The leader of the group computes who runs what. */
export class ClassicMembership implements Membership, GroupListener {
  readonly #tasks: TaskPartitions
  readonly #address: string | undefined
  readonly #listener: MembershipListener
  readonly #member: GroupMember
  /** The generation of the last assignment, as claimed at the next join; -1: nothing is claimed (a start, a return after a loss). */
  #claimGeneration = -1
  #staleTopologyGeneration = -1

  constructor(options: ClassicMembershipOptions) {
    this.#tasks = options.tasks
    this.#address = options.address
    this.#listener = options.listener
    this.#member = options.client.groupMember({
      groupId: options.groupId,
      groupInstanceId: options.groupInstanceId,
      protocolType: 'consumer',
      protocolName: PROTOCOL_NAME,
      sessionTimeoutMs: options.sessionTimeoutMs,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs,
      listener: this,
    })
  }

  get generation(): GroupGeneration | undefined {
    return this.#member.generation
  }

  get rebalancing(): boolean {
    return this.#member.state !== 'stable'
  }

  start(): void {
    this.#member.start()
  }

  rejoin(reason: string): void {
    this.#member.rejoin(reason)
  }

  leave(): Promise<void> {
    return this.#member.leave()
  }

  close(): Promise<void> {
    return this.#member.close()
  }

  subscription(): Uint8Array {
    const owned = this.#claimGeneration < 0 ? [] : this.#listener.ownedTasks()
    const claim: Claim = { topology: this.#tasks.topologyHash, tasks: owned, address: this.#address }
    return encodeSubscription({
      topics: this.#tasks.sourceTopics,
      userData: Buffer.from(JSON.stringify(claim)),
      ownedPartitions: owned.flatMap((task) => this.#tasks.partitionsOf(task)),
      generationId: this.#claimGeneration,
    })
  }

  assign(members: readonly { memberId: string; groupInstanceId: string | undefined; metadata: Buffer }[], generation: number): Map<string, Uint8Array> {
    const claims = members.map(readClaim)
    const decided = assignTasks(claims, this.#tasks.taskIds, this.#tasks.topologyHash)
    const result = new Map<string, Uint8Array>()
    for (const [memberId, { tasks, moving }] of decided) {
      const decision: Decision = { topology: this.#tasks.topologyHash, tasks, moving, generation }
      result.set(memberId, encodeAssignment({ partitions: tasks.flatMap((task) => this.#tasks.partitionsOf(task)), userData: Buffer.from(JSON.stringify(decision)) }))
    }
    return result
  }

  assigned(assignment: Buffer, generation: GroupGeneration): void {
    const decision = readDecision(assignment)
    if (decision !== undefined && decision.topology !== this.#tasks.topologyHash) return this.#rejoinForTopology(decision.topology, generation)
    this.#claimGeneration = generation.generationId
    this.#listener.assigned({ tasks: decision?.tasks ?? [], moving: decision?.moving ?? [], generation })
  }

  lost(reason: Error): void {
    this.#claimGeneration = -1
    this.#listener.lost(reason)
  }

  failed(error: Error): void {
    this.#listener.failed(error)
  }

  /**
   * A static member that returns to a stable group gets the assignment made for its predecessor: the broker compares the protocol's name only. Where that
   * was for another topology, joining again with changed metadata starts a rebalance. Once for each generation: the leader may be of the other release.
   */
  #rejoinForTopology(found: string, generation: GroupGeneration): void {
    this.#listener.assigned({ tasks: [], moving: [], generation })
    if (this.#staleTopologyGeneration === generation.generationId) return
    this.#staleTopologyGeneration = generation.generationId
    this.#member.rejoin(`the assignment is for topology ${found}, this member runs ${this.#tasks.topologyHash}`)
  }
}

/** Where the stores of each task can be asked, as a stable group shows it to who describes it. A task that is to move is still its old owner's. */
export function taskAddresses(members: readonly { metadata: Buffer; assignment: Buffer }[]): Map<string, string> {
  const addresses = new Map<string, string>()
  for (const { metadata, assignment } of members) {
    if (metadata.length === 0) continue
    const address = text(parse(decodeSubscription(metadata).userData)['address'])
    const decision = readDecision(assignment)
    if (address === '' || decision === undefined) continue
    for (const task of [...decision.tasks, ...decision.moving]) addresses.set(task, address)
  }
  return addresses
}

function readClaim(member: { memberId: string; groupInstanceId: string | undefined; metadata: Buffer }): MemberClaim {
  const subscription = decodeSubscription(member.metadata)
  const claim = parse(subscription.userData)
  return {
    memberId: member.memberId,
    name: member.groupInstanceId ?? member.memberId,
    topologyHash: text(claim['topology']),
    ownedTasks: texts(claim['tasks']),
    generationId: subscription.generationId,
  }
}

function readDecision(assignment: Buffer): Decision | undefined {
  const { userData } = decodeAssignment(assignment)
  if (userData.length === 0) return undefined
  const decision = parse(userData)
  return { topology: text(decision['topology']), tasks: texts(decision['tasks']), moving: texts(decision['moving']) }
}

/** User data of another member; what is not a JSON object counts as empty, so that a foreign member gets no task and stops nobody. */
function parse(userData: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(userData).toString())
    // Fields are checked one by one where they are read.
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((element) => typeof element === 'string') : []
}
