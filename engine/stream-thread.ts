import { type Clock, sleep, type Timer } from '../ports/clock.ts'
import { noFailpoint } from '../ports/failpoint.ts'
import type { Fetcher } from '../ports/kafka-client.ts'
import { asError, isRecoverable, ProcessingError, StreamThreadFatalError } from './errors.ts'
import { GenerationWatch } from './generation-watch.ts'
import { Isolation } from './isolation.ts'
import { ClassicMembership } from './membership/classic-membership.ts'
import type { Assigned, Membership, MembershipListener } from './membership/membership.ts'
import { RecordCollector } from './record-collector.ts'
import { RestoreWatch } from './restore-watch.ts'
import { Signal } from './signal.ts'
import { SourceWatch } from './source-watch.ts'
import { type StoreAnswer, StoreQueries, type StoreQuery } from './store-queries.ts'
import type { StreamThreadOptions, ThreadEvent } from './stream-thread-options.ts'
import type { Task, TaskPosition } from './task.ts'
import { TaskStarter } from './task-starter.ts'
import { type HeldMemory, newCounters, snapshotOf, type ThreadSnapshot } from './thread-statistics.ts'
import { type Failure, ThreadCommits } from './thread-commits.ts'
import { ThreadProcessing } from './thread-processing.ts'
import { ThreadProducers } from './thread-producers.ts'
import { ThreadTasks } from './thread-tasks.ts'

export type StreamThreadState = 'created' | 'starting' | 'running' | 'recovering' | 'stopping' | 'stopped' | 'failed'

