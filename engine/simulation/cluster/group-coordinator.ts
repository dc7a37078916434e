import type {
  CommittedOffset,
  GroupDescription,
  GroupGeneration,
  JoinGroupRequest,
  JoinGroupResponse,
  OffsetToCommit,
  SyncGroupRequest,
  TopicPartition,
  TxnOffsetCommitRequest,
} from '../../../ports/broker.ts'
import type { Clock } from '../../../ports/clock.ts'
import { ClassicGroup } from './classic-group.ts'
import { type CoordinatorShard, shardOf } from './coordinator-topic.ts'
import { ERROR } from './error-code.ts'
import { refusedJoin, type SyncGroupAnswer } from './group-member-state.ts'
import { GroupOffsets } from './group-offsets.ts'
import type { StoredGroup } from './group-state.ts'
import type { TransactionTarget } from './transaction-coordinator.ts'

export interface GroupCoordinatorOptions {
  readonly clock: Clock
  readonly uuid: () => string
  readonly shards: readonly CoordinatorShard[]
  readonly settings: GroupSettings
  /** Tells the transaction coordinator, or asks it, that offsets of a group belong to a transaction. */
  readonly joinTransaction: (node: number, request: TxnOffsetCommitRequest, target: TransactionTarget) => Promise<number>
  readonly topicExists: (at: TopicPartition) => boolean
}

export interface GroupSettings {
  readonly initialDelayMs: number
  readonly minSessionMs: number
  readonly maxSessionMs: number
  readonly maxMetadataBytes: number
}

type Answers = (TopicPartition & { errorCode: number })[]

/** The group coordinators of a cluster. Groups live in the memory of the coordinator; what is stored and the offsets outlive it. */
export class GroupCoordinator {
  readonly offsets = new GroupOffsets()
  readonly #options: GroupCoordinatorOptions
  readonly #groups = new Map<string, ClassicGroup>()
  readonly #stored = new Map<string, StoredGroup>()

