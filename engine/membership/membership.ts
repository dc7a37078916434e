import type { GroupGeneration, TopicPartition } from '../../ports/broker.ts'

/** What the group has decided about one stream thread. */
export interface Assigned {
  /** Ids of the tasks to run. */
  readonly tasks: readonly string[]
  /** Tasks that this member has and shall give up: it commits and closes them and then calls `rejoin`. */
  readonly moving: readonly string[]
  readonly generation: GroupGeneration
}

export interface MembershipListener {
  /** Tasks that run here; asked whenever the member joins. */
  ownedTasks(): readonly string[]
  assigned(assigned: Assigned): void
  /** Everything that was owned is owned no more; the member comes back by itself. */
  lost(reason: Error): void
  /** The thread cannot go on. */
  failed(error: Error): void
}

/**
 * Membership of a stream thread in the group of its application: who runs which task. The classic protocol is the first of its kinds; streams groups
 * (KIP-1071) fit beside it, because nothing here says who computes the assignment.
 */
export interface Membership {
  /** What offsets are committed under; `undefined` while not a member. */
  readonly generation: GroupGeneration | undefined
  /** Whether a newer assignment than the last one is under way. */
  readonly rebalancing: boolean
  start(): void
  /** Joins again, saying what is owned now. */
  rejoin(reason: string): void
  /** Others take over at once. */
  leave(): Promise<void>
  /** The member may come back within its session time-out and find its tasks. */
  close(): Promise<void>
}

/** The tasks of an application and the source partitions of each, known from the topology and the partition counts. */
export interface TaskPartitions {
  readonly topologyHash: string
  readonly taskIds: readonly string[]
  readonly sourceTopics: readonly string[]
  partitionsOf(taskId: string): readonly TopicPartition[]
}