const IDLE_WAIT_MS = 250
/** Between recoveries with no commit between them, doubled each time. */
const RECOVERY_PAUSE_MS = 25
const RECOVERY_PAUSE_LIMIT_MS = 2_000

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
  readonly #producers: ThreadProducers
  readonly #watch: GenerationWatch
  readonly #membership: Membership
  readonly #fetcher: Fetcher
  readonly #starter: TaskStarter
  readonly #isolation = new Isolation()
  readonly #counters = newCounters()
  readonly #tasks: ThreadTasks
  readonly #commits: ThreadCommits
  readonly #processing: ThreadProcessing
  readonly #queries: StoreQueries
  readonly #restoring: RestoreWatch
  readonly #sources: SourceWatch
  #assigned: Assigned | undefined
  #lost: Error | undefined
  #fatal: Error | undefined
  #stop: 'leave' | 'stay' | undefined
  /** Aborted when a recovery need not go on: the tasks are lost, or the thread ends. */
  #interrupt = new AbortController()
  #isCutShort = false
  /** Tasks to be given up are closed as soon as their stores are; then the group is told. */
  #rejoinReason: string | undefined
  #fetcherReady: Promise<void> | undefined
  #stopTimer: Timer | undefined

  constructor(options: StreamThreadOptions) {
    const { client, clock, topology } = options
    this.#options = options
    this.#clock = clock
    this.#signal = new Signal(clock)
    this.#collector = new RecordCollector(topology.partitionCounts, options.maxTransactionBytes)
    this.#producers = new ThreadProducers({ client, clock, name: options.name, count: options.producers, transactionTimeoutMs: options.transactionTimeoutMs })
    this.#membership = new ClassicMembership({
      client,
      groupId: topology.applicationId,
      groupInstanceId: options.name,
      sessionTimeoutMs: options.sessionTimeoutMs,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs,
      tasks: topology,
      address: options.queryAddress,
      listener: this,
    })
    this.#watch = new GenerationWatch(() => this.#membership)
    this.#sources = new SourceWatch({ client, clock, topology, failed: (error) => this.failed(error) })
    this.#fetcher = client.fetcher({ readCommitted: true })
    this.#restoring = new RestoreWatch(topology)
    this.#starter = new TaskStarter({
      client,
      clock,
      topology,
      stores: options.stores,
      collector: this.#collector,
      startAt: options.startAt,
      onRebuild: (message) => this.#report('store-rebuilt', message),
      onDamage: (message) => this.#report('store-damaged', message),
      onWaiting: (message) => this.#report('waiting', message),
      onRestore: (progress) => {
        this.#restoring.note(progress)
        options.onRestore?.(progress)
      },
    })
    this.#tasks = new ThreadTasks({ starter: this.#starter, changed: this.#signal.raise, failed: (error) => this.failed(asError(error)) })
    this.#queries = new StoreQueries({ clock, running: this.#tasks.running, holds: (id) => this.#lost === undefined && this.#watch.current?.tasks.has(id) === true })
    const shared = { collector: this.#collector, isolation: this.#isolation, clock, counters: this.#counters, running: this.#tasks.running }
    this.#commits = new ThreadCommits({
      ...shared,
      producers: this.#producers.all,
      membership: this.#watch,
      failpoint: options.failpoint ?? noFailpoint,
      pace: options.pace,
      signal: this.#signal,
      onFirstCommit: options.onFirstCommit,
      applied: () => this.#queries.changed(),
      reportFailedStore: (message) => this.#report('store-failed', message),
    })
    this.#processing = new ThreadProcessing({
      ...shared,
      fetcher: this.#fetcher,
      maxBufferedBytes: options.maxBufferedBytes,
      isCommitting: () => this.#commits.inFlight > 0,
      deadLettered: (message) => this.#report('dead-letter', message),
    })
  }

  /** Runs until `stop` or until the thread cannot go on; then it rejects and says why. */
  async run(): Promise<void> {
    this.state = 'starting'
    this.#sources.start()
    try {
      // Before the join: what a predecessor left open is aborted, so that nobody waits for its time-out.
      await this.#producers.initialise()
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
      this.#sources.stop()
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

  /** Looks a key up in the committed state of a task of this thread; with `waitMs`, waits that long for it to come. */
  query(query: StoreQuery, waitMs = 0): Promise<StoreAnswer> {
    return this.#queries.ask(query, waitMs)
  }

  snapshot(): ThreadSnapshot {
    const running = [...this.#tasks.running.values()].map(snapshotOf)
    const starting = this.#tasks.startingIds.map((id) => ({ id, state: 'restoring', positions: [], stores: [], restoreRemaining: this.#restoring.remaining(id) }))
    return { name: this.#options.name, state: this.state, ...this.#counters, recordsWritten: { ...this.#counters.recordsWritten }, tasks: [...running, ...starting] }
  }

  /** What waits in memory at this moment; nothing is counted for it in between. */
  held(): HeldMemory {
    const { open, openBytes, full } = this.#collector
    const queues = [...this.#tasks.running.values()].flatMap((task) => task.queues.map(({ topic, partition, chunkBytes }) => ({ topic, partition, chunkBytes })))
    return { queues, fetchedChunks: this.#fetcher.waiting, commitsInFlight: this.#commits.inFlight, open: { number: open.number, bytes: openBytes, isFull: full } }
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
    this.#sources.assigned()
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
    if (this.#commits.failure !== undefined) return this.#recover(this.#commits.failure)
    if (this.#tasks.hasStarted) return this.#takeStarted()
    if (this.#commits.hasFailedStore) return this.#replaceFailed()
    if (this.#assigned !== undefined) return this.#follow(this.#assigned)
    this.#tasks.startMissing()
    this.#rejoinIfDue()
    this.#processing.takeChunks()
    try {
      const processed = this.#processing.process()
      this.#processing.punctuate()
      const dueInMs = this.#commits.commitIfDue(this.#processing.hasInput)
      if (processed > 0 && !this.#collector.full) await this.#clock.turn()
      else await this.#idle(dueInMs)
    } catch (error) {
      if (!(error instanceof ProcessingError)) throw error
      this.#commits.failure = { error, transaction: undefined }
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
    this.#commits.hasFailedStore = false
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
      this.#processing.stopFetching(task)
    }
    await this.#commits.flush()
    // Where the flush failed, the tasks are lost, not retried: the recovery finds them gone.
    await this.#closeTasks(leaving)
  }

  async #closeTasks(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) {
      this.#processing.stopFetching(task)
    }
    this.#isolation.forget(tasks.map((task) => task.id))
    await this.#tasks.close(tasks)
    this.#queries.changed()
  }

  async #takeStarted(): Promise<void> {
    this.#restoring.forget()
    for (const { tasks, positions, restoredRecords } of await this.#tasks.takeStarted()) {
      this.#counters.recordsRestored += restoredRecords
      for (const task of tasks) this.#resume(task, positions.get(task) ?? [])
      if (restoredRecords > 0) this.#report('restored', `${restoredRecords} records restored for tasks ${tasks.map((task) => task.id).join(', ')}`)
    }
  }

  #resume(task: Task, positions: readonly TaskPosition[]): void {
    task.resume(positions, this.#clock.now())
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
    await this.#commits.settled()
    if (!isRecoverable(failure.error)) throw new StreamThreadFatalError(`a transaction cannot be committed, and repeating it does not help: ${message}`, { cause: failure.error })
    this.#isolation.remember(failure, { deadLetterTopic: this.#options.topology.topology.deadLetterTopic, tasks: this.#tasks.running.values() })
    this.#commits.discardOpen()
    // The first time at once; what fails again and again must not keep the brokers busy.
    if (this.#commits.recoveriesInARow > 0) await sleep(this.#clock, Math.min(RECOVERY_PAUSE_MS * 2 ** this.#commits.recoveriesInARow, RECOVERY_PAUSE_LIMIT_MS), this.#interrupt.signal)
    this.#commits.recoveriesInARow++
    await this.#producers.initialise()
    this.#commits.reset()
    await this.#takeUpAgain()
    this.#counters.recoveries++
    this.state = 'running'
    this.#report('recovered', `${this.#tasks.running.size} tasks go on`)
  }

  /** Interrupted, it leaves the tasks as they are: nothing is fetched for them, and whoever interrupted closes them. */
  async #takeUpAgain(): Promise<void> {
    for (const task of this.#tasks.running.values()) this.#processing.stopFetching(task)
    await this.#closeTasks(this.#broken())
    const brought = await this.#starter.bringUp([...this.#tasks.running.values()], this.#interrupt.signal)
    if (brought === undefined) return
    this.#counters.recordsRestored += brought.restoredRecords
    for (const task of brought.tasks) this.#resume(task, brought.positions.get(task) ?? [])
  }

  /** The group does not know this member any more: nothing it has may be committed. */
  async #closeLost(reason: Error): Promise<void> {
    this.#report('lost', reason.message)
    await this.#commits.settled()
    this.#commits.discardOpen()
    await this.#closeAll()
    await this.#producers.initialise()
    this.#commits.reset()
    // A loss that came meanwhile is another one.
    if (this.#lost !== reason) return
    this.#lost = undefined
    if (this.#stop === undefined && this.#fatal === undefined) this.#interrupt = new AbortController()
  }

  async #closeAll(): Promise<void> {
    const tasks = [...this.#tasks.running.values()]
    for (const task of tasks) this.#processing.stopFetching(task)
    this.#isolation.forget(tasks.map((task) => task.id))
    await this.#tasks.closeAll()
    this.#queries.changed()
  }

  async #close(how: 'leave' | 'stay'): Promise<void> {
    this.state = 'stopping'
    if (this.#lost === undefined && this.#fatal === undefined) await this.#commits.flush()
    await this.#commits.settled()
    this.#commits.discardOpen()
    await this.#closeAll()
    // What could not be committed is aborted, so that whoever takes over does not wait for its time-out. Where that fails too, the time-out does it.
    if (this.#lost !== undefined || this.#commits.failure !== undefined) await this.#producers.initialise().catch(() => {})
    if (how === 'leave') await this.#membership.leave()
    else await this.#membership.close()
    await this.#fetcher.close()
    await this.#producers.close()
  }

  /** After a fatal error: nothing more is committed, everything is let go. The error that is thrown is the first one. */
  async #abandon(error: Error): Promise<void> {
    this.#watch.lost(error)
    this.#interrupt.abort()
    await Promise.allSettled([this.#membership.close(), this.#fetcher.close(), this.#producers.close()])
    // They reject now, unless they are being applied: stores are closed behind that.
    await this.#commits.settled()
    // A store that cannot be closed must not hide why the thread ends.
    await this.#closeAll().catch(() => {})
  }

  /** The brokers do not answer: whatever waits for them is told to stop waiting. */
  #cutShort(): void {
    this.#isCutShort = true
    this.#watch.lost(new Error('the thread was stopped and the brokers did not answer in time'))
    void this.#producers.close()
  }

  #report(kind: ThreadEvent['kind'], message: string): void {
    this.#options.report?.({ kind, message })
  }
}
