import type { Clock } from '../ports/clock.ts'
import { type Failpoint, noFailpoint } from '../ports/failpoint.ts'
import type { Fetcher, KafkaClient, TransactionalProducer } from '../ports/kafka-client.ts'
import { RecordRefusedError } from '../ports/kafka-error.ts'
import type { ApplicationTopology } from './application-topology.ts'
import type { ChangelogStore } from './changelog-store.ts'
import { CommitPace, type CommitPaceOptions } from './commit-pace.ts'
import { Committer } from './commit.ts'
import { ProcessingError, StreamThreadFatalError, TaskMigratedError } from './errors.ts'
import { GenerationWatch } from './generation-watch.ts'
import { Isolation } from './isolation.ts'
import { ClassicMembership } from './membership/classic-membership.ts'
import type { Assigned, Membership, MembershipListener } from './membership/membership.ts'
import { RecordCollector } from './record-collector.ts'
import type { RestoreProgress } from './restore.ts'
import { Signal } from './signal.ts'
import type { StoreSupplier } from './store-supplier.ts'
import type { Task, TaskPosition } from './task.ts'
import { closeStores, type StartedTasks, TaskStarter } from './task-starter.ts'
import { newCounters, type ThreadSnapshot } from './thread-statistics.ts'
import type { Transaction } from './transaction.ts'

export interface StreamThreadOptions {
  /** `<application>-<process>-<thread>`, the same after a restart: instance id of the member and stem of the transactional ids. */
  readonly name: string
  readonly topology: ApplicationTopology
  readonly client: KafkaClient
  readonly clock: Clock
  readonly stores: StoreSupplier
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly transactionTimeoutMs: number
  /** Transactional producers that take turns. */
  readonly producers: 1 | 2
  /** Where an input partition without a committed offset is taken up. */
  readonly startAt: 'earliest' | 'latest'
  readonly pace: CommitPaceOptions
  /** Fetched bytes of a partition that may wait to be processed. */
  readonly maxBufferedBytes: number
  readonly failpoint?: Failpoint
  /** Called for what people should know: a rebalance, a recovery, a restore. Normal operation says nothing. */
  readonly report?: (event: ThreadEvent) => void
  readonly onRestore?: (progress: RestoreProgress) => void
  /** Called once, when the first transaction with input has been committed. */
  readonly onFirstCommit?: () => void
}

export interface ThreadEvent {
  readonly kind: 'assigned' | 'lost' | 'recovering' | 'recovered' | 'restored' | 'store-failed' | 'dead-letter'
  readonly message: string
}

export type StreamThreadState = 'created' | 'starting' | 'running' | 'recovering' | 'stopping' | 'stopped' | 'failed'

/** Ids of the transactional producers of a thread. */
export function transactionalIds(threadName: string): readonly [string, string] {
  return [`${threadName}-a`, `${threadName}-b`]
}

/** Records between two turns of the event loop: some 2 ms of work, so that answers and heartbeats are served in between. */
const RECORDS_PER_TURN = 1_024
const IDLE_WAIT_MS = 250
/** How often a position that moved without a record (transaction markers) is committed. */
const POSITION_COMMIT_MS = 1_000
/** Compaction of stores after a commit: a few milliseconds of copying. */
const HOUSEKEEPING_BYTES = 2_000_000

/**
 * A stream thread: one member of the group, its tasks, its transactional producers, one loop.
 *
 * ```
 * created -> starting -> running -> stopping -> stopped
 *                          ^  |
 *                          |  v
 *                       recovering          (a commit failed: abort, bring the stores up, take up again)
 *             any -> failed                 (StreamThreadFatalError: no repetition helps)
 * ```
 * Everything that changes tasks happens in the loop, one thing at a time: events of the group and of commits are noted when they come and worked off at its head.
 */
export class StreamThread implements MembershipListener {
  state: StreamThreadState = 'created'
  readonly #options: StreamThreadOptions
  readonly #clock: Clock
  readonly #signal: Signal
  readonly #collector: RecordCollector
  readonly #producers: readonly TransactionalProducer[]
  readonly #watch: GenerationWatch
  readonly #committer: Committer
  readonly #membership: Membership
  readonly #fetcher: Fetcher
  readonly #starter: TaskStarter
  readonly #pace: CommitPace
  readonly #isolation = new Isolation()
  readonly #counters = newCounters()
  readonly #tasks = new Map<string, Task>()
  readonly #starting = new Map<string, AbortController>()
  readonly #paused = new Set<Task>()
  readonly #commits = new Set<Promise<void>>()
  readonly #failedStores = new Set<ChangelogStore>()
  #started: StartedTasks[] = []
  #assigned: Assigned | undefined
  #lost: Error | undefined
  #failure: unknown
  #fatal: Error | undefined
  #stop: 'leave' | 'stay' | undefined
  #turn = 0
  #positionsCommittedMs = 0

