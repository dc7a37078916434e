import type { Broker } from '../../ports/broker.ts'
import { ConnectionLostError } from '../../ports/broker.ts'

type Losable = 'produce' | 'txnOffsetCommit' | 'endTxn' | 'addPartitionsToTxn' | 'addOffsetsToTxn'

/** Another broker, of which answers get lost after it has acted, or which requests reach late. */
export class LossyBroker {
  readonly broker: Broker
  /** How many answers were lost. */
  lost = 0
  /** Every EndTxn that was sent. */
  readonly ends: Parameters<Broker['endTxn']>[1][] = []
  readonly #losing = new Set<string>()
  readonly #holding = new Set<string>()
  readonly #held: (() => unknown)[] = []

  constructor(behind: Broker) {
    this.broker = new Proxy(behind, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function' || typeof name !== 'string') return member
        return (...args: unknown[]) => {
          // the only argument of that kind, see the port
          if (name === 'endTxn') this.ends.push(args[1] as Parameters<Broker['endTxn']>[1])
          if (this.#holding.delete(name)) {
            this.#held.push(() => member.apply(target, args))
            return Promise.reject(new ConnectionLostError('the test holds the request'))
          }
          const answer: unknown = member.apply(target, args)
          return this.#losing.delete(name) ? this.#lose(answer) : answer
        }
      },
    })
  }

  /** The next answer of each of these gets lost. */
  loseNext(...apis: Losable[]): void {
    for (const api of apis) this.#losing.add(api)
  }

  /** The next request of each of these is lost for its sender, and on its way until it may `arrive`. */
  holdNext(...apis: Losable[]): void {
    for (const api of apis) this.#holding.add(api)
  }

  /** What was held arrives now. Resolves with the answers, which its sender does not hear. */
  async arrive(): Promise<unknown[]> {
    return await Promise.all(this.#held.splice(0).map((send) => send()))
  }

  async #lose(answer: unknown): Promise<never> {
    await answer
    this.lost++
    throw new ConnectionLostError('the test lost the answer')
  }
}
