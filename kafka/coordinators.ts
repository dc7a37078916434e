import type { Broker } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import { kafkaError } from './error-codes.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

export type CoordinatorType = 'group' | 'transaction'

export interface CoordinatorRequest<Answer> {
  readonly type: CoordinatorType
  /** Group id or transactional id. */
  readonly key: string
  readonly send: (node: number) => Promise<Answer>
  /** The error code of an answer. */
  readonly errorOf: (answer: Answer) => number
  readonly signal: AbortSignal
  /** How long a lost connection and retriable answers are repeated; `undefined`: for ever. */
  readonly deadlineMs?: number
  /** Further codes that pass by themselves, for instance 88 while an open transaction is about to change offsets. */
  readonly alsoRetriable?: readonly number[]
}

/**
 * Which node coordinates a group or a transactional id. An answer that shows it has moved, or a lost connection, makes the
 * next attempt ask again: an old coordinator is never asked twice in a row without FindCoordinator in between.
 */
export class Coordinators {
  readonly #broker: Broker
  readonly #context: RetryContext
  readonly #nodes = new Map<string, number>()

  constructor(options: RetryContext & { broker: Broker }) {
    this.#broker = options.broker
    this.#context = options
  }

  /** From the cache. */
  known(type: CoordinatorType, key: string): number | undefined {
    return this.#nodes.get(`${type} ${key}`)
  }

  /** `node` turned out not to be the coordinator, or cannot be reached. What was learnt since is kept. */
  forget(type: CoordinatorType, key: string, node: number): void {
    if (this.known(type, key) === node) this.#nodes.delete(`${type} ${key}`)
  }

  /** One attempt. `undefined`: there is no coordinator now, or no broker to ask. Rejects where asking again cannot help (authorisation). */
  async look(type: CoordinatorType, key: string): Promise<number | undefined> {
    const known = this.known(type, key)
    if (known !== undefined) return known
    try {
      const { errorCode, node } = await this.#broker.findCoordinator(type, key)
      if (errorCode === 0) {
        this.#nodes.set(`${type} ${key}`, node)
        return node
      }
      const error = kafkaError(errorCode, `no coordinator for ${type} ${key}`)
      if (error.scope === 'fatal') throw error
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error
    }
    return undefined
  }

  /** Sends a request to the coordinator, wherever it is, until it answers with something else than a passing error. Rejects at the deadline, or when the signal is aborted. */
  async ask<Answer>(request: CoordinatorRequest<Answer>): Promise<Answer> {
    const { type, key, signal } = request
    const limits = request.deadlineMs === undefined ? { signal } : { signal, deadlineMs: request.deadlineMs }
    const pace = new RetryPace(this.#context, limits)
    const briefPace = new RetryPace(this.#context, { ...limits, ...BRIEF })
    let reason: Error = new ConnectionLostError(`no coordinator was found for ${type} ${key}: check that the brokers run`)
    for (;;) {
      let brief = false
      const node = this.known(type, key) ?? (await this.look(type, key))
      if (node !== undefined && !signal.aborted) {
        try {
          const answer = await request.send(node)
          const code = request.errorOf(answer)
          if (code === 0) return answer
          const error = kafkaError(code, `the coordinator of ${type} ${key} (node ${node})`)
          brief = code === CONCURRENT_TRANSACTIONS
          if (error.scope === 'coordinator') this.forget(type, key, node)
          else if (!brief && error.scope !== 'retriable' && !request.alsoRetriable?.includes(code)) return answer
          reason = error
        } catch (error) {
          if (!(error instanceof ConnectionLostError)) throw error
          this.forget(type, key, node)
          reason = error
        }
      }
      if (!(await (brief ? briefPace : pace).pause())) throw reason
    }
  }
}

const CONCURRENT_TRANSACTIONS = 51

/** Markers of the transaction before are being written: milliseconds, unless a broker is away. */
export const BRIEF = { firstMs: 4, maxMs: 50 }
