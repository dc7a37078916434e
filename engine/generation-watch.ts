import type { GroupGeneration } from '../ports/broker.ts'
import type { CommitMembership, CurrentGeneration } from './commit.ts'
import { TaskMigratedError } from './errors.ts'
import type { Assigned, Membership } from './membership/membership.ts'

interface Waiter {
  readonly than: GroupGeneration
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * What commits ask of the group: the generation of now with the tasks that are ours in it, and where it moved, what came of it. It is told of assignments when they arrive, not
 * when the loop works them off: the loop may be waiting for the very commit that waits here.
 */
export class GenerationWatch implements CommitMembership {
  readonly #membership: () => Membership
  #latest: (CurrentGeneration & { readonly since: GroupGeneration }) | undefined
  #loss = new TaskMigratedError('the thread is no member of the group yet')
  #waiters: Waiter[] = []
  #losses = 0

  constructor(membership: () => Membership) {
    this.#membership = membership
  }

  get current(): CurrentGeneration | undefined {
    return this.#membership().generation === undefined ? undefined : this.#latest
  }

  get losses(): number {
    return this.#losses
  }

  /**
   * Of a generation from before a loss there is no newer one: what was claimed then is void, and a task that comes back may have been run by another one meanwhile. It may be asked for only
   * now, since the answer that says so can be later than the loss.
   */
  newerGeneration(than: GroupGeneration): Promise<void> {
    const latest = this.#latest
    if (latest === undefined || !isSame(latest.since, than)) return Promise.reject(this.#loss)
    if (latest.generation.generationId > than.generationId) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiters.push({ than, resolve, reject }))
  }

  assigned({ tasks, moving, generation }: Assigned): void {
    // Tasks that are to move belong to this member until it joins without them.
    this.#latest = { generation, tasks: new Set([...tasks, ...moving]), since: this.#latest?.since ?? generation }
    const waiting = this.#waiters
    this.#waiters = []
    for (const waiter of waiting) {
      if (generation.generationId > waiter.than.generationId) waiter.resolve()
      else this.#waiters.push(waiter)
    }
  }

  lost(reason: Error): void {
    this.#losses++
    this.#latest = undefined
    this.#loss = new TaskMigratedError(`the membership was lost: ${reason.message}`, { cause: reason })
    const waiting = this.#waiters
    this.#waiters = []
    for (const waiter of waiting) waiter.reject(this.#loss)
  }
}

/** Whether `generation` is of the membership that began with `since`. */
function isSame(since: GroupGeneration, generation: GroupGeneration): boolean {
  return since.memberId === generation.memberId && generation.generationId >= since.generationId
}
