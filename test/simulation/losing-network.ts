import { DirectNetwork } from '../../engine/simulation/cluster/direct-network.ts'
import type { ClusterNetwork } from '../../engine/simulation/cluster/simulated-broker.ts'
import { ConnectionLostError } from '../../ports/broker.ts'
import type { Random } from '../../ports/random.ts'
import { seeded } from './model-run.ts'

/** A network that a test tells what to lose. */
export class LosingNetwork implements ClusterNetwork {
  readonly #direct = new DirectNetwork()
  readonly #losses: { api: string; what: 'request' | 'answer' }[] = []
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

  /** The next request of this kind, or its answer, gets lost. */
  loseNext(api: string, what: 'request' | 'answer'): void {
    this.#losses.push({ api, what })
  }

  async call<T>(request: { node: number; api: string; lane: string }, handle: () => Promise<T>): Promise<T> {
    this.sent.push(request.api)
    const at = this.#losses.findIndex(({ api }) => api === request.api)
    const [loss] = at < 0 ? this.#byChance() : this.#losses.splice(at, 1)
    if (this.isCut || loss?.what === 'request') throw new ConnectionLostError(`the test lost a ${request.api}`)
    const answer = await this.#direct.call(request, handle)
    if (this.isCut || loss) throw new ConnectionLostError(`the test lost the answer to a ${request.api}`)
    return answer
  }

  #byChance(): { what: 'request' | 'answer' }[] {
    const draw = this.#random.next()
    if (draw < this.lossRate) return [{ what: 'request' }]
    return draw < 2 * this.lossRate ? [{ what: 'answer' }] : []
  }
}
