import type { CommittedOffset, OffsetToCommit, TopicPartition } from '../../../ports/broker.ts'
import { ERROR } from './error-code.ts'

interface StoredOffset extends OffsetToCommit {
  /** Place in the log of the coordinator: of two offsets the one that was written later counts, whichever transaction ends first. */
  readonly position: number
}

/** The offsets that groups have committed, and those that open transactions are about to commit. They are in the log: a coordinator that takes over finds them. */
export class GroupOffsets {
  readonly #committed = new Map<string, Map<string, StoredOffset>>()
  /** Producer id, group, partition. */
  readonly #pending = new Map<number, Map<string, Map<string, StoredOffset>>>()
  #position = 0
  /** Told of each offset that is committed, by `topic-partition`. */
  onCommitted: ((groupId: string, at: string, offset: number) => void) | undefined

  commit(groupId: string, offsets: readonly OffsetToCommit[]): void {
    for (const offset of offsets) this.#set(groupId, keyOf(offset), { ...offset, position: this.#position++ })
  }

  commitPending(groupId: string, producerId: number, offsets: readonly OffsetToCommit[]): void {
    let groups = this.#pending.get(producerId)
    if (!groups) this.#pending.set(producerId, (groups = new Map()))
    for (const offset of offsets) within(groups, groupId).set(keyOf(offset), { ...offset, position: this.#position++ })
  }

  /** The transaction of a producer has ended. */
  end(producerId: number, committed: boolean, isHere: (groupId: string) => boolean): void {
    const groups = this.#pending.get(producerId)
    if (!groups) return
    for (const [groupId, offsets] of groups) {
      if (!isHere(groupId)) continue
      groups.delete(groupId)
      if (!committed) continue
      const known = within(this.#committed, groupId)
      for (const [key, offset] of offsets) if (offset.position > (known.get(key)?.position ?? -1)) this.#set(groupId, key, offset)
    }
    if (groups.size === 0) this.#pending.delete(producerId)
  }

  fetch(groupId: string, partitions: readonly TopicPartition[] | undefined, requireStable: boolean): CommittedOffset[] {
    const committed = this.#committed.get(groupId)
    const wanted = partitions ?? [...(committed?.values() ?? [])]
    return wanted.map(({ topic, partition }) => {
      const key = keyOf({ topic, partition })
      if (requireStable && this.#isPending(groupId, key)) return { topic, partition, errorCode: ERROR.UNSTABLE_OFFSET_COMMIT, offset: undefined, leaderEpoch: -1, metadata: '' }
      const found = committed?.get(key)
      return { topic, partition, errorCode: ERROR.NONE, offset: found?.offset, leaderEpoch: found?.leaderEpoch ?? -1, metadata: found?.metadata ?? '' }
    })
  }

  /** As readers of committed offsets see them, by `topic-partition`. */
  committed(groupId: string): ReadonlyMap<string, OffsetToCommit> {
    return this.#committed.get(groupId) ?? new Map()
  }

  isPending(groupId: string): boolean {
    for (const groups of this.#pending.values()) if (groups.has(groupId)) return true
    return false
  }

  /** Groups that exist for the sake of their offsets alone. */
  get groupIds(): IterableIterator<string> {
    return this.#committed.keys()
  }

  deleteGroup(groupId: string): void {
    this.#committed.delete(groupId)
    for (const groups of this.#pending.values()) groups.delete(groupId)
  }

  /** The topic was deleted. */
  deleteTopic(topic: string): void {
    for (const offsets of this.#committed.values()) for (const [key, offset] of offsets) if (offset.topic === topic) offsets.delete(key)
    for (const groups of this.#pending.values()) for (const offsets of groups.values()) for (const [key, offset] of offsets) if (offset.topic === topic) offsets.delete(key)
  }

  #set(groupId: string, key: string, offset: StoredOffset): void {
    within(this.#committed, groupId).set(key, offset)
    this.onCommitted?.(groupId, key, offset.offset)
  }

  #isPending(groupId: string, key: string): boolean {
    for (const groups of this.#pending.values()) if (groups.get(groupId)?.has(key)) return true
    return false
  }
}

function within(groups: Map<string, Map<string, StoredOffset>>, groupId: string): Map<string, StoredOffset> {
  let offsets = groups.get(groupId)
  if (!offsets) groups.set(groupId, (offsets = new Map()))
  return offsets
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
