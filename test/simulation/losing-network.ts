import { DirectNetwork } from '../../engine/simulation/cluster/direct-network.ts'
import type { ClusterNetwork } from '../../engine/simulation/cluster/simulated-broker.ts'
import { ConnectionLostError } from '../../ports/broker.ts'
import type { Random } from '../../ports/random.ts'
import { seeded } from './model-run.ts'

export type Loss = 'request' | 'answer' | 'late'

/** A network that a test tells what to lose. */
export class LosingNetwork implements ClusterNetwork {
  readonly #direct = new DirectNetwork()
  readonly #losses: { api: string; what: Loss }[] = []
  #late: (() => Promise<unknown>)[] = []
  /** Nothing gets through while set, as for a process that is cut off. */
  isCut = false
  /** Every request that was sent, by name. */
  readonly sent: string[] = []
  /** Of requests, and of answers, to be lost by chance. */
  lossRate = 0
  readonly #random: Random

  constructor(random: Random = seeded(1)) {
    this.#random = random
  }

  /** The next request of this kind, or its answer, gets lost; `late`: for its client, while it is on its way until it may `arrive`. */
  loseNext(api: string, what: Loss): void {
    this.#losses.push({ api, what })
  }

  /** What was late arrives now. Resolves with the answers, which the client does not hear. */
  async arrive(): Promise<unknown[]> {
    return await Promise.all(this.#late.splice(0).map((handle) => handle()))
  }

  async call<T>(request: { node: number; api: string; lane: string }, handle: () => Promise<T>): Promise<T> {
    this.sent.push(request.api)
    const at = this.#losses.findIndex(({ api }) => api === request.api)
    const loss = at < 0 ? this.#byChance() : this.#losses.splice(at, 1)[0]?.what
    if (loss === 'late') this.#late.push(() => this.#direct.call(request, handle))
    if (this.isCut || loss === 'request' || loss === 'late') throw new ConnectionLostError(`the test lost a ${request.api}`)
    const answer = await this.#direct.call(request, handle)
    if (this.isCut || loss) throw new ConnectionLostError(`the test lost the answer to a ${request.api}`)
    return answer
  }

  #byChance(): Loss | undefined {
    const draw = this.#random.next()
    if (draw < this.lossRate) return 'request'
    return draw < 2 * this.lossRate ? 'answer' : undefined
  }
}
