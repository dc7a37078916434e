import type { TopicPartition, TransactionOwner } from '../../../ports/broker.ts'
import type { ClusterParts } from './cluster-parts.ts'
import { ERROR } from './error-code.ts'
import { targetOf } from './produce-requests.ts'

/** Transactions V1: the producer itself says which partitions are in its transaction. One that is not there keeps the others out. */
export async function addPartitionsToTxn(
  { topics, transactions }: ClusterParts,
  node: number,
  { partitions, ...owner }: TransactionOwner & { partitions: readonly TopicPartition[] },
): Promise<(TopicPartition & { errorCode: number })[]> {
  const targets = partitions.map(({ topic: name, partition }) => {
    const topic = topics.get(name)
    const found = topic?.partitions[partition]
    return topic && found && targetOf(topics, topic, found)
  })
  const present = targets.filter((target) => target !== undefined)
  const isWhole = present.length === targets.length
  const errorCode = isWhole ? transactions.shard(owner.transactionalId).errorAt(node) || (await transactions.addTargets({ ...owner, targets: present, isV2: false })) : ERROR.NONE
  return partitions.map(({ topic, partition }, i) => {
    const missing = targets[i] === undefined ? ERROR.UNKNOWN_TOPIC_OR_PARTITION : ERROR.OPERATION_NOT_ATTEMPTED
    return { topic, partition, errorCode: isWhole ? errorCode : missing }
  })
}

/** The same for the offsets of a group. */
export async function addOffsetsToTxn({ groups, transactions }: ClusterParts, node: number, { groupId, ...owner }: TransactionOwner & { groupId: string }): Promise<{ errorCode: number }> {
  const unavailable = transactions.shard(owner.transactionalId).errorAt(node)
  return { errorCode: unavailable || (await transactions.addTargets({ ...owner, targets: [groups.targetOf(groupId)], isV2: false })) }
}
