import type { NewTopic, TopicMetadata } from '../../../ports/broker.ts'
import type { Random } from '../../../ports/random.ts'
import { ERROR } from './error-code.ts'
import { Partition, type PartitionSurroundings } from './partition.ts'
import { TopicConfigs } from './topic-configs.ts'

export interface Topic {
  readonly name: string
  /** New when a topic is made anew. */
  readonly id: string
  readonly isInternal: boolean
  readonly configs: TopicConfigs
  readonly partitions: Partition[]
}

/** The topics of a cluster, as its controller knows them. */
export class Topics {
  readonly #topics = new Map<string, Topic>()
  readonly #byId = new Map<string, Topic>()
  readonly #nodes: readonly number[]
  readonly #random: Random
  readonly #surroundings: PartitionSurroundings
  readonly #defaults: Readonly<Record<string, string>>

  constructor(options: { nodes: readonly number[]; random: Random; surroundings: PartitionSurroundings; defaults: Readonly<Record<string, string>> }) {
    this.#nodes = options.nodes
    this.#random = options.random
    this.#surroundings = options.surroundings
    this.#defaults = options.defaults
  }

  get all(): IterableIterator<Topic> {
    return this.#topics.values()
  }

  get(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  withId(id: string): Topic | undefined {
    return this.#byId.get(id)
  }

  partition(topic: string, partition: number): Partition | undefined {
    return this.#topics.get(topic)?.partitions[partition]
  }

  *partitions(): Generator<Partition> {
    for (const { partitions } of this.#topics.values()) yield* partitions
  }

  /** Why Kafka would refuse to make it. */
  fault({ name, partitions, replicationFactor, configs }: NewTopic): { errorCode: number; errorMessage: string } | undefined {
    if (!isTopicName(name)) return { errorCode: ERROR.INVALID_TOPIC, errorMessage: `Topic name is invalid: '${name}'` }
    if (this.#topics.has(name)) return { errorCode: ERROR.TOPIC_ALREADY_EXISTS, errorMessage: `Topic '${name}' already exists.` }
    if (replicationFactor === 0 || replicationFactor < -1)
      return { errorCode: ERROR.INVALID_REPLICATION_FACTOR, errorMessage: 'Replication factor must be larger than 0, or -1 to use the default value.' }
    if (partitions === 0 || partitions < -1)
      return { errorCode: ERROR.INVALID_PARTITIONS, errorMessage: 'Number of partitions was set to an invalid non-positive value.' }
    const configFault = TopicConfigs.fault(configs)
    if (configFault !== undefined) return { errorCode: ERROR.INVALID_CONFIG, errorMessage: configFault }
    if (replicationFactor <= this.#nodes.length) return undefined
    return {
      errorCode: ERROR.INVALID_REPLICATION_FACTOR,
      errorMessage: `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ${replicationFactor} cannot be reached because only ${this.#nodes.length} broker(s) are registered.`,
    }
  }

  /** Without leaders yet. */
  create({ name, partitions, replicationFactor, configs }: NewTopic, isInternal = false): Topic {
    const topic: Topic = { name, id: this.#random.uuid(), isInternal, configs: new TopicConfigs(configs, this.#defaults), partitions: [] }
    this.#topics.set(name, topic)
    this.#byId.set(topic.id, topic)
    this.extend(topic, partitions === -1 ? 1 : partitions, replicationFactor === -1 ? Math.min(3, this.#nodes.length) : replicationFactor)
    return topic
  }

  /** Adds partitions, up to `count`, and answers them. */
  extend(topic: Topic, count: number, replicas: number): Partition[] {
    const first = Math.floor(this.#random.next() * this.#nodes.length)
    const added: Partition[] = []
    for (let index = topic.partitions.length; index < count; index++) {
      const placed = Array.from({ length: replicas }, (_, i) => this.#nodes[(first + index + i) % this.#nodes.length] ?? 0)
      added.push(new Partition(topic.name, index, placed, this.#surroundings))
    }
    topic.partitions.push(...added)
    return added
  }

  delete(name: string): Topic | undefined {
    const topic = this.#topics.get(name)
    this.#topics.delete(name)
    if (topic) this.#byId.delete(topic.id)
    return topic
  }

  metadata(name: string): TopicMetadata {
    const topic = this.#topics.get(name)
    if (!topic) {
      const errorCode = isTopicName(name) ? ERROR.UNKNOWN_TOPIC_OR_PARTITION : ERROR.INVALID_TOPIC
      return { name, topicId: '00000000-0000-0000-0000-000000000000', errorCode, internal: false, partitions: [] }
    }
    const partitions = topic.partitions.map(({ index, leader, leaderEpoch, replicas, inSync }) => ({
      partition: index,
      errorCode: leader === undefined ? ERROR.LEADER_NOT_AVAILABLE : ERROR.NONE,
      leader,
      leaderEpoch: Math.max(leaderEpoch, 0),
      replicas,
      inSyncReplicas: inSync,
    }))
    return { name, topicId: topic.id, errorCode: ERROR.NONE, internal: topic.isInternal, partitions }
  }
}

function isTopicName(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..'
}
