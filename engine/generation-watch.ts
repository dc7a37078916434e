import type { GroupGeneration } from '../ports/broker.ts'
import type { CommitMembership } from './commit.ts'
import { TaskMigratedError } from './errors.ts'
import type { Assigned, Membership } from './membership/membership.ts'

interface Waiter {
  readonly than: GroupGeneration
  readonly resolve: (kept: ReadonlySet<string>) => void
  readonly reject: (error: Error) => void
}

/**
 * What commits ask of the group: the generation of now, and where it moved, what came of it. It is told of assignments when they arrive, not when the loop
 * works them off: the loop may be waiting for the very commit that waits here.
 */
export class GenerationWatch implements CommitMembership {
  readonly #membership: () => Membership
  #latest: Assigned | undefined
  #waiters: Waiter[] = []

  constructor(membership: () => Membership) {
    this.#membership = membership
  }

  get generation(): GroupGeneration | undefined {
    return this.#membership().generation
  }

  newerGeneration(than: GroupGeneration): Promise<ReadonlySet<string>> {
    if (this.#latest !== undefined && isNewer(this.#latest.generation, than)) return Promise.resolve(kept(this.#latest))
    return new Promise((resolve, reject) => this.#waiters.push({ than, resolve, reject }))
  }

  assigned(assigned: Assigned): void {
    this.#latest = assigned
    const waiting = this.#waiters
    this.#waiters = []
    for (const waiter of waiting) {
      if (isNewer(assigned.generation, waiter.than)) waiter.resolve(kept(assigned))
      else this.#waiters.push(waiter)
    }
  }

  lost(reason: Error): void {
    this.#latest = undefined
    const waiting = this.#waiters
    this.#waiters = []
    for (const waiter of waiting) waiter.reject(new TaskMigratedError(`the membership was lost: ${reason.message}`, { cause: reason }))
  }
}

function isNewer(generation: GroupGeneration, than: GroupGeneration): boolean {
  return generation.memberId === than.memberId && generation.generationId > than.generationId
}

/** Tasks that are to move belong to this member until it joins without them. */
function kept(assigned: Assigned): ReadonlySet<string> {
  return new Set([...assigned.tasks, ...assigned.moving])
}
