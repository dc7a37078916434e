import type { TopicPartition, TxnOffsetCommitRequest } from '../../ports/broker.ts'
import type { Api } from './api.ts'
import { readVerdicts, writeOffsets } from './offsets.ts'
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

export const endTxnApi: Api<{ transactionalId: string; producerId: number; producerEpoch: number; committed: boolean }, ProducerIdentityAnswer> = {
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

function readIdentity(reader: ResponseReader): ProducerIdentityAnswer {
  reader.int32()
  const answer = { errorCode: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() }
  reader.tags()
  return answer
}
