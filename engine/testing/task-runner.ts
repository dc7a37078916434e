import type { Clock } from '../../ports/clock.ts'
import { BatchCursor } from '../../records/batch-cursor.ts'
import { readHeaders } from '../../records/headers.ts'
import { MemoryStore } from '../../stores/memory-store.ts'
import { ApplicationTopology, changelogTopic } from '../application-topology.ts'
import { ChangelogStore } from '../changelog-store.ts'
import { RecordCollector } from '../record-collector.ts'
import { Task } from '../task.ts'
import type { Topology } from '../topology.ts'
import { ModelLog } from './model-log.ts'

export interface RunRecord {
  readonly key?: string
  readonly value?: string
  readonly timestamp?: number
}

export interface WrittenRecord {
  readonly partition: number
  readonly key: string | undefined
  readonly value: string | undefined
  readonly timestamp: number
  readonly headers: readonly (readonly [name: string, value: string | undefined])[]
}

/** Runs the first sub-topology of a topology as one task, on one partition, without a thread: what is piped in is processed when `process` is called, and what comes out can be read. */
export class TaskRunner {
  readonly task: Task
  readonly collector: RecordCollector
  readonly #clock: Clock
  readonly #partition: number
  readonly #sourceTopics: readonly string[]
  readonly #logs = new Map<string, ModelLog>()

  constructor(topology: Topology, options: { clock: Clock; partitions?: number; partition?: number }) {
    const { clock, partitions = 1, partition = 0 } = options
    const topics = [...topology.subTopologies().flatMap(({ sourceTopics }) => sourceTopics), ...topology.sinkTopics]
    const application = new ApplicationTopology('app', topology, new Map(topics.map((topic) => [topic, partitions])))
    this.#clock = clock
    this.#partition = partition
    this.collector = new RecordCollector(application.partitionCounts)
    const { part } = application.locate(`0_${partition}`)
    this.#sourceTopics = part.sourceTopics
    const stores = part.stores.map(({ name }) => {
      const store = new MemoryStore({ name })
      return new ChangelogStore({ topic: changelogTopic('app', name), partition, taskId: `0_${partition}`, store, collector: this.collector })
    })
    this.task = new Task({
      id: `0_${partition}`,
      part,
      partition,
      sourcePartitions: application.partitionCounts,
      stores,
      collector: this.collector,
      clock,
      deadLetterTopic: topology.deadLetterTopic,
    })
    this.resume()
  }

  /** Takes the task up at the start of its topics, with new processors. */
  resume(): void {
    this.task.resume(
      this.#sourceTopics.map((topic) => ({ topic, offset: 0, partitionTime: -1, isCommitted: true })),
      this.#clock.now(),
    )
  }

  pipe(topic: string, ...records: readonly RunRecord[]): void {
    const log = this.#logs.get(topic) ?? new ModelLog(topic, this.#partition)
    this.#logs.set(topic, log)
    const from = log.end
    log.write(records)
    const chunk = log.chunk(from, true)
    if (chunk !== undefined) this.task.push(chunk)
  }

  process(limit = 1_000): number {
    return this.task.process(limit)
  }

  /** What the open transaction holds for a topic; it is sealed by this. */
  written(): Map<string, WrittenRecord[]> {
    const found = new Map<string, WrittenRecord[]>()
    const cursor = new BatchCursor()
    for (const { topic, partition, builder } of this.collector.seal().batches) {
      const bytes = builder.sealPlain()
      cursor.reset(bytes, 0, bytes.length)
      const records = found.get(topic) ?? []
      found.set(topic, records)
      while (cursor.nextBatch()) {
        while (cursor.nextRecord()) {
          const { key, hasKey, value, hasValue, timestamp, headers, headerCount } = cursor
          const named = headerCount === 0 ? [] : readHeaders(headers).map((header) => [header.key, header.value?.toString()] as const)
          records.push({ partition, key: hasKey ? key.toString() : undefined, value: hasValue ? value.toString() : undefined, timestamp, headers: named })
        }
      }
    }
    return found
  }

  /** `key=value` of what was written to a topic. */
  out(topic: string): string[] {
    return (this.written().get(topic) ?? []).map(({ key, value }) => `${key}=${value}`)
  }
}
