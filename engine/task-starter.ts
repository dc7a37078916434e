import { ConnectionLostError, type TopicPartition } from '../ports/broker.ts'
import { type Clock, sleep } from '../ports/clock.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { KafkaError } from '../ports/kafka-error.ts'
import { type ApplicationTopology, changelogTopic } from './application-topology.ts'
import { ChangelogStore } from './changelog-store.ts'
import { decodePartitionTime } from './partition-time.ts'
import type { RecordCollector } from './record-collector.ts'
import { type RestoreOptions, restoreStores } from './restore.ts'
import type { StoreSupplier } from './store-supplier.ts'
import { Task, type TaskPosition } from './task.ts'
import { AbortedError, unlessAborted } from './unless-aborted.ts'

export interface TaskStarterOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly topology: ApplicationTopology
  readonly stores: StoreSupplier
  readonly collector: RecordCollector
  readonly startAt: 'earliest' | 'latest'
  readonly onRestore?: RestoreOptions['onProgress']
  readonly onRebuild?: RestoreOptions['onRebuild']
  /** Told of a store that was found damaged when it was opened. */
  readonly onDamage?: (message: string) => void
  readonly onWaiting?: RestoreOptions['onWaiting']
}

/** Tasks whose stores are up to date, with the positions to take them up at. */
export interface StartedTasks {
  readonly tasks: readonly Task[]
  readonly positions: ReadonlyMap<Task, readonly TaskPosition[]>
  readonly restoredRecords: number
}

/** The client has repeated its look-ups for a minute before it says that the brokers are away. */
const BROKERS_AWAY_PAUSE_MS = 1_000
/** While one store waits for the disk others are indexed; more would hold up the tasks that are running. */
const OPENED_AT_ONCE = 4
const PASSING = ['retriable', 'metadata', 'coordinator']

/** Opens the stores of tasks and brings them up. */
export class TaskStarter {
  readonly #options: TaskStarterOptions
  /** Where partitions without a committed offset were taken up first: `latest` asked for again, after a transaction that failed, would pass over what that one had read. */
  readonly #firstOffsets = new Map<string, number>()

  constructor(options: TaskStarterOptions) {
    this.#options = options
  }

  /** Creates tasks and brings them up. Aborted, it closes what it opened and answers `undefined`. */
  async start(taskIds: readonly string[], signal: AbortSignal): Promise<StartedTasks | undefined> {
    const tasks: Task[] = []
    let brought: StartedTasks | undefined
    try {
      await this.#createAll(taskIds, tasks, signal)
      brought = await this.bringUp(tasks, signal)
    } catch (error) {
      await closeStores(tasks)
      throw error
    }
    if (brought === undefined) await closeStores(tasks)
    return brought
  }

  /**
   * Committed offsets first, then the stores to a log end taken after that: what was committed unseen is then never missing from a store. While the brokers are away it goes on trying. Aborted, it answers
   * `undefined` at once, and the stores stand where they had come.
   */
  async bringUp(tasks: readonly Task[], signal: AbortSignal): Promise<StartedTasks | undefined> {
    while (!signal.aborted) {
      try {
        return await this.#bringUp(tasks, signal)
      } catch (error) {
        if (error instanceof AbortedError) return undefined
        if (!isPassing(error)) throw error
        this.#options.onWaiting?.(`tasks ${tasks.map(({ id }) => id).join(', ')} are not brought up yet: ${error.message}`)
        await sleep(this.#options.clock, BROKERS_AWAY_PAUSE_MS, signal)
      }
    }
    return undefined
  }

  async #bringUp(tasks: readonly Task[], signal: AbortSignal): Promise<StartedTasks | undefined> {
    const { client, clock, onRestore, onRebuild, onWaiting } = this.#options
    const positions = await unlessAborted(this.#positions(tasks), signal)
    const stores = tasks.flatMap((task) => task.stores)
    const restoredRecords = await restoreStores(stores, { client, clock, signal, ...(onRestore && { onProgress: onRestore }), ...(onRebuild && { onRebuild }), ...(onWaiting && { onWaiting }) })
    return signal.aborted ? undefined : { tasks, positions, restoredRecords }
  }

  /** Adds to `tasks` whatever it has created, also where it rejects. */
  async #createAll(taskIds: readonly string[], tasks: Task[], signal: AbortSignal): Promise<void> {
    const left = taskIds.values()
    let failure: { error: unknown } | undefined
    const createSome = async (): Promise<void> => {
      for (const id of left) {
        if (failure !== undefined || signal.aborted) return
        try {
          tasks.push(await this.#create(id))
        } catch (error) {
          failure ??= { error }
        }
      }
    }
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, createSome))
    if (failure !== undefined) throw failure.error
  }

  async #create(id: string): Promise<Task> {
    const { topology, collector, clock, stores } = this.#options
    const { part, partition } = topology.locate(id)
    const opened: ChangelogStore[] = []
    try {
      for (const definition of part.stores) {
        const store = await stores.open(id, definition)
        const topic = changelogTopic(topology.applicationId, definition.name)
        opened.push(new ChangelogStore({ topic, partition, taskId: id, store, collector }))
        if (store.damage !== undefined) this.#options.onDamage?.(`store ${store.name} (${topic}-${partition}): ${store.damage}; what is missing is restored`)
      }
      return new Task({ id, part, partition, sourcePartitions: topology.partitionCounts, stores: opened, collector, clock, deadLetterTopic: topology.topology.deadLetterTopic })
    } catch (error) {
      await Promise.allSettled(opened.map(({ store }) => store.close()))
      throw error
    }
  }

  async #positions(tasks: readonly Task[]): Promise<Map<Task, TaskPosition[]>> {
    const { client, topology } = this.#options
    const partitions = tasks.flatMap((task) => topology.partitionsOf(task.id))
    const committed = await client.committedOffsets(topology.applicationId, partitions, { requireStable: true })
    const offsets = new Map(committed.map((found) => [nameOf(found), found]))
    await this.#findFirst(partitions.filter((wanted) => offsets.get(nameOf(wanted))?.offset === undefined))
    const positionOf = (wanted: TopicPartition): TaskPosition => {
      const found = offsets.get(nameOf(wanted))
      const offset = found?.offset
      if (found === undefined || offset === undefined) return { topic: wanted.topic, offset: this.#firstOffsets.get(nameOf(wanted)) ?? 0, partitionTime: -1, isCommitted: false }
      return { topic: wanted.topic, offset, partitionTime: decodePartitionTime(found.metadata), isCommitted: true }
    }
    return new Map(tasks.map((task) => [task, topology.partitionsOf(task.id).map(positionOf)]))
  }

  async #findFirst(partitions: readonly TopicPartition[]): Promise<void> {
    const { client, startAt } = this.#options
    const unknown = startAt === 'earliest' ? partitions : partitions.filter((partition) => !this.#firstOffsets.has(nameOf(partition)))
    if (unknown.length === 0) return
    for (const found of await client.listOffsets(unknown, startAt)) this.#firstOffsets.set(nameOf(found), found.offset)
  }
}

/** Closes tasks and their stores, every one of them, and then throws the first error there was. */
export async function closeStores(tasks: readonly Task[]): Promise<void> {
  const errors: unknown[] = []
  for (const task of tasks) {
    try {
      task.close()
    } catch (error) {
      errors.push(error)
    }
    for (const { store } of task.stores) await store.close().catch((error: unknown) => errors.push(error))
  }
  if (errors.length > 0) throw errors[0]
}

function isPassing(error: unknown): error is Error {
  return error instanceof ConnectionLostError || (error instanceof KafkaError && PASSING.includes(error.scope))
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
