import { nameOf } from './group-members.ts'
import type { GroupLook } from './group-watch.ts'

/** Who had what, from this moment on. */
export interface Rebalance {
  readonly atMs: number
  readonly group: string
  readonly generation: number | undefined
  /** Member to its tasks, or partitions. */
  readonly owners: Readonly<Record<string, readonly string[]>>
}

const KEPT = 100

/** The assignments of groups as they changed, as far as this gateway has seen them; the newest first. */
export class Rebalances {
  /** Told of each change. */
  onChange: (rebalance: Rebalance) => void = () => {}
  #timeline: readonly Rebalance[] = []
  readonly #last = new Map<string, string>()

  get timeline(): readonly Rebalance[] {
    return this.#timeline
  }

  /** While a group rebalances it shows no assignments: that is no change. */
  see(atMs: number, { group, state, members }: GroupLook): void {
    if (state !== 'Stable' && state !== 'Empty' && state !== 'Dead') return
    const owners = Object.fromEntries(members.map((member): [string, string[]] => [nameOf(member), ownedBy(member)]).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    const text = JSON.stringify(owners)
    const last = this.#last.get(group)
    this.#last.set(group, text)
    // Nobody is there, and nobody was.
    if (last === text || (last === undefined && members.length === 0)) return
    const generation = members.find((member) => member.generation !== undefined)?.generation
    const rebalance: Rebalance = { atMs, group, generation, owners }
    this.#timeline = [rebalance, ...this.#timeline].slice(0, KEPT)
    this.onChange(rebalance)
  }
}

function ownedBy({ tasks, partitions }: GroupLook['members'][number]): string[] {
  return tasks.length > 0 ? [...tasks] : partitions.map(({ topic, partition }) => `${topic}-${partition}`)
}
