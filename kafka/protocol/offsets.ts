import type { CommittedOffset, GroupGeneration, ListOffsetsRequest, OffsetToCommit, PartitionOffset, TopicPartition } from '../../ports/broker.ts'
import { type Api, byTopic, readTopics, writeTopics } from './api.ts'
import type { RequestWriter } from './request-writer.ts'
import type { ResponseReader } from './response-reader.ts'

const CONSUMER = -1

export const listOffsetsApi: Api<ListOffsetsRequest, PartitionOffset[]> = {
  key: 2,
  name: 'ListOffsets',
  minVersion: 6,
  maxVersion: 9,
  since: '2.8',
  write(writer, request) {
    writer.int32(CONSUMER)
    writer.int8(request.readCommitted ? 1 : 0)
    writeTopics(writer, request.partitions, ({ partition, currentLeaderEpoch, timestamp }) => {
      writer.int32(partition)
      writer.int32(currentLeaderEpoch)
      writer.int64(timestamp)
    })
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const offsets = readTopics(reader, (topic) => ({
      topic,
      partition: reader.int32(),
      errorCode: reader.int16(),
      timestamp: reader.int64(),
      offset: reader.int64(),
      leaderEpoch: reader.int32(),
    }))
    reader.tags()
    return offsets
  },
}

export type EpochQuestion = TopicPartition & { leaderEpoch: number; currentLeaderEpoch: number }
export type EpochEnd = TopicPartition & { errorCode: number; leaderEpoch: number; endOffset: number }

export const offsetForLeaderEpochApi: Api<readonly EpochQuestion[], EpochEnd[]> = {
  key: 23,
  name: 'OffsetForLeaderEpoch',
  minVersion: 4,
  maxVersion: 4,
  since: '2.8',
  write(writer, questions) {
    writer.int32(CONSUMER)
    writeTopics(writer, questions, ({ partition, currentLeaderEpoch, leaderEpoch }) => {
      writer.int32(partition)
      writer.int32(currentLeaderEpoch)
      writer.int32(leaderEpoch)
    })
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const ends = readTopics(reader, (topic) => {
      const errorCode = reader.int16()
      return { topic, partition: reader.int32(), errorCode, leaderEpoch: reader.int32(), endOffset: reader.int64() }
    })
    reader.tags()
    return ends
  },
}

export const offsetCommitApi: Api<GroupGeneration & { offsets: readonly OffsetToCommit[] }, (TopicPartition & { errorCode: number })[]> = {
  key: 8,
  name: 'OffsetCommit',
  minVersion: 8,
  maxVersion: 9,
  since: '2.4',
  write(writer, request) {
    writer.string(request.groupId)
    writer.int32(request.generationId)
    writer.string(request.memberId)
    writer.nullableString(request.groupInstanceId)
    writeOffsets(writer, request.offsets)
  },
  read: readVerdicts,
}

/** The end of OffsetCommit and of TxnOffsetCommit. */
export function writeOffsets(writer: RequestWriter, offsets: readonly OffsetToCommit[]): void {
  writeTopics(writer, offsets, ({ partition, offset, leaderEpoch, metadata }) => {
    writer.int32(partition)
    writer.int64(offset)
    writer.int32(leaderEpoch)
    writer.nullableString(metadata)
  })
  writer.noTags()
}

/** Their answers: how it went, by partition. */
export function readVerdicts(reader: ResponseReader): (TopicPartition & { errorCode: number })[] {
  reader.int32()
  const answers = readTopics(reader, (topic) => ({ topic, partition: reader.int32(), errorCode: reader.int16() }))
  reader.tags()
  return answers
}

export interface OffsetFetchRequest {
  readonly groupId: string
  readonly partitions: readonly TopicPartition[] | undefined
  readonly requireStable: boolean
}

export const offsetFetchApi: Api<OffsetFetchRequest, { errorCode: number; offsets: CommittedOffset[] }> = {
  key: 9,
  name: 'OffsetFetch',
  minVersion: 8,
  maxVersion: 8,
  since: '3.0',
  write(writer, request) {
    writer.array([request], ({ groupId, partitions }) => {
      writer.string(groupId)
      writer.nullableArray(partitions && byTopic(partitions), ([topic, wanted]) => {
        writer.string(topic)
        writer.array(wanted, ({ partition }) => writer.int32(partition))
        writer.noTags()
      })
      writer.noTags()
    })
    writer.boolean(request.requireStable)
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const [group] = reader.array(() => {
      reader.string()
      const offsets = readTopics(reader, (topic) => readCommitted(reader, topic))
      const errorCode = reader.int16()
      reader.tags()
      return { errorCode, offsets }
    })
    reader.tags()
    return group ?? { errorCode: 0, offsets: [] }
  },
}

function readCommitted(reader: ResponseReader, topic: string): CommittedOffset {
  const partition = reader.int32()
  const offset = reader.int64()
  const leaderEpoch = reader.int32()
  const metadata = reader.string()
  return { topic, partition, errorCode: reader.int16(), offset: offset < 0 ? undefined : offset, leaderEpoch, metadata }
}
