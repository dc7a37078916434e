import { ConnectionLostError } from '../../../ports/broker.ts'

interface NodeState {
  isUp: boolean
  /** How to end the requests that the node is working off. */
  readonly requests: Set<(error: Error) => void>
}

/** The brokers of a cluster as processes: up or down. */
export class ClusterNodes {
  readonly ids: readonly number[]
  readonly #nodes = new Map<number, NodeState>()

  constructor(count: number) {
    this.ids = Array.from({ length: count }, (_, i) => i + 1)
    for (const id of this.ids) this.#nodes.set(id, { isUp: true, requests: new Set() })
  }

  isUp(node: number): boolean {
    return this.#nodes.get(node)?.isUp ?? false
  }

  get up(): readonly number[] {
    return this.ids.filter((id) => this.isUp(id))
  }

  /** Works off a request at a node. It ends with the node; what the node has done by then is done. */
  serve<T>(node: number, work: () => T | Promise<T>): Promise<T> {
    const state = this.#nodes.get(node)
    if (!state?.isUp) return Promise.reject(new ConnectionLostError(`node ${node} is down`))
    return new Promise<T>((resolve, reject) => {
      // What throws here rejects.
      const answer = work()
      if (!(answer instanceof Promise)) return resolve(answer)
      state.requests.add(reject)
      answer.then(
        (found) => {
          state.requests.delete(reject)
          resolve(found)
        },
        (error: unknown) => {
          state.requests.delete(reject)
          reject(error)
        },
      )
    })
  }

  stop(node: number): void {
    const state = this.#nodes.get(node)
    if (!state) throw new RangeError(`there is no node ${node}: they are ${this.ids.join(', ')}`)
    state.isUp = false
    const requests = [...state.requests]
    state.requests.clear()
    for (const reject of requests) reject(new ConnectionLostError(`node ${node} has stopped`))
  }

  start(node: number): void {
    const state = this.#nodes.get(node)
    if (state) state.isUp = true
  }
}