  constructor(options: GroupCoordinatorOptions) {
    this.#options = options
    for (const shard of options.shards) shard.onLoaded(() => this.#loaded(shard))
  }

  get groups(): ReadonlyMap<string, ClassicGroup> {
    return this.#groups
  }

  shard(groupId: string): CoordinatorShard {
    const { shards } = this.#options
    // one of the list: the modulus is its length
    return shards[shardOf(groupId, shards.length)] as CoordinatorShard
  }

  /** The coordinator of these groups has moved, or is gone. */
  unload(shard: CoordinatorShard): void {
    for (const [groupId, group] of [...this.#groups]) {
      if (this.shard(groupId) !== shard) continue
      this.#groups.delete(groupId)
      group.dispose(ERROR.NOT_COORDINATOR)
    }
  }

  joinGroup(node: number, request: JoinGroupRequest, clientId: string): Promise<JoinGroupResponse> {
    const { groupId, memberId, sessionTimeoutMs } = request
    const { minSessionMs, maxSessionMs } = this.#options.settings
    const refuse = (errorCode: number) => Promise.resolve(refusedJoin(errorCode, memberId))
    const unavailable = this.#unavailable(node, groupId)
    if (unavailable !== ERROR.NONE) return refuse(unavailable)
    if (sessionTimeoutMs < minSessionMs || sessionTimeoutMs > maxSessionMs) return refuse(ERROR.INVALID_SESSION_TIMEOUT)
    const group = this.#groups.get(groupId)
    if (group) return group.join(request, clientId)
    return memberId === '' ? this.#create(groupId).join(request, clientId) : refuse(ERROR.UNKNOWN_MEMBER_ID)
  }

  syncGroup(node: number, request: SyncGroupRequest): Promise<SyncGroupAnswer> {
    const errorCode = this.#unavailable(node, request.groupId)
    const group = this.#groups.get(request.groupId)
    if (errorCode === ERROR.NONE && group) return group.sync(request)
    return Promise.resolve({ errorCode: errorCode || ERROR.UNKNOWN_MEMBER_ID, assignment: Buffer.alloc(0) })
  }

  heartbeat(node: number, request: GroupGeneration): { errorCode: number } {
    const unavailable = this.#unavailable(node, request.groupId)
    // a coordinator that is loading must not make members give up
    if (unavailable === ERROR.COORDINATOR_LOAD_IN_PROGRESS) return { errorCode: ERROR.NONE }
    return { errorCode: unavailable || (this.#groups.get(request.groupId)?.heartbeat(request) ?? ERROR.UNKNOWN_MEMBER_ID) }
  }

  leaveGroup(node: number, request: { groupId: string; members: readonly { memberId: string; groupInstanceId: string | undefined }[] }): { errorCode: number; memberErrorCodes: number[] } {
    const errorCode = this.#unavailable(node, request.groupId)
    const group = this.#groups.get(request.groupId)
    if (errorCode !== ERROR.NONE) return { errorCode, memberErrorCodes: [] }
    return { errorCode, memberErrorCodes: request.members.map(({ memberId, groupInstanceId }) => group?.leave(memberId, groupInstanceId) ?? ERROR.UNKNOWN_MEMBER_ID) }
  }

  offsetFetch(node: number, request: { groupId: string; partitions: readonly TopicPartition[] | undefined; requireStable: boolean }): { errorCode: number; offsets: CommittedOffset[] } {
    const { groupId, partitions, requireStable } = request
    const errorCode = this.#unavailable(node, groupId)
    return { errorCode, offsets: errorCode === ERROR.NONE ? this.offsets.fetch(groupId, partitions, requireStable) : [] }
  }

  async offsetCommit(node: number, request: GroupGeneration & { offsets: readonly OffsetToCommit[] }): Promise<Answers> {
    return await this.#commit(node, request, ({ groupId, taken }) => {
      const errorCode = this.#commitError(request, false)
      return errorCode === ERROR.NONE ? this.#write(groupId, () => this.offsets.commit(groupId, taken)) : errorCode
    })
  }

  async txnOffsetCommit(node: number, request: TxnOffsetCommitRequest): Promise<Answers> {
    const { producerId, producerEpoch } = request
    return await this.#commit(node, request, async ({ groupId, taken }) => {
      const shard = this.shard(groupId)
      const { producers } = shard.partition.log
      const verification = producers.beginVerification({ producerId, epoch: producerEpoch, isV2: request.transactionsV2 })
      const refused = await this.#options.joinTransaction(node, request, this.#target(shard))
      if (refused !== ERROR.NONE) return refused
      const errorCode = shard.errorAt(node) || this.#commitError(request, true) || producers.checkUnsequenced(verification)
      if (errorCode !== ERROR.NONE) return errorCode
      producers.appended({ producerId, producerEpoch, baseSequence: 0, records: 1, isTransactional: true }, 0)
      return await this.#write(groupId, () => this.offsets.commitPending(groupId, producerId, taken))
    })
  }

  describeGroups(node: number, groupIds: readonly string[]): GroupDescription[] {
    return groupIds.map((groupId) => {
      const errorCode = this.#unavailable(node, groupId)
      const group = this.#groups.get(groupId)
      if (errorCode === ERROR.NONE && group) return group.describe()
      // up to v5 of the request, which is the port's, a group that is not there is no error
      return { groupId, errorCode, state: errorCode === ERROR.NONE ? 'Dead' : '', protocolType: '', protocolName: '', members: [] }
    })
  }

