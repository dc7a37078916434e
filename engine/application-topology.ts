import { createHash } from 'node:crypto'
import type { TopicPartition } from '../ports/broker.ts'
import { describeTopology } from './describe-topology.ts'
import { StreamThreadFatalError } from './errors.ts'
import type { TaskPartitions } from './membership/membership.ts'
import type { StoreDefinition, SubTopology, Topology } from './topology.ts'

/** Name of the changelog topic of a store, as in Kafka Streams. */
export function changelogTopic(applicationId: string, store: string): string {
  return `${applicationId}-${store}-changelog`
}

/** A topology together with the partition counts of its topics: the tasks that an application consists of. */
export class ApplicationTopology implements TaskPartitions {
  readonly applicationId: string
  readonly topology: Topology
  readonly parts: readonly SubTopology[]
  /** Partition counts of all topics that are read or written, changelogs included. */
  readonly partitionCounts: ReadonlyMap<string, number>
  readonly taskIds: readonly string[]
  readonly sourceTopics: readonly string[]
  readonly topologyHash: string

  /** `partitionCounts`: of source and sink topics, as the broker has them. */
  constructor(applicationId: string, topology: Topology, partitionCounts: ReadonlyMap<string, number>) {
    this.applicationId = applicationId
    this.topology = topology
    this.parts = topology.subTopologies()
    this.sourceTopics = this.parts.flatMap((part) => part.sourceTopics)
    const missing = [...this.sourceTopics, ...topology.sinkTopics].filter((topic) => !((partitionCounts.get(topic) ?? 0) > 0))
    if (missing.length > 0) throw new StreamThreadFatalError(`topics ${missing.join(', ')} of application ${applicationId} have no partitions; create them, or correct their names`)
    const counts = new Map(partitionCounts)
    for (const part of this.parts) {
      for (const store of part.stores) counts.set(changelogTopic(applicationId, store.name), taskCount(part, counts))
    }
    this.partitionCounts = counts
    this.taskIds = this.parts.flatMap((part) => Array.from({ length: taskCount(part, counts) }, (_, partition) => `${part.id}_${partition}`))
    const shape = this.sourceTopics.map((topic) => `${topic}:${counts.get(topic)}`).join(',')
    this.topologyHash = createHash('sha256').update(`${describeTopology(topology)}|${shape}`).digest('hex').slice(0, 16)
  }

  /** Stores of all sub-topologies. */
  get stores(): readonly StoreDefinition[] {
    return this.parts.flatMap((part) => part.stores)
  }

  partitionsOf(taskId: string): readonly TopicPartition[] {
    const { part, partition } = this.locate(taskId)
    return part.sourceTopics.filter((topic) => partition < (this.partitionCounts.get(topic) ?? 0)).map((topic) => ({ topic, partition }))
  }

  locate(taskId: string): { part: SubTopology; partition: number } {
    const [part, partition] = taskId.split('_').map(Number)
    const found = this.parts[part ?? -1]
    if (found === undefined || partition === undefined) throw new StreamThreadFatalError(`task ${taskId} is not of this topology (sub-topologies 0 to ${this.parts.length - 1}); every instance of an application has to run the same release`)
    return { part: found, partition }
  }
}

/** As many tasks as the largest source topic has partitions. */
function taskCount(part: SubTopology, counts: ReadonlyMap<string, number>): number {
  return Math.max(...part.sourceTopics.map((topic) => counts.get(topic) ?? 0))
}
