import type { Clock } from '../ports/clock.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import type { TopicPartition } from '../ports/broker.ts'
import { type ApplicationTopology, changelogTopic } from './application-topology.ts'
import { ChangelogStore } from './changelog-store.ts'
import { decodePartitionTime } from './partition-time.ts'
import type { RecordCollector } from './record-collector.ts'
import { type RestoreOptions, restoreStores } from './restore.ts'
import type { StoreSupplier } from './store-supplier.ts'
import { Task, type TaskPosition } from './task.ts'

export interface TaskStarterOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly topology: ApplicationTopology
  readonly stores: StoreSupplier
  readonly collector: RecordCollector
  readonly startAt: 'earliest' | 'latest'
  readonly onRestore?: RestoreOptions['onProgress']
}

/** Tasks whose stores are up to date, with the positions to take them up at. */
export interface StartedTasks {
  readonly tasks: readonly Task[]
  readonly positions: ReadonlyMap<Task, readonly TaskPosition[]>
  readonly restoredRecords: number
}

/** Opens the stores of tasks and brings them up. */
export class TaskStarter {
  readonly #options: TaskStarterOptions

  constructor(options: TaskStarterOptions) {
    this.#options = options
  }

  /** Creates tasks and brings them up. Aborted, it closes what it opened and answers no task. */
  async start(taskIds: readonly string[], signal: AbortSignal): Promise<StartedTasks> {
    const tasks: Task[] = []
    try {
      for (const id of taskIds) tasks.push(await this.#create(id))
      const brought = await this.bringUp(tasks, signal)
      if (!signal.aborted) return brought
    } catch (error) {
      if (!signal.aborted) {
        await closeStores(tasks)
        throw error
      }
    }
    await closeStores(tasks)
    return { tasks: [], positions: new Map(), restoredRecords: 0 }
  }

  /** Committed offsets first, then the stores to a log end taken after that: what was committed unseen is then never missing from a store. */
  async bringUp(tasks: readonly Task[], signal?: AbortSignal): Promise<StartedTasks> {
    const { client, clock, onRestore } = this.#options
    const positions = await this.#positions(tasks)
    const stores = tasks.flatMap((task) => task.stores)
    const restoredRecords = await restoreStores(stores, { client, clock, ...(signal && { signal }), ...(onRestore && { onProgress: onRestore }) })
    return { tasks, positions, restoredRecords }
  }

  async #create(id: string): Promise<Task> {
    const { topology, collector, clock, stores } = this.#options
    const { part, partition } = topology.locate(id)
    const opened: ChangelogStore[] = []
    for (const definition of part.stores) {
      const store = await stores.open(id, definition)
      opened.push(new ChangelogStore({ topic: changelogTopic(topology.applicationId, definition.name), partition, taskId: id, store, collector }))
    }
    return new Task({ id, part, partition, sourcePartitions: topology.partitionCounts, stores: opened, collector, clock, deadLetterTopic: topology.topology.deadLetterTopic })
  }

  async #positions(tasks: readonly Task[]): Promise<Map<Task, TaskPosition[]>> {
    const { client, topology, startAt } = this.#options
    const partitions = tasks.flatMap((task) => topology.partitionsOf(task.id))
    const committed = await client.committedOffsets(topology.applicationId, partitions, { requireStable: true })
    const fresh = partitions.filter((wanted) => committed.find((found) => same(found, wanted))?.offset === undefined)
    const first = fresh.length === 0 ? [] : await client.listOffsets(fresh, startAt)
    const positionOf = (wanted: TopicPartition): TaskPosition => {
      const found = committed.find((offset) => same(offset, wanted))
      if (found?.offset !== undefined) return { topic: wanted.topic, offset: found.offset, partitionTime: decodePartitionTime(found.metadata) }
      return { topic: wanted.topic, offset: first.find((offset) => same(offset, wanted))?.offset ?? 0, partitionTime: -1 }
    }
    return new Map(tasks.map((task) => [task, topology.partitionsOf(task.id).map(positionOf)]))
  }
}

export async function closeStores(tasks: readonly Task[]): Promise<void> {
  for (const task of tasks) {
    task.close()
    for (const { store } of task.stores) await store.close()
  }
}

function same(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}
