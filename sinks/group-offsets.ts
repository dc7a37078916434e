import type { OffsetToCommit } from '../ports/broker.ts'
import { type Failpoint, noFailpoint } from '../ports/failpoint.ts'
import type { GroupMember } from '../ports/kafka-client.ts'
import type { SinkPartition } from './sink-partition.ts'

export interface GroupOffsetsOptions {
  readonly member: GroupMember
  readonly partitions: ReadonlyMap<string, SinkPartition>
  readonly failpoint: Failpoint | undefined
  failed(error: unknown): void
}

/** Tells the group how far the partitions are, after the database has the rows. It is for lag tools only: positions come from the database, so a failure does no harm. */
export class GroupOffsets {
  readonly #options: GroupOffsetsOptions
  #underWay: Promise<void> | undefined

  constructor(options: GroupOffsetsOptions) {
    this.#options = options
  }

  /** Commits what has moved. Never rejects. */
  commit(): Promise<void> {
    this.#underWay ??= this.#commit().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async #commit(): Promise<void> {
    const { member, partitions, failpoint = noFailpoint, failed } = this.#options
    const moved = [...partitions.values()].filter(({ state, position, committedOffset }) => state === 'active' && position > committedOffset)
    if (moved.length === 0 || member.generation === undefined) return
    const offsets = moved.map(({ topic, partition, position, leaderEpoch }): OffsetToCommit => ({ topic, partition, offset: position, leaderEpoch, metadata: '' }))
    try {
      await failpoint('sink-before-group-commit')
      await member.commitOffsets(offsets)
      for (const [index, partition] of moved.entries()) partition.committedOffset = offsets[index]?.offset ?? -1
    } catch (error) {
      failed(error)
    }
  }
}