  constructor(options: StreamThreadOptions) {
    const { client, clock, topology } = options
    this.#options = options
    this.#clock = clock
    this.#signal = new Signal(clock)
    this.#pace = new CommitPace(options.pace)
    this.#collector = new RecordCollector(topology.partitionCounts)
    this.#producers = transactionalIds(options.name)
      .slice(0, options.producers)
      .map((transactionalId) => client.transactionalProducer({ transactionalId, transactionTimeoutMs: options.transactionTimeoutMs }))
    this.#membership = new ClassicMembership({
      client,
      groupId: topology.applicationId,
      groupInstanceId: options.name,
      sessionTimeoutMs: options.sessionTimeoutMs,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs,
      tasks: topology,
      listener: this,
    })
    this.#watch = new GenerationWatch(() => this.#membership)
    this.#committer = new Committer({
      producers: this.#producers,
      membership: this.#watch,
      failpoint: options.failpoint ?? noFailpoint,
      storeFailed: (store, error) => this.#storeFailed(store, error),
    })
    this.#fetcher = client.fetcher({ readCommitted: true })
    this.#starter = new TaskStarter({ client, clock, topology, stores: options.stores, collector: this.#collector, startAt: options.startAt, ...(options.onRestore && { onRestore: options.onRestore }) })
  }

  /** Runs until `stop` or until the thread cannot go on; then it rejects and says why. */
  async run(): Promise<void> {
    this.state = 'starting'
    try {
      // Before the join: what a predecessor left open is aborted, so that nobody waits for its time-out.
      await Promise.all(this.#producers.map((producer) => producer.initialise()))
      this.#membership.start()
      this.state = 'running'
      while (this.#stop === undefined) await this.#iterate()
      this.state = 'stopping'
      await this.#close(this.#stop)
      this.state = 'stopped'
    } catch (error) {
      this.state = 'failed'
      await this.#abandon()
      throw error
    }
  }

  /** Commits what was processed and ends. `leave`: others take over at once; `stay`: the member keeps its place for its session time-out. */
  stop(how: 'leave' | 'stay'): void {
    this.#stop ??= how
    this.#signal.raise()
  }

  snapshot(): ThreadSnapshot {
    const running = [...this.#tasks.values()].map((task) => ({
      id: task.id,
      state: task.state,
      positions: task.queues.map(({ topic, partition, position, lag }) => ({ topic, partition, position, lag })),
      stores: task.stores.map(({ store }) => ({ name: store.name, keys: store.size, position: store.position })),
    }))
    const starting = [...this.#starting.keys()].map((id) => ({ id, state: 'restoring', positions: [], stores: [] }))
    return { name: this.#options.name, state: this.state, ...this.#counters, tasks: [...running, ...starting] }
  }

  ownedTasks(): readonly string[] {
    return [...this.#tasks.keys(), ...this.#starting.keys(), ...this.#started.flatMap(({ tasks }) => tasks.map((task) => task.id))]
  }

  assigned(assigned: Assigned): void {
    this.#assigned = assigned
    this.#watch.assigned(assigned)
    this.#signal.raise()
  }

  lost(reason: Error): void {
    this.#lost = reason
    this.#assigned = undefined
    this.#watch.lost(reason)
    this.#signal.raise()
  }

  failed(error: Error): void {
    this.#fatal = error
    this.#watch.lost(error)
    this.#signal.raise()
  }

  async #iterate(): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal
    if (this.#lost !== undefined) return this.#closeLost(this.#lost)
    if (this.#failure !== undefined) return this.#recover(this.#failure)
    if (this.#failedStores.size > 0) return this.#restoreFailed()
    if (this.#assigned !== undefined) return this.#follow(this.#assigned)
    this.#takeStarted()
    this.#takeChunks()
    try {
      const processed = this.#process()
      this.#punctuate()
      const dueInMs = this.#commitIfDue()
      if (processed > 0 && !this.#collector.full) await this.#clock.turn()
      else await this.#idle(dueInMs)
    } catch (error) {
      if (!(error instanceof ProcessingError)) throw error
      this.#failure = error
    }
  }

  /** Waits until there is something to do: fetched records, an answer to a commit, an event of the group, a punctuation, a commit that falls due. */
  async #idle(dueInMs: number): Promise<void> {
    let waitMs = Math.min(IDLE_WAIT_MS, dueInMs)
    const nowMs = this.#clock.now()
    for (const task of this.#tasks.values()) waitMs = Math.min(waitMs, Math.max(1, task.nextPunctuationMs - nowMs))
    void this.#fetcher.ready().then(this.#signal.raise)
    await this.#signal.wait(waitMs)
  }

  #takeChunks(): void {
    for (let taken = this.#fetcher.take(); taken !== undefined; taken = this.#fetcher.take()) {
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
    for (const queue of task.queues) full ? this.#fetcher.pause(queue) : this.#fetcher.resume(queue)
    full ? this.#paused.add(task) : this.#paused.delete(task)
  }

  #process(): number {
    const running = [...this.#tasks.values()]
    let processed = 0
    for (let i = 0; i < running.length && processed < RECORDS_PER_TURN && !this.#collector.full; i++) {
      const task = running[(this.#turn + i) % running.length]
      if (task === undefined || task.state !== 'running') continue
      const count = this.#processTask(task, RECORDS_PER_TURN - processed)
      if (count > 0) this.#bound(task)
      processed += count
    }
    // The next turn begins with another task: under load each one gets its share.
    this.#turn++
    this.#counters.recordsProcessed += processed
    return processed
  }

  #processTask(task: Task, limit: number): number {
    const refused = this.#isolation.refusedHead(task)
    if (refused !== undefined) {
      task.deadLetterHead(refused.topic, refused.error)
      this.#isolation.taken(refused)
      this.#counters.deadLetters++
      this.#report('dead-letter', refused.error.message)
      return 1
    }
    if (!this.#isolation.single) return task.process(this.#isolation.concerns(task) ? 1 : limit)
    if (this.#collector.open.records > 0 || this.#committer.inFlight > 0) return 0
    this.#isolation.passed(this.#tasks.values())
    this.#isolation.alone(task)
    return task.process(1)
  }

  #punctuate(): void {
    if (this.#collector.full) return
    const nowMs = this.#clock.now()
    for (const task of this.#tasks.values()) if (task.state === 'running') task.punctuate(nowMs)
  }

  /** Starts a commit where one is due; answers in how many milliseconds the next one will be. */
  #commitIfDue(): number {
    const { open } = this.#collector
    const nowMs = this.#clock.monotonicMs()
    if (open.taskIds.size === 0 && !this.#positionsDue(nowMs)) return IDLE_WAIT_MS
    if (!this.#committer.ready) return IDLE_WAIT_MS
    open.openedAtMs ??= nowMs
    const inputWaiting = !this.#isolation.single && this.#hasInput()
    const dueInMs = this.#pace.dueInMs({ records: open.records, openedAtMs: open.openedAtMs }, { nowMs, inputWaiting, full: this.#collector.full })
    if (dueInMs > 0) return dueInMs
    this.#commit()
    return IDLE_WAIT_MS
  }

  #hasInput(): boolean {
    for (const task of this.#tasks.values()) if (task.state === 'running' && task.hasRecords) return true
    return false
  }

  /** Adds tasks whose position moved without a record, now and then: an idle group shows lag 0. */
  #positionsDue(nowMs: number): boolean {
    if (nowMs - this.#positionsCommittedMs < POSITION_COMMIT_MS) return false
    this.#positionsCommittedMs = nowMs
    for (const task of this.#tasks.values()) if (task.state === 'running' && task.positionMoved) this.#collector.open.taskIds.add(task.id)
    return this.#collector.open.taskIds.size > 0
  }

  #commit(): void {
    const transaction = this.#collector.seal()
    for (const id of transaction.taskIds) transaction.offsets.push(...(this.#tasks.get(id)?.offsetsToCommit() ?? []))
    this.#pace.started(this.#clock.monotonicMs())
    const done = this.#committer.commit(transaction).then(
      () => this.#committed(transaction),
      (error: unknown) => {
        this.#failure ??= error
        this.#counters.transactionsFailed++
      },
    )
    this.#commits.add(done)
    void done.then(() => {
      this.#commits.delete(done)
      this.#signal.raise()
    })
    void this.#committer.sent.then(this.#signal.raise)
  }

  async #committed(transaction: Transaction): Promise<void> {
    if (this.#counters.recordsCommitted === 0 && transaction.records > 0) this.#options.onFirstCommit?.()
    this.#counters.transactionsCommitted++
    this.#counters.recordsCommitted += transaction.records
    const stores = transaction.batches.flatMap(({ store }) => store ?? [])
    this.#collector.recycle(transaction)
    const nowMs = this.#clock.now()
    for (const { store } of stores) {
      await store.caughtUp(nowMs)
      await store.housekeep(HOUSEKEEPING_BYTES)
    }
  }

  /** Ends and applies everything that was processed. Whether it succeeded stands in `#failure`. */
  async #flush(): Promise<void> {
    while (this.#failure === undefined && (this.#collector.open.taskIds.size > 0 || this.#commits.size > 0)) {
      if (this.#collector.open.taskIds.size > 0 && this.#committer.ready) this.#commit()
      await this.#signal.wait(IDLE_WAIT_MS)
    }
    await Promise.all(this.#commits)
  }

  /** Works off an assignment: what moves is committed and closed, what is new is brought up beside the running tasks. */
  async #follow(assigned: Assigned): Promise<void> {
    this.#assigned = undefined
    const wanted = new Set(assigned.tasks)
    for (const [id, starting] of this.#starting) if (!wanted.has(id)) starting.abort()
    const leaving = [...this.#tasks.values()].filter((task) => !wanted.has(task.id))
    if (leaving.length > 0) await this.#giveUp(leaving)
    const owned = new Set(this.ownedTasks())
    const fresh = assigned.tasks.filter((id) => !owned.has(id))
    if (fresh.length > 0) this.#startTasks(fresh)
    if (leaving.length > 0 || fresh.length > 0) this.#report('assigned', `tasks ${assigned.tasks.join(', ') || 'none'}${leaving.length > 0 ? `; gave up ${leaving.map((task) => task.id).join(', ')}` : ''}`)
    if (assigned.moving.length > 0) this.#membership.rejoin(`gave up ${assigned.moving.join(', ')}`)
  }

  async #giveUp(leaving: readonly Task[]): Promise<void> {
    for (const task of leaving) {
      task.state = 'suspended'
      for (const queue of task.queues) this.#fetcher.remove(queue)
    }
    await this.#flush()
    // Where the flush failed, the tasks are lost, not retried: the recovery finds them gone.
    for (const task of leaving) {
      this.#tasks.delete(task.id)
      this.#paused.delete(task)
    }
    this.#isolation.forget(leaving.map((task) => task.id))
    await closeStores(leaving)
  }

  #startTasks(ids: readonly string[]): void {
    const abort = new AbortController()
    for (const id of ids) this.#starting.set(id, abort)
    void this.#starter.start(ids, abort.signal).then(
      (started) => {
        for (const id of ids) if (this.#starting.get(id) === abort) this.#starting.delete(id)
        this.#started.push(started)
        this.#signal.raise()
      },
      (error: unknown) => this.failed(error instanceof Error ? error : new Error(String(error))),
    )
  }

  #takeStarted(): void {
    for (const { tasks, positions, restoredRecords } of this.#started.splice(0)) {
      this.#counters.recordsRestored += restoredRecords
      for (const task of tasks) {
        this.#tasks.set(task.id, task)
        this.#resume(task, positions.get(task) ?? [])
      }
      if (restoredRecords > 0) this.#report('restored', `${restoredRecords} records restored for tasks ${tasks.map((task) => task.id).join(', ')}`)
    }
  }

  #resume(task: Task, positions: readonly TaskPosition[]): void {
    task.resume(positions, this.#clock.now())
    this.#paused.delete(task)
    for (const { topic, offset } of positions) this.#fetcher.assign({ topic, partition: task.partition }, { offset, leaderEpoch: undefined })
  }

  /**
   * A commit failed, or a record could not be processed. Whatever the broker made of the transactions under way, the log says it: abort, read the committed offsets, bring every store up to a log
   * end taken after that, and only then process again.
   */
  async #recover(failure: unknown): Promise<void> {
    this.state = 'recovering'
    this.#report('recovering', failure instanceof Error ? failure.message : String(failure))
    await Promise.all(this.#commits)
    this.#remember(failure)
    this.#discardOpen()
    await Promise.all(this.#producers.map((producer) => producer.initialise()))
    this.#committer.reset()
    this.#failure = undefined
    if (this.#lost !== undefined || failure instanceof TaskMigratedError) {
      await this.#closeAll()
      if (this.#lost === undefined) this.#membership.rejoin('tasks have gone to another instance')
    } else await this.#takeUpAgain()
    this.#counters.recoveries++
    this.state = 'running'
    this.#report('recovered', `${this.#tasks.size} tasks go on`)
  }

  async #takeUpAgain(): Promise<void> {
    const tasks = [...this.#tasks.values()]
    for (const task of tasks) for (const queue of task.queues) this.#fetcher.remove(queue)
    const { positions, restoredRecords } = await this.#starter.bringUp(tasks)
    this.#counters.recordsRestored += restoredRecords
    for (const task of tasks) this.#resume(task, positions.get(task) ?? [])
  }

  /** Which records have to be taken out when they come round again. Without a dead-letter topic there is no place for them: the thread stops. */
  #remember(failure: unknown): void {
    if (!(failure instanceof ProcessingError || failure instanceof RecordRefusedError)) return
    if (this.#options.topology.topology.deadLetterTopic === undefined) {
      throw new StreamThreadFatalError(`${failure.message}; the record was not committed. Mend what refused it, or name a dead-letter topic (deadLettersTo) and it is taken out`, { cause: failure })
    }
    if (failure instanceof ProcessingError) return this.#isolation.refuse({ taskId: failure.taskId, topic: failure.topic, offset: failure.offset, error: failure })
    this.#isolation.refusedByBroker(failure, this.#tasks.values())
  }

  #discardOpen(): void {
    this.#collector.discard()
    for (const task of this.#tasks.values()) for (const store of task.stores) store.discard()
  }

  /** The group does not know this member any more: nothing it has may be committed. */
  async #closeLost(reason: Error): Promise<void> {
    this.#report('lost', reason.message)
    await Promise.all(this.#commits)
    this.#discardOpen()
    await this.#closeAll()
    await Promise.all(this.#producers.map((producer) => producer.initialise()))
    this.#committer.reset()
    this.#failure = undefined
    // A loss that came meanwhile is another one.
    if (this.#lost === reason) this.#lost = undefined
  }

  async #closeAll(): Promise<void> {
    for (const starting of this.#starting.values()) starting.abort()
    const tasks = [...this.#tasks.values(), ...this.#started.splice(0).flatMap((started) => started.tasks)]
    for (const task of tasks) for (const queue of task.queues) this.#fetcher.remove(queue)
    this.#tasks.clear()
    this.#paused.clear()
    this.#failedStores.clear()
    this.#isolation.forget(tasks.map((task) => task.id))
    await closeStores(tasks)
  }

  async #close(how: 'leave' | 'stay'): Promise<void> {
    if (this.#lost === undefined && this.#failure === undefined) await this.#flush()
    this.#discardOpen()
    await this.#closeAll()
    if (how === 'leave') await this.#membership.leave()
    else await this.#membership.close()
    await this.#fetcher.close()
    await Promise.all(this.#producers.map((producer) => producer.close()))
  }

  /** After a fatal error: nothing more is committed, everything is let go. The error that is thrown is the first one. */
  async #abandon(): Promise<void> {
    await Promise.allSettled([this.#closeAll(), this.#membership.close(), this.#fetcher.close(), ...this.#producers.map((producer) => producer.close())])
  }

  /** A store that could not take a committed batch holds less than the log: its task is closed and brought up from the changelog. */
  async #restoreFailed(): Promise<void> {
    const tasks = [...this.#tasks.values()].filter((task) => task.stores.some((store) => this.#failedStores.has(store)))
    await this.#giveUp(tasks)
    this.#failedStores.clear()
    if (tasks.length > 0) this.#startTasks(tasks.map((task) => task.id))
  }

  #storeFailed(store: ChangelogStore, error: Error): void {
    this.#failedStores.add(store)
    this.#report('store-failed', `store ${store.store.name} (${store.topic}-${store.partition}) could not take a committed batch and will be restored: ${error.message}`)
  }

  #taskOf(topic: string, partition: number): Task | undefined {
    for (const task of this.#tasks.values()) if (task.partition === partition && task.queues.some((queue) => queue.topic === topic)) return task
    return undefined
  }

  #report(kind: ThreadEvent['kind'], message: string): void {
    this.#options.report?.({ kind, message })
  }
}

function unreadable(failure: { topic: string; partition: number; reason: string; message: string }): string {
  return `input ${failure.topic}-${failure.partition} cannot be read on: ${failure.message} (${failure.reason}). Records may have been deleted before they were processed; reset the group's offset for this partition if that is meant`
}
