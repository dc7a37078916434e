import type { TopicPartition } from '../ports/broker.ts'
import type { ConsumerSubscription } from '../serdes/consumer-protocol.ts'

export interface AssignorMember extends Omit<ConsumerSubscription, 'userData'> {
  readonly memberId: string
}

/**
 * Divides partitions evenly; a member keeps what it owned as far as its share goes. Each member gets only partitions of topics that
 * it subscribes to. Nobody gives up a partition before it joins: the database fences the former owner.
 */
export function assignSticky(members: readonly AssignorMember[], partitionCounts: ReadonlyMap<string, number>): Map<string, TopicPartition[]> {
  const shares = members.map((member) => ({ member, partitions: [] as TopicPartition[] })).sort((a, b) => (a.member.memberId < b.member.memberId ? -1 : 1))
  const topics = [...new Set(members.flatMap((member) => member.topics))].sort()
  const all = topics.flatMap((topic) => Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })))
  const quota = Math.floor(all.length / Math.max(1, members.length))
  let larger = all.length % Math.max(1, members.length)
  const owners = ownersOf(members)
  const free: TopicPartition[] = []
  for (const partition of all) {
    const owner = owners.get(keyOf(partition))
    const share = shares.find(({ member }) => member === owner)
    const full = share === undefined || share.partitions.length > quota || (share.partitions.length === quota && larger === 0)
    if (full) {
      free.push(partition)
      continue
    }
    if (share.partitions.length === quota) larger--
    share.partitions.push(partition)
  }
  for (const partition of free) {
    const able = shares.filter(({ member }) => member.topics.includes(partition.topic))
    able.reduce((least, share) => (share.partitions.length < least.partitions.length ? share : least)).partitions.push(partition)
  }
  return new Map(shares.map(({ member, partitions }) => [member.memberId, partitions]))
}

/** Who owned a partition last. Of two that say so, the one of the later generation: the other one missed a rebalance. */
function ownersOf(members: readonly AssignorMember[]): Map<string, AssignorMember> {
  const owners = new Map<string, AssignorMember>()
  for (const member of members) {
    for (const partition of member.ownedPartitions) {
      const other = owners.get(keyOf(partition))
      if (member.topics.includes(partition.topic) && (other === undefined || other.generationId < member.generationId)) owners.set(keyOf(partition), member)
    }
  }
  return owners
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
