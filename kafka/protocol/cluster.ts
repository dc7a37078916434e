import type { Metadata, PartitionMetadata, TopicMetadata } from '../../ports/broker.ts'
import type { Api, VersionRange } from './api.ts'
import type { ResponseReader } from './response-reader.ts'

export interface ApiVersions {
  readonly errorCode: number
  /** By API key. */
  readonly versions: ReadonlyMap<number, VersionRange>
  /** Finalised features and their levels. */
  readonly features: ReadonlyMap<string, number>
}

/** The one API whose response has the old header (version 0), so that a client can read the answer of any broker. */
export const apiVersionsApi: Api<{ software: string; softwareVersion: string }, ApiVersions> = {
  key: 18,
  name: 'ApiVersions',
  minVersion: 3,
  maxVersion: 3,
  since: '2.4',
  write(writer, { software, softwareVersion }) {
    writer.string(software)
    writer.string(softwareVersion)
    writer.noTags()
  },
  read(reader) {
    const errorCode = reader.int16()
    // a broker too old for version 3 answers in the layout of version 0
    if (errorCode !== 0) {
      reader.skip(reader.remaining)
      return { errorCode, versions: new Map(), features: new Map() }
    }
    const versions = new Map<number, VersionRange>()
    reader.array(() => {
      versions.set(reader.int16(), { min: reader.int16(), max: reader.int16() })
      reader.tags()
    })
    reader.int32()
    const features = new Map<string, number>()
    reader.tags((tag) => {
      if (tag === FINALISED_FEATURES_TAG) reader.array(() => readFeature(reader, features))
    })
    return { errorCode, versions, features }
  },
}

const FINALISED_FEATURES_TAG = 2

function readFeature(reader: ResponseReader, features: Map<string, number>): void {
  features.set(reader.string(), reader.int16())
  reader.int16()
  reader.tags()
}

/** `topics` undefined: all. */
export const metadataApi: Api<{ topics: readonly string[] | undefined }, Metadata> = {
  key: 3,
  name: 'Metadata',
  minVersion: 11,
  maxVersion: 12,
  since: '3.0',
  write(writer, { topics }) {
    writer.nullableArray(topics, (name) => {
      writer.uuid(NO_TOPIC_ID)
      writer.nullableString(name)
      writer.noTags()
    })
    writer.boolean(false) // no automatic creation of topics: it would make them with the broker's partition count
    writer.boolean(false) // no list of authorised operations
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const nodes = reader.array(() => {
      const node = { node: reader.int32(), host: reader.string(), port: reader.int32(), rack: reader.nullableString() }
      reader.tags()
      return node
    })
    const clusterId = reader.string()
    const controller = reader.int32()
    const topics = reader.array(() => readTopic(reader))
    reader.tags()
    return { clusterId, controller, nodes, topics }
  },
}

const NO_TOPIC_ID = '00000000-0000-0000-0000-000000000000'

function readTopic(reader: ResponseReader): TopicMetadata {
  const errorCode = reader.int16()
  const name = reader.string()
  const topicId = reader.uuid()
  const internal = reader.boolean()
  const partitions = reader.array(() => readPartition(reader))
  reader.int32()
  reader.tags()
  return { name, topicId, errorCode, internal, partitions }
}

function readPartition(reader: ResponseReader): PartitionMetadata {
  const errorCode = reader.int16()
  const partition = reader.int32()
  const leader = reader.int32()
  const leaderEpoch = reader.int32()
  const replicas = reader.array(() => reader.int32())
  const inSyncReplicas = reader.array(() => reader.int32())
  reader.array(() => reader.int32())
  reader.tags()
  return { partition, errorCode, leader: leader < 0 ? undefined : leader, leaderEpoch, replicas, inSyncReplicas }
}

export interface CoordinatorLocation {
  readonly errorCode: number
  readonly node: number
  readonly host: string
  readonly port: number
}

export const findCoordinatorApi: Api<{ type: 'group' | 'transaction'; key: string }, CoordinatorLocation | undefined> = {
  key: 10,
  name: 'FindCoordinator',
  minVersion: 4,
  maxVersion: 6,
  since: '3.0',
  write(writer, { type, key }) {
    writer.int8(type === 'group' ? 0 : 1)
    writer.array([key], (one) => writer.string(one))
    writer.noTags()
  },
  read(reader) {
    reader.int32()
    const [found] = reader.array(() => {
      reader.string()
      const location = { node: reader.int32(), host: reader.string(), port: reader.int32(), errorCode: reader.int16() }
      reader.nullableString()
      reader.tags()
      return location
    })
    reader.tags()
    return found
  },
}
