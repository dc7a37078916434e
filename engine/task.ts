import type { OffsetToCommit } from '../ports/broker.ts'
import type { Clock } from '../ports/clock.ts'
import type { FetchedChunk } from '../ports/kafka-client.ts'
import type { ChangelogStore } from './changelog-store.ts'
import { DeadLetters } from './dead-letters.ts'
import { ProcessingError, StreamThreadFatalError } from './errors.ts'
import { composeChain, type NodeChain, type SourceStep } from './node-chain.ts'
import { encodePartitionTime } from './partition-time.ts'
import type { Output, ProcessorContext } from './processor.ts'
import { Punctuations } from './punctuations.ts'
import type { RecordCollector } from './record-collector.ts'
import { RecordQueue } from './record-queue.ts'
import type { ProcessorNode, SubTopology } from './topology.ts'
import type { RecordPlace } from './transaction.ts'

export interface TaskOptions {
  readonly id: string
  readonly part: SubTopology
  readonly partition: number
  /** Partition count of each source topic. */
  readonly sourcePartitions: ReadonlyMap<string, number>
  readonly stores: readonly ChangelogStore[]
  readonly collector: RecordCollector
  readonly clock: Clock
  readonly deadLetterTopic: string | undefined
}

/** Where a source partition is taken up. */
export interface TaskPosition {
  readonly topic: string
  readonly offset: number
  readonly partitionTime: number
  /** Whether the group has this offset. */
  readonly isCommitted: boolean
}

/** Between two looks at how full the transaction is. */
const RECORDS_BETWEEN_CHECKS = 16

/**
 * The unit of parallelism: one partition of each source topic of a sub-topology, its stores and its processors. It is used by one stream thread at a time, and
 * everything in it is synchronous.
 *
 * ```
 * created -> running -> suspended -> closed
 *               ^  |        (takes no more records; its last transaction is under way)
 *               +--+ (taken up anew from committed offsets after a commit that failed)
 * ```
 */
export class Task {
  readonly id: string
  readonly partition: number
  readonly stores: readonly ChangelogStore[]
  state: 'created' | 'running' | 'suspended' | 'closed' = 'created'
  /** Wall clock, as the processors see it: looked at once for a run of records (1 ms to 10 ms), since a look at each of them was 2 % of the time. */
  nowMs = 0
  readonly #options: TaskOptions
  readonly #collector: RecordCollector
  readonly #punctuations = new Punctuations()
  #queues: RecordQueue[] = []
  #steps: SourceStep[] = []
  #chain: NodeChain | undefined
  /** The queue whose record is being processed; `undefined` in a punctuation. */
  #current: RecordQueue | undefined
  #committedPositions = ''

  constructor(options: TaskOptions) {
    this.id = options.id
    this.partition = options.partition
    this.stores = options.stores
    this.#options = options
    this.#collector = options.collector
  }

  get queues(): readonly RecordQueue[] {
    return this.#queues
  }

