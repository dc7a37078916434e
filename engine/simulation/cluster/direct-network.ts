import type { ClusterNetwork } from './simulated-broker.ts'

/** Requests arrive in the order of the calls and take no time; those of one lane to one node are worked off one after the other, as on a connection. */
export class DirectNetwork implements ClusterNetwork {
  readonly #lanes = new Map<string, Promise<unknown>>()

  call<T>({ node, lane }: { node: number; lane: string }, handle: () => Promise<T>): Promise<T> {
    if (HELD_LANES.includes(lane)) return handle()
    const name = `${node} ${lane}`
    const answer = (this.#lanes.get(name) ?? Promise.resolve()).then(handle)
    // Its caller learns of a failure; the next one of the lane goes on.
    this.#lanes.set(
      name,
      answer.catch(() => {}),
    )
    return answer
  }
}

/** The broker may hold what travels on these: each request is on a connection of its own. */
const HELD_LANES = ['fetch', 'join']
