import type { EndTxnRequest, TopicPartition, TransactionOwner, TxnOffsetCommitRequest } from '../../ports/broker.ts'
import { type Api, byTopic } from './api.ts'
import { readVerdicts, writeOffsets } from './offsets.ts'
import type { RequestWriter } from './request-writer.ts'
import type { ResponseReader } from './response-reader.ts'

export interface ProducerIdentityAnswer {
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

export const initProducerIdApi: Api<
  { transactionalId: string | undefined; transactionTimeoutMs: number; producerId: number; producerEpoch: number },
  ProducerIdentityAnswer
> = {
  key: 22,
  name: 'InitProducerId',
  minVersion: 3,
  maxVersion: 5,
  since: '2.5',
  write(writer, request) {
    writer.nullableString(request.transactionalId)
    writer.int32(request.transactionTimeoutMs)
    writer.int64(request.producerId)
    writer.int16(request.producerEpoch)
    writer.noTags()
  },
  read: readIdentity,
}

/** Transactions V2: the broker adds the group to the transaction by itself, and the answer to EndTxn brings the next epoch. */
export const txnOffsetCommitApi: Api<TxnOffsetCommitRequest, (TopicPartition & { errorCode: number })[]> = {
  key: 28,
  name: 'TxnOffsetCommit',
  minVersion: 5,
  maxVersion: 5,
  since: '4.0',
  write(writer, request) {
    writer.string(request.transactionalId)
    writer.string(request.groupId)
    writer.int64(request.producerId)
    writer.int16(request.producerEpoch)
    writer.int32(request.generationId)
    writer.string(request.memberId)
    writer.nullableString(request.groupInstanceId)
    writeOffsets(writer, request.offsets)
  },
  read: readVerdicts,
}

export const endTxnApi: Api<EndTxnRequest, ProducerIdentityAnswer> = {
  key: 26,
  name: 'EndTxn',
  minVersion: 5,
  maxVersion: 5,
  since: '4.0',
  write(writer, request) {
    writer.string(request.transactionalId)
    writer.int64(request.producerId)
    writer.int16(request.producerEpoch)
    writer.boolean(request.committed)
    writer.noTags()
  },
  read: readIdentity,
}

/** Transactions V1: the group was added with AddOffsetsToTxn. */
export const txnOffsetCommitV1Api: typeof txnOffsetCommitApi = { ...txnOffsetCommitApi, minVersion: 3, maxVersion: 4, since: '2.5' }

/** Transactions V1: the answer has no identity, since that stays. */
export const endTxnV1Api: Api<EndTxnRequest, ProducerIdentityAnswer> = {
  ...endTxnApi,
  minVersion: 3,
  maxVersion: 4,
  since: '2.8',
  read(reader) {
    const { errorCode } = readErrorCode(reader)
    return { errorCode, producerId: -1, producerEpoch: -1 }
  },
}

/** Up to v3: later ones are for brokers among themselves. */
export const addPartitionsToTxnApi: Api<TransactionOwner & { partitions: readonly TopicPartition[] }, (TopicPartition & { errorCode: number })[]> = {
  key: 24,
  name: 'AddPartitionsToTxn',
  minVersion: 3,
  maxVersion: 3,
  since: '2.8',
  write(writer, request) {
    writeOwner(writer, request)
    writer.array(byTopic(request.partitions), ([topic, partitions]) => {
      writer.string(topic)
      writer.array(partitions, ({ partition }) => writer.int32(partition))
      writer.noTags()
    })
    writer.noTags()
  },
  read: readVerdicts,
}

export const addOffsetsToTxnApi: Api<TransactionOwner & { groupId: string }, { errorCode: number }> = {
  key: 25,
  name: 'AddOffsetsToTxn',
  minVersion: 3,
  maxVersion: 4,
  since: '2.8',
  write(writer, request) {
    writeOwner(writer, request)
    writer.string(request.groupId)
    writer.noTags()
  },
  read: readErrorCode,
}

function writeOwner(writer: RequestWriter, { transactionalId, producerId, producerEpoch }: TransactionOwner): void {
  writer.string(transactionalId)
  writer.int64(producerId)
  writer.int16(producerEpoch)
}

function readErrorCode(reader: ResponseReader): { errorCode: number } {
  reader.int32()
  const errorCode = reader.int16()
  reader.tags()
  return { errorCode }
}

function readIdentity(reader: ResponseReader): ProducerIdentityAnswer {
  reader.int32()
  const answer = { errorCode: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() }
  reader.tags()
  return answer
}