  async deleteGroups(node: number, groupIds: readonly string[]): Promise<{ groupId: string; errorCode: number }[]> {
    return await Promise.all(groupIds.map(async (groupId) => ({ groupId, errorCode: await this.#delete(node, groupId) })))
  }

  /** The partition of the offsets topic in which a group is, for transactions. */
  targetOf(groupId: string): TransactionTarget {
    return this.#target(this.shard(groupId))
  }

  #target(shard: CoordinatorShard): TransactionTarget {
    const { partition } = shard
    return {
      key: `${partition.topic}-${partition.index}`,
      mark: async (marker) => {
        const { leader, log } = partition
        if (leader === undefined || shard.errorAt(leader) !== ERROR.NONE || !partition.hasEnoughReplicas) return false
        if (log.producers.checkMarker(marker) !== 'write') return true
        return await shard.write(() => {
          log.producers.ended(marker)
          this.offsets.end(marker.producerId, marker.committed, (groupId) => this.shard(groupId) === shard)
        })
      },
    }
  }

  async #commit(
    node: number,
    request: { groupId: string; offsets: readonly OffsetToCommit[] },
    act: (accepted: { groupId: string; taken: OffsetToCommit[] }) => number | Promise<number>,
  ): Promise<Answers> {
    const { groupId, offsets } = request
    const missing = new Set(offsets.filter((offset) => !this.#options.topicExists(offset)))
    const tooLarge = new Set(offsets.filter(({ metadata }) => Buffer.byteLength(metadata) > this.#options.settings.maxMetadataBytes))
    const known = offsets.filter((offset) => !missing.has(offset))
    const taken = known.filter((offset) => !tooLarge.has(offset))
    const errorCode = known.length === 0 ? ERROR.NONE : this.#unavailable(node, groupId) || (await act({ groupId, taken }))
    return offsets.map((offset) => {
      const own = missing.has(offset) ? ERROR.UNKNOWN_TOPIC_OR_PARTITION : errorCode || (tooLarge.has(offset) ? ERROR.OFFSET_METADATA_TOO_LARGE : ERROR.NONE)
      return { topic: offset.topic, partition: offset.partition, errorCode: own }
    })
  }

  #commitError(request: GroupGeneration, isTransactional: boolean): number {
    const group = this.#groups.get(request.groupId)
    if (group) return group.commitError(request, isTransactional)
    if (request.generationId >= 0) return isTransactional ? ERROR.ILLEGAL_GENERATION : ERROR.GROUP_ID_NOT_FOUND
    return this.#create(request.groupId).commitError(request, isTransactional)
  }

  async #write(groupId: string, apply: () => void): Promise<number> {
    const shard = this.shard(groupId)
    if (!shard.partition.hasEnoughReplicas) return ERROR.COORDINATOR_NOT_AVAILABLE
    return (await shard.write(apply)) ? ERROR.NONE : ERROR.NOT_COORDINATOR
  }

  async #delete(node: number, groupId: string): Promise<number> {
    const errorCode = this.#unavailable(node, groupId)
    const group = this.#groups.get(groupId)
    if (errorCode !== ERROR.NONE) return errorCode
    if (!group) return ERROR.GROUP_ID_NOT_FOUND
    if (group.state !== 'Empty') return ERROR.NON_EMPTY_GROUP
    return await this.#write(groupId, () => {
      this.#groups.delete(groupId)
      this.#stored.delete(groupId)
      this.offsets.deleteGroup(groupId)
    })
  }

  #unavailable(node: number, groupId: string): number {
    return groupId === '' ? ERROR.INVALID_GROUP_ID : this.shard(groupId).errorAt(node)
  }

  #create(groupId: string, stored?: StoredGroup): ClassicGroup {
    const { clock, uuid, settings } = this.#options
    const shard = this.shard(groupId)
    const store = async (group: StoredGroup) => shard.partition.hasEnoughReplicas && (await shard.write(() => this.#stored.set(groupId, group)))
    const group = new ClassicGroup(groupId, { clock, uuid, store, initialDelayMs: settings.initialDelayMs }, stored)
    this.#groups.set(groupId, group)
    return group
  }

  #loaded(shard: CoordinatorShard): void {
    for (const [groupId, stored] of this.#stored) if (this.shard(groupId) === shard && !this.#groups.has(groupId)) this.#create(groupId, stored)
    for (const groupId of this.offsets.groupIds) if (this.shard(groupId) === shard && !this.#groups.has(groupId)) this.#create(groupId)
  }
}
