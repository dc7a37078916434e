import type { Task } from './task.ts'
import { closeStores, type StartedTasks, type TaskStarter } from './task-starter.ts'

/** Tasks that are being started together: they share the look-up of offsets and the fetcher that restores them. */
interface Start {
  readonly ids: readonly string[]
  readonly abort: AbortController
  readonly ended: Promise<void>
}

export interface ThreadTasksOptions {
  readonly starter: TaskStarter
  /** Started tasks can be taken, or a start that was given up has let go of its stores. */
  readonly changed: () => void
  /** Tasks could not be started. */
  readonly failed: (error: unknown) => void
}

/**
 * The tasks of a stream thread, from wanted to closed. A store is opened by one start at a time: a task that is wanted again while its aborted start is still closing its stores
 * is started when that has ended.
 *
 * ```
 * wanted -> starting -> started -> running -> closed
 *               |          |                     ^
 *               +----------+---------------------+   (no longer wanted)
 * ```
 */
export class ThreadTasks {
  /** In the order in which they were taken. */
  readonly running = new Map<string, Task>()
  readonly #options: ThreadTasksOptions
  readonly #starts = new Set<Start>()
  #started: StartedTasks[] = []
  #wanted: ReadonlySet<string> = new Set()
  /** Something has changed since `startMissing` looked last. */
  #isUnsettled = false

  constructor(options: ThreadTasksOptions) {
    this.#options = options
  }

  /** Every task whose stores are open, or may be. */
  get ids(): readonly string[] {
    return [...this.running.keys(), ...this.#started.flatMap(({ tasks }) => tasks.map((task) => task.id)), ...this.startingIds]
  }

  get startingIds(): readonly string[] {
    return [...this.#starts].flatMap((start) => start.ids)
  }

  /** Whether starts that were aborted have not let go of their stores yet. */
  get isLettingGo(): boolean {
    for (const { abort } of this.#starts) if (abort.signal.aborted) return true
    return false
  }

  get hasStarted(): boolean {
    return this.#started.length > 0
  }

  /** Tasks that run and are not wanted any more: their owner ends what they have under way and then closes them. */
  get leaving(): readonly Task[] {
    return [...this.running.values()].filter((task) => !this.#wanted.has(task.id))
  }

  /** What this thread is to run from now on. Answers the tasks among them that have to be started; `startMissing` does it. */
  want(ids: readonly string[]): readonly string[] {
    this.#wanted = new Set(ids)
    this.#isUnsettled = true
    for (const start of this.#starts) if (start.ids.some((id) => !this.#wanted.has(id))) start.abort.abort()
    const known = new Set(this.ids)
    return ids.filter((id) => !known.has(id))
  }

  /** Starts what is wanted and has no open store. */
  startMissing(): void {
    if (!this.#isUnsettled) return
    this.#isUnsettled = false
    const known = new Set(this.ids)
    const ids = [...this.#wanted].filter((id) => !known.has(id))
    if (ids.length > 0) this.#start(ids)
  }

  /** Tasks that have been started since the last call and are still wanted; the others are closed. They count as running from now on. */
  async takeStarted(): Promise<StartedTasks[]> {
    const started = this.#started.splice(0)
    const unwanted: Task[] = []
    for (const { tasks } of started) {
      for (const task of tasks) {
        if (this.#wanted.has(task.id)) this.running.set(task.id, task)
        else unwanted.push(task)
      }
    }
    if (unwanted.length > 0) await closeStores(unwanted)
    return started.map((one) => ({ ...one, tasks: one.tasks.filter((task) => !unwanted.includes(task)) })).filter(({ tasks }) => tasks.length > 0)
  }

  async close(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) this.running.delete(task.id)
    await closeStores(tasks)
    this.#isUnsettled = true
  }

  /** Nothing is wanted any more. Resolves when every store is closed. */
  async closeAll(): Promise<void> {
    this.#wanted = new Set()
    for (const { abort } of this.#starts) abort.abort()
    const tasks = [...this.running.values(), ...this.#started.splice(0).flatMap((started) => started.tasks)]
    this.running.clear()
    const [closed] = await Promise.allSettled([closeStores(tasks), ...[...this.#starts].map(({ ended }) => ended)])
    if (closed.status === 'rejected') throw closed.reason
  }

  #start(ids: readonly string[]): void {
    const abort = new AbortController()
    const ended = this.#bringUp(ids, abort.signal)
      .finally(() => {
        this.#starts.delete(start)
        this.#isUnsettled = true
      })
      .then(this.#options.changed, this.#options.failed)
    const start: Start = { ids, abort, ended }
    this.#starts.add(start)
  }

  async #bringUp(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const started = await this.#options.starter.start(ids, signal)
    if (started === undefined) return
    // Aborted in the moment in which it was done.
    if (signal.aborted) await closeStores(started.tasks)
    else this.#started.push(started)
  }
}
