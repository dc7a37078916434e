import type { ListOffsetsRequest, PartitionOffset, TopicPartition } from '../../../ports/broker.ts'
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from '../../../ports/broker.ts'
import { ERROR } from './error-code.ts'
import type { Partition } from './partition.ts'
import type { Topics } from './topics.ts'

const UNKNOWN = { offset: -1, timestamp: -1, leaderEpoch: -1 }

export function listOffsets(topics: Topics, node: number, { readCommitted, partitions }: ListOffsetsRequest): PartitionOffset[] {
  return partitions.map(({ topic, partition, timestamp, currentLeaderEpoch }) => {
    const found = topics.partition(topic, partition)
    const errorCode = found ? found.leaderError(node, currentLeaderEpoch) : ERROR.UNKNOWN_TOPIC_OR_PARTITION
    const answer = found && errorCode === ERROR.NONE ? offsetAt(found, timestamp, readCommitted) : UNKNOWN
    return { topic, partition, errorCode, ...answer }
  })
}

function offsetAt({ log, leaderEpoch }: Partition, timestamp: number, readCommitted: boolean): Omit<PartitionOffset, keyof TopicPartition | 'errorCode'> {
  const end = readCommitted ? log.lastStableOffset : log.highWatermark
  if (timestamp === LATEST_TIMESTAMP) return { offset: end, timestamp: -1, leaderEpoch }
  if (timestamp === EARLIEST_TIMESTAMP) return { offset: log.start, timestamp: -1, leaderEpoch: log.epochAt(log.start) }
  const found = log.offsetAt(timestamp)
  return found && found.offset < end ? found : UNKNOWN
}

export function offsetForLeaderEpoch(
  topics: Topics,
  node: number,
  partitions: readonly (TopicPartition & { leaderEpoch: number; currentLeaderEpoch: number })[],
): (TopicPartition & { errorCode: number; leaderEpoch: number; endOffset: number })[] {
  return partitions.map(({ topic, partition, leaderEpoch, currentLeaderEpoch }) => {
    const found = topics.partition(topic, partition)
    const errorCode = found ? found.leaderError(node, currentLeaderEpoch) : ERROR.UNKNOWN_TOPIC_OR_PARTITION
    const answer = found && errorCode === ERROR.NONE ? found.log.endOfEpoch(leaderEpoch) : { leaderEpoch: -1, endOffset: -1 }
    return { topic, partition, errorCode, ...answer }
  })
}

export function deleteRecords(topics: Topics, node: number, partitions: readonly (TopicPartition & { offset: number })[]): (TopicPartition & { errorCode: number; lowWatermark: number })[] {
  return partitions.map(({ topic: name, partition: index, offset }) => {
    const topic = topics.get(name)
    const partition = topic?.partitions[index]
    const refused = (errorCode: number) => ({ topic: name, partition: index, errorCode, lowWatermark: -1 })
    if (!topic || !partition) return refused(ERROR.UNKNOWN_TOPIC_OR_PARTITION)
    const notLeader = partition.leaderError(node, -1)
    if (notLeader !== ERROR.NONE) return refused(notLeader)
    if (!topic.configs.isDeleted) return refused(ERROR.POLICY_VIOLATION)
    const { log } = partition
    const wanted = offset === -1 ? log.highWatermark : offset
    if (wanted < 0 || wanted > log.highWatermark) return refused(ERROR.OFFSET_OUT_OF_RANGE)
    log.deleteBefore(wanted)
    partition.notify()
    return { topic: name, partition: index, errorCode: ERROR.NONE, lowWatermark: log.start }
  })
}
