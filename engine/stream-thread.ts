import { ConnectionLostError } from '../ports/broker.ts'
import { type Clock, sleep, type Timer } from '../ports/clock.ts'
import { type Failpoint, noFailpoint } from '../ports/failpoint.ts'
import type { Fetcher, KafkaClient, TransactionalProducer } from '../ports/kafka-client.ts'
import { KafkaError, RecordRefusedError } from '../ports/kafka-error.ts'
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
import { TaskStarter } from './task-starter.ts'
import { newCounters, type ThreadSnapshot } from './thread-statistics.ts'
import { ThreadTasks } from './thread-tasks.ts'
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
  readonly kind: 'assigned' | 'lost' | 'recovering' | 'recovered' | 'restored' | 'store-failed' | 'store-rebuilt' | 'dead-letter'
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
/** Between recoveries with no commit between them, doubled each time. */
const RECOVERY_PAUSE_MS = 25
const RECOVERY_PAUSE_LIMIT_MS = 2_000

/** Why the thread has to recover; with the transaction that failed, if it was one. */
interface Failure {
  readonly error: unknown
  readonly transaction: Transaction | undefined
}

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
  readonly #tasks: ThreadTasks
  readonly #paused = new Set<Task>()
  readonly #commits = new Set<Promise<void>>()
  #assigned: Assigned | undefined
  #lost: Error | undefined
  #failure: Failure | undefined
  #fatal: Error | undefined
  #stop: 'leave' | 'stay' | undefined
  /** Aborted when a recovery need not go on: the tasks are lost, or the thread ends. */
  #interrupt = new AbortController()
  #isCutShort = false
  #hasFailedStore = false
  /** Tasks to be given up are closed as soon as their stores are; then the group is told. */
  #rejoinReason: string | undefined
  #recoveriesInARow = 0
  #fetcherReady: Promise<void> | undefined
  #turn = 0
  #positionsLookedAtMs = 0
  #stopTimer: Timer | undefined

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
    this.#starter = new TaskStarter({
      client,
      clock,
      topology,
      stores: options.stores,
      collector: this.#collector,
      startAt: options.startAt,
      onRebuild: (message) => this.#report('store-rebuilt', message),
      ...(options.onRestore && { onRestore: options.onRestore }),
    })
    this.#tasks = new ThreadTasks({ starter: this.#starter, changed: this.#signal.raise, failed: (error) => this.failed(asError(error)) })
  }

  /** Runs until `stop` or until the thread cannot go on; then it rejects and says why. */
  async run(): Promise<void> {
    this.state = 'starting'
    try {
      // Before the join: what a predecessor left open is aborted, so that nobody waits for its time-out.
      await this.#initialiseProducers()
      this.#membership.start()
      this.state = 'running'
      while (this.#stop === undefined) await this.#iterate()
      await this.#close(this.#stop)
      this.state = 'stopped'
    } catch (error) {
      await this.#abandon(asError(error))
      this.state = this.#isCutShort ? 'stopped' : 'failed'
      if (!this.#isCutShort) throw error
    } finally {
      this.#stopTimer?.cancel()
    }
  }

  /**
   * Commits what was processed and ends. `leave`: others take over at once; `stay`: the member keeps its place for its session time-out. Where the brokers do not answer within the transaction time-out, it ends
   * without a commit: what was not committed is processed again by whoever takes the tasks.
   */
  stop(how: 'leave' | 'stay'): void {
    if (this.#stop !== undefined) return
    this.#stop = how
    this.#interrupt.abort()
    this.#stopTimer = this.#clock.after(this.#options.transactionTimeoutMs, () => this.#cutShort())
    this.#signal.raise()
  }

  snapshot(): ThreadSnapshot {
    const running = [...this.#tasks.running.values()].map((task) => ({
      id: task.id,
      state: task.state,
      positions: task.queues.map(({ topic, partition, position, lag }) => ({ topic, partition, position, lag })),
      stores: task.stores.map(({ store }) => ({ name: store.name, keys: store.size, position: store.position })),
    }))
    const starting = this.#tasks.startingIds.map((id) => ({ id, state: 'restoring', positions: [], stores: [] }))
    return { name: this.#options.name, state: this.state, ...this.#counters, tasks: [...running, ...starting] }
  }

  /** What the next join claims. Never what the group has taken away, though it may not be closed yet: a wrong claim takes the task from the one who has it. */
  ownedTasks(): readonly string[] {
    if (this.#lost !== undefined) return []
    const ours = this.#watch.current?.tasks
    return ours === undefined ? [] : this.#tasks.ids.filter((id) => ours.has(id))
  }

  assigned(assigned: Assigned): void {
    this.#assigned = assigned
    this.#watch.assigned(assigned)
    this.#signal.raise()
  }

  lost(reason: Error): void {
    this.#lost = reason
    this.#assigned = undefined
    this.#rejoinReason = undefined
    this.#watch.lost(reason)
    this.#interrupt.abort()
    this.#signal.raise()
  }

  failed(error: Error): void {
    this.#fatal ??= error
    this.#watch.lost(error)
    this.#interrupt.abort()
    this.#signal.raise()
  }

  async #iterate(): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal
    if (this.#lost !== undefined) return this.#closeLost(this.#lost)
    if (this.#failure !== undefined) return this.#recover(this.#failure)
    if (this.#tasks.hasStarted) return this.#takeStarted()
    if (this.#hasFailedStore) return this.#replaceFailed()
    if (this.#assigned !== undefined) return this.#follow(this.#assigned)
    this.#tasks.startMissing()
    this.#rejoinIfDue()
    this.#takeChunks()
    try {
      const processed = this.#process()
      this.#punctuate()
      const dueInMs = this.#commitIfDue()
      if (processed > 0 && !this.#collector.full) await this.#clock.turn()
      else await this.#idle(dueInMs)
    } catch (error) {
      if (!(error instanceof ProcessingError)) throw error
      this.#failure = { error, transaction: undefined }
    }
  }

  /** Waits until there is something to do: fetched records, an answer to a commit, an event of the group, a punctuation, a commit that falls due. */
  async #idle(dueInMs: number): Promise<void> {
    let waitMs = Math.min(IDLE_WAIT_MS, dueInMs)
    const nowMs = this.#clock.now()
    // A full transaction holds punctuations up, too: its commit wakes this.
    if (!this.#collector.full) for (const task of this.#tasks.running.values()) waitMs = Math.min(waitMs, Math.max(1, task.nextPunctuationMs - nowMs))
    // One at a time: a topic may be silent for days, and each `then` stays with the promise until then.
    this.#fetcherReady ??= this.#fetcher.ready().then(() => {
      this.#fetcherReady = undefined
      this.#signal.raise()
    })
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
    const running = [...this.#tasks.running.values()]
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
    if (refused === undefined && !this.#isolation.single) return this.#collector.open.alone === undefined ? task.process(this.#isolation.concerns(task) ? 1 : limit) : 0
    if (this.#collector.open.taskIds.size > 0 || this.#committer.inFlight > 0) return 0
    this.#isolation.passed(this.#tasks.running.values())
    const { head } = task
    if (head === undefined) return 0
    // A dead letter too is alone in its transaction, so that it is known whom the broker refuses.
    this.#collector.open.alone = { ...head, deadLetter: refused?.form ?? 'no' }
    if (refused === undefined) return task.process(1)
    task.deadLetterHead(refused.error, refused.form)
    this.#isolation.taken(refused)
    this.#counters.deadLetters++
    this.#report('dead-letter', refused.error.message)
    return 1
  }

  #punctuate(): void {
    const nowMs = this.#clock.now()
    for (const task of this.#tasks.running.values()) {
      if (this.#collector.full || this.#collector.open.alone !== undefined) return
      if (task.state === 'running') task.punctuate(nowMs)
    }
  }

  /** Starts a commit where one is due; answers in how many milliseconds the next one will be. */
  #commitIfDue(): number {
    const { open } = this.#collector
    const nowMs = this.#clock.monotonicMs()
    this.#addMovedPositions(nowMs)
    if (open.taskIds.size === 0 || !this.#committer.ready) return IDLE_WAIT_MS
    open.openedAtMs ??= nowMs
    const inputWaiting = !this.#isolation.single && open.alone === undefined && this.#hasInput()
    const dueInMs = this.#pace.dueInMs({ records: open.records, openedAtMs: open.openedAtMs }, { nowMs, inputWaiting, full: this.#collector.full })
    if (dueInMs > 0) return dueInMs
    this.#commit()
    return IDLE_WAIT_MS
  }

  #hasInput(): boolean {
    for (const task of this.#tasks.running.values()) if (task.state === 'running' && task.hasRecords) return true
    return false
  }

  /** Adds tasks whose position moved without a record, now and then: an idle partition shows lag 0, whatever the others do. */
  #addMovedPositions(nowMs: number): void {
    if (nowMs - this.#positionsLookedAtMs < POSITION_COMMIT_MS) return
    this.#positionsLookedAtMs = nowMs
    for (const task of this.#tasks.running.values()) if (task.state === 'running' && task.positionMoved) this.#collector.open.taskIds.add(task.id)
  }

  #commit(): void {
    const transaction = this.#collector.seal()
    for (const id of transaction.taskIds) transaction.offsets.push(...(this.#tasks.running.get(id)?.offsetsToCommit() ?? []))
    this.#pace.started(this.#clock.monotonicMs())
    const done = this.#committer.commit(transaction).then(
      () => this.#committed(transaction),
      (error: unknown) => {
        this.#failure ??= { error, transaction }
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
    this.#recoveriesInARow = 0
    const stores = new Set(transaction.batches.flatMap(({ store }) => store ?? []))
    this.#collector.recycle(transaction)
    const nowMs = this.#clock.now()
    for (const store of stores) {
      if (store.failed) continue
      try {
        await store.store.caughtUp(nowMs)
        await store.store.housekeep(HOUSEKEEPING_BYTES)
      } catch (error) {
        this.#storeFailed(store, asError(error))
      }
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
    const fresh = this.#tasks.want(assigned.tasks)
    const { leaving } = this.#tasks
    // The group is told when everything that moves is closed, aborted starts included.
    this.#rejoinReason = assigned.moving.length > 0 ? `gave up ${assigned.moving.join(', ')}` : undefined
    if (leaving.length > 0) await this.#giveUp(leaving)
    if (leaving.length > 0 || fresh.length > 0) this.#report('assigned', `tasks ${assigned.tasks.join(', ') || 'none'}${leaving.length > 0 ? `; gave up ${leaving.map((task) => task.id).join(', ')}` : ''}`)
  }

  #rejoinIfDue(): void {
    if (this.#rejoinReason === undefined || this.#tasks.isLettingGo) return
    this.#membership.rejoin(this.#rejoinReason)
    this.#rejoinReason = undefined
  }

  /** A store that could not take a committed batch holds less than the log: its task is closed, started again and so brought up from the changelog. */
  async #replaceFailed(): Promise<void> {
    this.#hasFailedStore = false
    const broken = this.#broken()
    if (broken.length > 0) await this.#giveUp(broken)
  }

  #broken(): Task[] {
    return [...this.#tasks.running.values()].filter((task) => task.stores.some((store) => store.failed))
  }

  /** Commits what was processed and closes these tasks. */
  async #giveUp(leaving: readonly Task[]): Promise<void> {
    for (const task of leaving) {
      task.state = 'suspended'
      for (const queue of task.queues) this.#fetcher.remove(queue)
    }
    await this.#flush()
    // Where the flush failed, the tasks are lost, not retried: the recovery finds them gone.
    await this.#closeTasks(leaving)
  }

  async #closeTasks(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) {
      for (const queue of task.queues) this.#fetcher.remove(queue)
      this.#paused.delete(task)
    }
    this.#isolation.forget(tasks.map((task) => task.id))
    await this.#tasks.close(tasks)
  }

  async #takeStarted(): Promise<void> {
    for (const { tasks, positions, restoredRecords } of await this.#tasks.takeStarted()) {
      this.#counters.recordsRestored += restoredRecords
      for (const task of tasks) this.#resume(task, positions.get(task) ?? [])
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
  async #recover(failure: Failure): Promise<void> {
    this.state = 'recovering'
    const { message } = asError(failure.error)
    this.#report('recovering', message)
    await Promise.all(this.#commits)
    if (!isRecoverable(failure.error)) throw new StreamThreadFatalError(`a transaction cannot be committed, and repeating it does not help: ${message}`, { cause: failure.error })
    this.#remember(failure)
    this.#discardOpen()
    // The first time at once; what fails again and again must not keep the brokers busy.
    if (this.#recoveriesInARow > 0) await sleep(this.#clock, Math.min(RECOVERY_PAUSE_MS * 2 ** this.#recoveriesInARow, RECOVERY_PAUSE_LIMIT_MS), this.#interrupt.signal)
    this.#recoveriesInARow++
    await this.#initialiseProducers()
    this.#committer.reset()
    this.#failure = undefined
    await this.#takeUpAgain()
    this.#counters.recoveries++
    this.state = 'running'
    this.#report('recovered', `${this.#tasks.running.size} tasks go on`)
  }

  /** Interrupted, it leaves the tasks as they are: nothing is fetched for them, and whoever interrupted closes them. */
  async #takeUpAgain(): Promise<void> {
    for (const task of this.#tasks.running.values()) for (const queue of task.queues) this.#fetcher.remove(queue)
    await this.#closeTasks(this.#broken())
    const brought = await this.#starter.bringUp([...this.#tasks.running.values()], this.#interrupt.signal)
    if (brought === undefined) return
    this.#counters.recordsRestored += brought.restoredRecords
    for (const task of brought.tasks) this.#resume(task, brought.positions.get(task) ?? [])
  }

  /** Which records have to be taken out when they come round again. Without a dead-letter topic there is no place for them: the thread stops. */
  #remember({ error, transaction }: Failure): void {
    if (!(error instanceof ProcessingError || error instanceof RecordRefusedError)) return
    if (this.#options.topology.topology.deadLetterTopic === undefined) {
      throw new StreamThreadFatalError(`${error.message}; the record was not committed. Mend what refused it, or name a dead-letter topic (deadLettersTo) and it is taken out`, { cause: error })
    }
    if (error instanceof ProcessingError) this.#isolation.refuse({ taskId: error.taskId, topic: error.topic, offset: error.offset }, error)
    else if (transaction !== undefined) this.#isolation.refusedByBroker(error, transaction, this.#tasks.running.values())
  }

  #discardOpen(): void {
    this.#collector.discard()
    for (const task of this.#tasks.running.values()) for (const store of task.stores) store.discard()
  }

  /** The group does not know this member any more: nothing it has may be committed. */
  async #closeLost(reason: Error): Promise<void> {
    this.#report('lost', reason.message)
    await Promise.all(this.#commits)
    this.#discardOpen()
    await this.#closeAll()
    await this.#initialiseProducers()
    this.#committer.reset()
    this.#failure = undefined
    // A loss that came meanwhile is another one.
    if (this.#lost !== reason) return
    this.#lost = undefined
    if (this.#stop === undefined && this.#fatal === undefined) this.#interrupt = new AbortController()
  }

  async #closeAll(): Promise<void> {
    const tasks = [...this.#tasks.running.values()]
    for (const task of tasks) for (const queue of task.queues) this.#fetcher.remove(queue)
    this.#paused.clear()
    this.#isolation.forget(tasks.map((task) => task.id))
    await this.#tasks.closeAll()
  }

  async #close(how: 'leave' | 'stay'): Promise<void> {
    this.state = 'stopping'
    if (this.#lost === undefined && this.#fatal === undefined) await this.#flush()
    await Promise.all(this.#commits)
    this.#discardOpen()
    await this.#closeAll()
    // What could not be committed is aborted, so that whoever takes over does not wait for its time-out.
    if (this.#lost !== undefined || this.#failure !== undefined) await this.#initialiseProducers().catch(() => {})
    if (how === 'leave') await this.#membership.leave()
    else await this.#membership.close()
    await this.#fetcher.close()
    await this.#closeProducers()
  }

  /** After a fatal error: nothing more is committed, everything is let go. The error that is thrown is the first one. */
  async #abandon(error: Error): Promise<void> {
    this.#watch.lost(error)
    this.#interrupt.abort()
    await Promise.allSettled([this.#membership.close(), this.#fetcher.close(), this.#closeProducers()])
    // They reject now, unless they are being applied: stores are closed behind that.
    await Promise.allSettled(this.#commits)
    await this.#closeAll().catch(() => {})
  }

  /** The brokers do not answer: whatever waits for them is told to stop waiting. */
  #cutShort(): void {
    this.#isCutShort = true
    this.#watch.lost(new Error('the thread was stopped and the brokers did not answer in time'))
    void this.#closeProducers()
  }

  /** A producer that somebody fences while it is initialised is initialised again: a twin is told apart by the group, which throws one of them out. */
  async #initialiseProducers(): Promise<void> {
    for (;;) {
      try {
        await Promise.all(this.#producers.map((producer) => producer.initialise()))
        return
      } catch (error) {
        if (!isRecoverable(error) || this.#isCutShort || this.#fatal !== undefined) throw error
        await sleep(this.#clock, RECOVERY_PAUSE_LIMIT_MS)
      }
    }
  }

  async #closeProducers(): Promise<void> {
    await Promise.all(this.#producers.map((producer) => producer.close()))
  }

  #storeFailed(store: ChangelogStore, error: Error): void {
    if (store.failed) return
    store.failed = true
    this.#hasFailedStore = true
    this.#report('store-failed', `store ${store.store.name} (${store.topic}-${store.partition}) could not take a committed batch and will be restored: ${error.message}`)
  }

  #taskOf(topic: string, partition: number): Task | undefined {
    for (const task of this.#tasks.running.values()) if (task.partition === partition && task.queues.some((queue) => queue.topic === topic)) return task
    return undefined
  }

  #report(kind: ThreadEvent['kind'], message: string): void {
    this.#options.report?.({ kind, message })
  }
}

/** What is repeated after an abort. Everything else is a setting, a permission or a defect: repeating it would go on for ever. */
function isRecoverable(error: unknown): boolean {
  if (error instanceof KafkaError) return error.scope !== 'fatal'
  return error instanceof ProcessingError || error instanceof TaskMigratedError || error instanceof ConnectionLostError
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function unreadable(failure: { topic: string; partition: number; reason: string; message: string }): string {
  return `input ${failure.topic}-${failure.partition} cannot be read on: ${failure.message} (${failure.reason}). Records may have been deleted before they were processed; reset the group's offset for this partition if that is meant`
}
