import type { NewTopic, TopicPartition } from '../../ports/broker.ts'
import { type Api, readTopics, writeTopics } from './api.ts'
import type { ResponseReader } from './response-reader.ts'

export interface CreatedTopic {
  readonly name: string
  readonly errorCode: number
  readonly errorMessage: string | undefined
}

/** `timeoutMs`, here and below: how long the broker may wait until all brokers know. */
export const createTopicsApi: Api<{ topics: readonly NewTopic[]; timeoutMs: number }, CreatedTopic[]> = {
  key: 19,
  name: 'CreateTopics',
  minVersion: 7,
  maxVersion: 7,
  since: '2.8',
  write(writer, { topics, timeoutMs }) {
    writer.array(topics, ({ name, partitions, replicationFactor, configs }) => {
      writer.string(name)
      writer.int32(partitions)
      writer.int16(replicationFactor)
      writer.array([], () => {}) // no replicas placed by hand
      writer.array([...configs], ([key, value]) => {
        writer.string(key)
        writer.string(value)
        writer.noTags()
      })
      writer.noTags()
    })
    writer.int32(timeoutMs)
    writer.boolean(false) // not only a trial
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const topics = reader.array(() => readCreated(reader))
    reader.tags()
    return topics
  },
}

function readCreated(reader: ResponseReader): CreatedTopic {
  const name = reader.string()
  reader.uuid()
  const errorCode = reader.int16()
  const errorMessage = reader.nullableString()
  reader.int32()
  reader.int16()
  reader.array(() => {
    reader.string()
    reader.nullableString()
    reader.boolean()
    reader.int8()
    reader.boolean()
    reader.tags()
  })
  reader.tags()
  return { name, errorCode, errorMessage }
}

export const deleteTopicsApi: Api<{ names: readonly string[]; timeoutMs: number }, { name: string; errorCode: number }[]> = {
  key: 20,
  name: 'DeleteTopics',
  minVersion: 6,
  maxVersion: 6,
  since: '2.8',
  write(writer, { names, timeoutMs }) {
    writer.array(names, (name) => {
      writer.nullableString(name)
      writer.uuid('00000000-0000-0000-0000-000000000000') // named, so no id
      writer.noTags()
    })
    writer.int32(timeoutMs)
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const topics = reader.array(() => {
      const name = reader.string()
      reader.uuid()
      const errorCode = reader.int16()
      reader.nullableString()
      reader.tags()
      return { name, errorCode }
    })
    reader.tags()
    return topics
  },
}

export interface DeleteRecordsRequest {
  readonly partitions: readonly (TopicPartition & { offset: number })[]
  readonly timeoutMs: number
}

export const deleteRecordsApi: Api<DeleteRecordsRequest, (TopicPartition & { errorCode: number; lowWatermark: number })[]> = {
  key: 21,
  name: 'DeleteRecords',
  minVersion: 2,
  maxVersion: 2,
  since: '2.4',
  write(writer, { partitions, timeoutMs }) {
    writeTopics(writer, partitions, ({ partition, offset }) => {
      writer.int32(partition)
      writer.int64(offset)
    })
    writer.int32(timeoutMs)
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const answers = readTopics(reader, (topic) => ({ topic, partition: reader.int32(), lowWatermark: reader.int64(), errorCode: reader.int16() }))
    reader.tags()
    return answers
  },
}

export interface TopicConfigs {
  readonly name: string
  readonly errorCode: number
  readonly configs: Map<string, string>
}

export const describeTopicConfigsApi: Api<readonly string[], TopicConfigs[]> = {
  key: 32,
  name: 'DescribeConfigs',
  minVersion: 4,
  maxVersion: 4,
  since: '2.8',
  write(writer, names) {
    writer.array(names, (name) => {
      writer.int8(TOPIC)
      writer.string(name)
      writer.nullableArray(undefined, () => {}) // every setting
      writer.noTags()
    })
    writer.boolean(false) // no synonyms
    writer.boolean(false) // no documentation
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const results = reader.array(() => readConfigs(reader))
    reader.tags()
    return results
  },
}

const TOPIC = 2

function readConfigs(reader: ResponseReader): TopicConfigs {
  const errorCode = reader.int16()
  reader.nullableString()
  reader.int8()
  const name = reader.string()
  const configs = new Map<string, string>()
  reader.array(() => {
    const key = reader.string()
    const value = reader.nullableString()
    if (value !== undefined) configs.set(key, value)
    reader.boolean()
    reader.int8()
    reader.boolean()
    reader.array(() => {
      reader.string()
      reader.nullableString()
      reader.int8()
      reader.tags()
    })
    reader.int8()
    reader.nullableString()
    reader.tags()
  })
  reader.tags()
  return { name, errorCode, configs }
}
