import type { Clock } from '../ports/clock.ts'
import type { Fetcher, FetchFailure } from '../ports/kafka-client.ts'
import { StreamThreadFatalError } from './errors.ts'
import type { Isolation } from './isolation.ts'
import type { RecordCollector } from './record-collector.ts'
import { RESET } from './source-watch.ts'
import type { Task } from './task.ts'
import type { ThreadCounters } from './thread-statistics.ts'

/** Records between two turns of the event loop: some 2 ms of work, so that answers and heartbeats are served in between. */
const RECORDS_PER_TURN = 1_024

export interface ThreadProcessingOptions {
  readonly fetcher: Fetcher
  readonly collector: RecordCollector
  readonly isolation: Isolation
  readonly clock: Clock
  readonly counters: ThreadCounters
  readonly running: ReadonlyMap<string, Task>
  /** Fetched bytes of a partition that may wait to be processed. */
  readonly maxBufferedBytes: number
  /** Whether a transaction is under way: records that go one by one wait for it. */
  readonly isCommitting: () => boolean
  readonly deadLettered: (message: string) => void
}

/** What a stream thread does with records: it deals what was fetched out to the tasks, lets them take turns, and holds the fetch where they cannot follow. */
export class ThreadProcessing {
  readonly #options: ThreadProcessingOptions
  readonly #paused = new Set<Task>()
  #turn = 0

  constructor(options: ThreadProcessingOptions) {
    this.#options = options
  }

  get hasInput(): boolean {
    for (const task of this.#options.running.values()) if (task.state === 'running' && task.hasRecords) return true
    return false
  }

  /** Nothing is fetched for this task any more. */
  stopFetching(task: Task): void {
    for (const queue of task.queues) this.#options.fetcher.remove(queue)
    this.#paused.delete(task)
  }

  takeChunks(): void {
    for (let taken = this.#options.fetcher.take(); taken !== undefined; taken = this.#options.fetcher.take()) {
      const task = this.#taskOf(taken.topic, taken.partition)
      if (task === undefined || task.state !== 'running') continue
      if (taken.kind === 'failure') throw new StreamThreadFatalError(unreadable(taken))
      task.push(taken)
      this.#bound(task)
    }
  }

  /** Back pressure by bytes: a full queue stops its partition's fetch. */
  #bound(task: Task): void {
    const full = task.queues.some((queue) => queue.bufferedBytes > this.#options.maxBufferedBytes)
    if (full === this.#paused.has(task)) return
    for (const queue of task.queues) full ? this.#options.fetcher.pause(queue) : this.#options.fetcher.resume(queue)
    full ? this.#paused.add(task) : this.#paused.delete(task)
  }

  /** A turn of processing: each task in turn, until there is nothing more, the transaction is full or other work has its turn. Answers how many records. */
  process(): number {
    const running = [...this.#options.running.values()]
    let processed = 0
    for (let i = 0; i < running.length && processed < RECORDS_PER_TURN && !this.#options.collector.full; i++) {
      const task = running[(this.#turn + i) % running.length]
      if (task === undefined || task.state !== 'running') continue
      const count = this.#processTask(task, RECORDS_PER_TURN - processed)
      if (count > 0) this.#bound(task)
      processed += count
    }
    // The next turn begins with another task: under load each one gets its share.
    this.#turn++
    this.#options.counters.recordsProcessed += processed
    return processed
  }

  #processTask(task: Task, limit: number): number {
    const refused = this.#options.isolation.refusedHead(task)
    if (refused === undefined && !this.#options.isolation.single) return this.#options.collector.open.alone === undefined ? task.process(this.#options.isolation.concerns(task) ? 1 : limit) : 0
    if (this.#options.collector.open.taskIds.size > 0 || this.#options.isCommitting()) return 0
    this.#options.isolation.passed(this.#options.running.values())
    const { head } = task
    if (head === undefined) return 0
    // A dead letter too is alone in its transaction, so that it is known whom the broker refuses.
    this.#options.collector.open.alone = { ...head, deadLetter: refused?.form ?? 'no' }
    if (refused === undefined) return task.process(1)
    task.deadLetterHead(refused.error, refused.form)
    this.#options.isolation.taken(refused)
    this.#options.counters.deadLetters++
    this.#options.deadLettered(refused.error.message)
    return 1
  }

  punctuate(): void {
    const nowMs = this.#options.clock.now()
    for (const task of this.#options.running.values()) {
      if (this.#options.collector.full || this.#options.collector.open.alone !== undefined) return
      if (task.state === 'running') task.punctuate(nowMs)
    }
  }

  #taskOf(topic: string, partition: number): Task | undefined {
    for (const task of this.#options.running.values()) if (task.partition === partition && task.queues.some((queue) => queue.topic === topic)) return task
    return undefined
  }

}

function unreadable(failure: FetchFailure): string {
  const found = `input ${failure.topic}-${failure.partition} cannot be read on: ${failure.message} (${failure.reason})`
  if (failure.reason === 'topic-missing' || failure.reason === 'topic-recreated') return `${found}. The topic is not the one that the state was built from: ${RESET}`
  return `${found}. Records may have been deleted before they were processed; reset the group's offset for this partition if that is meant`
}
