import type { ProducedPartition, ProduceRequest, ProduceResponse } from '../../ports/broker.ts'
import { type Api, readTopics, writeTopics } from './api.ts'
import type { ResponseReader } from './response-reader.ts'

/** acks=all, always. */
export const produceApi: Api<ProduceRequest, ProduceResponse> = {
  key: 0,
  name: 'Produce',
  minVersion: 9,
  maxVersion: 12,
  since: '2.8',
  write(writer, request) {
    writer.nullableString(request.transactionalId)
    writer.int16(ALL_REPLICAS)
    writer.int32(request.timeoutMs)
    writeTopics(writer, request.partitions, ({ partition, records }) => {
      writer.int32(partition)
      writer.gathered(records)
    })
    writer.noTags()
  },
  read(reader) {
    const partitions = readTopics(reader, (topic) => readPartition(reader, topic))
    const throttleTimeMs = reader.int32()
    reader.tags()
    return { throttleTimeMs, partitions }
  },
}

/** Transactions V2: from this version on the broker adds a partition to the transaction when the first batch for it arrives. */
export const transactionalProduceApi: Api<ProduceRequest, ProduceResponse> = { ...produceApi, name: 'Produce in a transaction', minVersion: 12, since: '4.0' }

/** Transactions V1: the highest version with which the broker does not add partitions by itself. */
export const transactionalProduceV1Api: Api<ProduceRequest, ProduceResponse> = { ...produceApi, name: 'Produce in a transaction', maxVersion: 11 }

const ALL_REPLICAS = -1

function readPartition(reader: ResponseReader, topic: string): ProducedPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const baseOffset = reader.int64()
  // the time of the append: set for topics with message.timestamp.type=LogAppendTime only
  reader.int64()
  const logStartOffset = reader.int64()
  const recordErrors = reader.array(() => {
    const refused = { index: reader.int32(), message: reader.nullableString() }
    reader.tags()
    return refused
  })
  return { topic, partition, errorCode, baseOffset, logStartOffset, recordErrors, errorMessage: reader.nullableString() }
}