  /** Takes up processing at committed positions, with new processors: what an earlier, failed transaction left in their memory is gone. */
  resume(positions: readonly TaskPosition[], nowMs: number): void {
    this.#closeChain()
    this.nowMs = nowMs
    this.#queues = positions.map(({ topic, offset, partitionTime }) => new RecordQueue({ topic, partition: this.partition, position: offset, partitionTime }))
    this.#committedPositions = positions.every(({ isCommitted }) => isCommitted) ? this.#positionsText() : ''
    const chain = composeChain(this.#options.part, {
      contextOf: (node, output) => this.#context(node, output),
      topic: (name) => this.#collector.topic(name),
      inputPartition: () => this.partition,
    })
    this.#chain = chain
    this.#steps = this.#queues.map((queue) => {
      const step = chain.sources.get(queue.topic)
      if (step === undefined) throw new StreamThreadFatalError(`task ${this.id} has no source for topic ${queue.topic}`)
      return step
    })
    this.#punctuations.start(nowMs)
    for (const processor of chain.processors) processor.init?.()
    this.state = 'running'
  }

  push(chunk: FetchedChunk): void {
    this.#queues.find((queue) => queue.topic === chunk.topic)?.push(chunk)
  }

  get hasRecords(): boolean {
    return this.#queues.some((queue) => queue.hasHead)
  }

  /** The record that is processed next. */
  get head(): RecordPlace | undefined {
    const queue = this.#queues[this.#choose()]
    return queue === undefined ? undefined : { taskId: this.id, topic: queue.topic, offset: queue.cursor.offset }
  }

  /** Processes up to `limit` records, lowest timestamp of the heads first, until the open transaction is full. Answers how many. */
  process(limit: number): number {
    this.nowMs = this.#options.clock.now()
    let count = 0
    while (count < limit) {
      const at = this.#choose()
      if (at < 0) break
      this.#processHead(at)
      count++
      if (count % RECORDS_BETWEEN_CHECKS === 0 && this.#collector.full) break
    }
    this.#wrote(count)
    return count
  }

  /** Sends the next record to the dead-letter topic instead of through the topology. */
  deadLetterHead(error: Error, form: 'whole' | 'bare'): void {
    const queue = this.#queues[this.#choose()]
    const { deadLetterTopic } = this.#options
    if (queue === undefined || deadLetterTopic === undefined) return
    new DeadLetters(this.#collector.topic(deadLetterTopic)).send(queue, error, form)
    queue.advance()
    this.#wrote(1)
  }

  /** Runs the punctuations that are due; answers whether one was. */
  punctuate(nowMs: number): boolean {
    if (!this.#punctuations.due(nowMs)) return false
    this.nowMs = nowMs
    this.#current = undefined
    try {
      this.#punctuations.run(nowMs)
    } catch (error) {
      throw new StreamThreadFatalError(`a punctuation of task ${this.id} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
    // What a punctuation wrote is fenced by the offsets of its task, changed or not.
    if (this.#collector.open.batches.length > 0) this.#collector.open.taskIds.add(this.id)
    return true
  }

  /** Wall-clock time of the next punctuation; infinity without one. */
  get nextPunctuationMs(): number {
    return this.#punctuations.nextMs
  }

  /** Whether the fetch position has moved, past transaction markers for instance, without a commit having said so. */
  get positionMoved(): boolean {
    return this.#positionsText() !== this.#committedPositions
  }

  /** The next fetch position of each source partition, for the transaction that is being sealed. */
  offsetsToCommit(): OffsetToCommit[] {
    this.#committedPositions = this.#positionsText()
    return this.#queues.map((queue) => ({
      topic: queue.topic,
      partition: queue.partition,
      offset: queue.position,
      leaderEpoch: -1,
      metadata: encodePartitionTime(queue.partitionTime),
    }))
  }

  close(): void {
    this.#closeChain()
    for (const store of this.stores) store.discard()
    this.#queues = []
    this.state = 'closed'
  }

  #choose(): number {
    if (this.#queues.length === 1) return this.#queues[0]?.hasHead ? 0 : -1
    let best = -1
    let lowest = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#queues.length; i++) {
      const queue = this.#queues[i]
      if (queue?.hasHead && queue.cursor.timestamp < lowest) {
        best = i
        lowest = queue.cursor.timestamp
      }
    }
    return best
  }

  #processHead(at: number): void {
    const queue = this.#queues[at]
    const step = this.#steps[at]
    if (queue === undefined || step === undefined) return
    const cursor = queue.cursor
    this.#current = queue
    try {
      step(cursor.hasKey ? cursor.key : undefined, cursor.hasValue ? cursor.value : undefined, cursor.timestamp, cursor.headerCount > 0 ? cursor.headers : undefined)
    } catch (error) {
      throw new ProcessingError({ taskId: this.id, topic: queue.topic, partition: queue.partition, offset: cursor.offset }, error)
    }
    queue.advance()
  }

  #wrote(records: number): void {
    if (records === 0) return
    const open = this.#collector.open
    open.taskIds.add(this.id)
    open.records += records
    open.openedAtMs ??= this.#options.clock.monotonicMs()
  }

  #positionsText(): string {
    let text = ''
    for (const queue of this.#queues) text += `${queue.position},`
    return text
  }

  #closeChain(): void {
    if (this.#chain !== undefined) for (const processor of this.#chain.processors) processor.close?.()
    this.#chain = undefined
    this.#current = undefined
    this.#punctuations.clear()
  }

  #context(node: ProcessorNode, output: (name: string) => Output<unknown, unknown>): ProcessorContext {
    return new TaskContext({ task: this, current: () => this.#current, node, output, punctuations: this.#punctuations, options: this.#options })
  }
}

interface ContextSources {
  readonly task: Task
  readonly current: () => RecordQueue | undefined
  readonly node: ProcessorNode
  readonly output: (name: string) => Output<unknown, unknown>
  readonly punctuations: Punctuations
  readonly options: TaskOptions
}

/** What the processors of a task see of it. */
class TaskContext implements ProcessorContext {
  readonly taskId: string
  readonly partition: number
  readonly #at: ContextSources
  /** Of the only source topic; `undefined`: there are several. */
  readonly #onlyCount: number | undefined

  constructor(at: ContextSources) {
    const { sourcePartitions, part } = at.options
    this.#at = at
    this.taskId = at.task.id
    this.partition = at.task.partition
    this.#onlyCount = part.sourceTopics.length === 1 ? (sourcePartitions.get(part.sourceTopics[0] ?? '') ?? 0) : undefined
  }

  get topic(): string {
    return this.#at.current()?.topic ?? ''
  }

  get offset(): number {
    return this.#at.current()?.cursor.offset ?? -1
  }

  get sourcePartitions(): number {
    if (this.#onlyCount !== undefined) return this.#onlyCount
    const { sourcePartitions, part } = this.#at.options
    return sourcePartitions.get(this.topic || (part.sourceTopics[0] ?? '')) ?? 0
  }

  now(): number {
    return this.#at.task.nowMs
  }

  output<K, V>(childName: string): Output<K, V> {
    // The graph holds children of all types side by side; the DSL checks that what hangs on an output takes its types.
    return this.#at.output(childName) as Output<K, V>
  }

  store(name: string): ChangelogStore {
    const { node, task } = this.#at
    const store = node.stores.includes(name) ? task.stores.find((candidate) => candidate.store.name === name) : undefined
    if (store === undefined) throw new StreamThreadFatalError(`processor ${node.name} asked for store ${name}, which it is not connected to (${node.stores.join(', ') || 'none'}); name it in its stores`)
    return store
  }

  schedule(intervalMs: number, punctuate: (nowMs: number) => void): void {
    this.#at.punctuations.add(intervalMs, punctuate)
  }
}
