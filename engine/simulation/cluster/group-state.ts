import type { Clock } from '../../../ports/clock.ts'
import type { StoredMember } from './group-member-state.ts'

/**
 * ```
 * Empty -- join --> PreparingRebalance -- all have joined, or time is up --> CompletingRebalance -- the leader has synced --> Stable
 * Stable, CompletingRebalance -- a member comes, goes or rejoins --> PreparingRebalance      PreparingRebalance -- nobody is left --> Empty
 * any -- deleted --> Dead
 * ```
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** What is in the log of the coordinator: the group as of the last generation that was synced. */
export interface StoredGroup {
  readonly generationId: number
  readonly protocolType: string
  readonly protocolName: string
  readonly leader: string | undefined
  readonly members: readonly StoredMember[]
}

export interface GroupSurroundings {
  readonly clock: Clock
  /** For member ids. */
  readonly uuid: () => string
  /** Resolves when it is in the log; false if too few replicas are there, or if the coordinator moved before. */
  readonly store: (group: StoredGroup) => Promise<boolean>
  /** `group.initial.rebalance.delay.ms`. */
  readonly initialDelayMs: number
}
