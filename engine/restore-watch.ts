import { changelogTopic, type ApplicationTopology } from './application-topology.ts'
import type { RestoreProgress } from './restore.ts'

/** How far the stores of a thread are that are being brought up. */
export class RestoreWatch {
  readonly #topology: ApplicationTopology
  readonly #progress = new Map<string, RestoreProgress>()

  constructor(topology: ApplicationTopology) {
    this.#topology = topology
  }

  readonly note = (progress: RestoreProgress): void => {
    this.#progress.set(`${progress.topic}-${progress.partition}`, progress)
  }

  /** Changelog offsets that a task has still to read; `undefined`: none of its stores has got anywhere yet. */
  remaining(taskId: string): number | undefined {
    const { part, partition } = this.#topology.locate(taskId)
    const found = part.stores.flatMap(({ name }) => this.#progress.get(`${changelogTopic(this.#topology.applicationId, name)}-${partition}`) ?? [])
    return found.length === 0 ? undefined : found.reduce((sum, { position, end }) => sum + Math.max(0, end - position), 0)
  }

  /** Tasks have been brought up: what was noted of theirs, and of others that begin anew, is of the past. */
  forget(): void {
    this.#progress.clear()
  }
}
