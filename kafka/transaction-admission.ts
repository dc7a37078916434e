import type { Broker, TopicPartition } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import { type ErrorScope, KafkaError } from '../ports/kafka-error.ts'
import { asKafkaError } from './batch-sender.ts'
import type { Coordinators } from './coordinators.ts'
import { kafkaError } from './error-codes.ts'
import type { ProducerIdentity } from './producer-identity.ts'

export interface TransactionAdmissionOptions {
  readonly broker: Broker
  readonly coordinators: Coordinators
  readonly transactionalId: string
  readonly deliveryTimeoutMs: number
  readonly identity: () => ProducerIdentity
  /** InitProducerId with the id and epoch that there are (KIP-360): the same producer goes on, under the next epoch. */
  readonly raiseEpoch: (limits: { signal: AbortSignal; deadlineMs: number }) => Promise<{ producerId: number; producerEpoch: number }>
  readonly raised: (identity: { producerId: number; producerEpoch: number }) => void
  /** The transaction cannot commit any more. */
  readonly refused: (error: KafkaError) => void
}

const UNKNOWN_TOPIC_OR_PARTITION = 3
const REQUEST_TIMED_OUT = 7
const OPERATION_NOT_ATTEMPTED = 55

/**
 * Transactions V1, from one `initialise` to the next: the producer itself tells the coordinator which partitions and groups are in a transaction, before anything is sent to them.
 *
 * The epoch stays over transactions. A request that comes late, when its connection is gone and it was repeated on another one, would therefore count in a later transaction: an EndTxn would end it in the
 * middle, an AddPartitionsToTxn begin one that nobody ends. So whenever something may still be on its way, the next transaction begins under another epoch.
 *
 * ```
 * clean -> doubtful   (a request to the coordinator was not answered; or the transaction was aborted, and with it what was on its way)
 * doubtful -> clean   (a transaction begins: the epoch is raised before anything is added)
 * ```
 */
export class TransactionAdmission {
  readonly #options: TransactionAdmissionOptions
  readonly #admitted = new Set<string>()
  #isDoubtful = false
  /** Goes up with `giveUp`. */
  #round = 0
  #underWay = 0
  #abandoned: KafkaError | undefined
  #abort = new AbortController()
  /** One request after the other: of two at once the coordinator refuses one (51). */
  #last: Promise<void> = Promise.resolve()

  constructor(options: TransactionAdmissionOptions) {
    this.#options = options
  }

  get outstanding(): number {
    return this.#underWay
  }

  /** Nothing is known to be in the transaction. */
  get isEmpty(): boolean {
    return this.#admitted.size === 0
  }

  /** Adds the partitions that are not in the transaction yet, in one request, then sends. */
  withPartitions<T>(partitions: readonly TopicPartition[], send: () => Promise<T>): Promise<T> {
    return this.#whenAdded(() => this.#addPartitions(partitions), send)
  }

  /** The same for the offsets of a group. */
  withGroup<T>(groupId: string, send: () => Promise<T>): Promise<T> {
    return this.#whenAdded(() => this.#addGroup(groupId), send)
  }

  /** A request to the coordinator: if it is not answered, it may still come late. */
  async heard<T>(request: Promise<T>): Promise<T> {
    try {
      return await request
    } catch (error) {
      if (error instanceof ConnectionLostError) this.#isDoubtful = true
      throw error
    }
  }

  ended(outcome: 'commit' | 'abort'): void {
    this.#admitted.clear()
    if (outcome === 'abort') this.#isDoubtful = true
  }

  /** What is under way rejects with this error as soon as its attempt is over. */
  giveUp(error: KafkaError): void {
    this.#round++
    this.#underWay = 0
    this.#abandoned = error
    this.#abort.abort()
    this.#abort = new AbortController()
    this.#last = Promise.resolve()
  }

  async #whenAdded<T>(add: () => Promise<void>, send: () => Promise<T>): Promise<T> {
    const round = this.#round
    const added = this.#last.then(() => this.#begun(add, round))
    this.#last = added.catch(() => {})
    this.#underWay++
    try {
      await added
    } catch (cause) {
      if (round === this.#round) this.#options.refused(asKafkaError(cause))
      throw this.#abandonedSince(round) ?? asKafkaError(cause)
    } finally {
      if (round === this.#round) this.#underWay--
    }
    const abandoned = this.#abandonedSince(round)
    if (abandoned) throw abandoned
    return await send()
  }

  async #begun(add: () => Promise<void>, round: number): Promise<void> {
    if (round !== this.#round) return
    if (this.#isDoubtful && this.isEmpty) {
      const { raiseEpoch, raised } = this.#options
      const identity = await this.#inTime('InitProducerId', (limits) => raiseEpoch(limits))
      if (round !== this.#round) return
      raised(identity)
      this.#isDoubtful = false
    }
    await add()
  }

  async #addPartitions(partitions: readonly TopicPartition[]): Promise<void> {
    const missing = new Map<string, TopicPartition>()
    for (const { topic, partition } of partitions) {
      const key = `${topic}-${partition}`
      if (!this.#admitted.has(`partition ${key}`)) missing.set(key, { topic, partition })
    }
    if (missing.size === 0) return
    const request = { ...this.#owner(), partitions: [...missing.values()] }
    await this.#ask(`AddPartitionsToTxn for ${[...missing.keys()].join(', ')}`, (node) => this.#options.broker.addPartitionsToTxn(node, request), verdictOf)
    for (const key of missing.keys()) this.#admitted.add(`partition ${key}`)
  }

  async #addGroup(groupId: string): Promise<void> {
    const key = `group ${groupId}`
    if (this.#admitted.has(key)) return
    const request = { ...this.#owner(), groupId }
    await this.#ask(`AddOffsetsToTxn for group ${groupId}`, (node) => this.#options.broker.addOffsetsToTxn(node, request), ({ errorCode }) => errorCode)
    this.#admitted.add(key)
  }

  #owner(): { transactionalId: string; producerId: number; producerEpoch: number } {
    const { producerId, producerEpoch } = this.#options.identity()
    return { transactionalId: this.#options.transactionalId, producerId, producerEpoch }
  }

  /** 51, while the markers of the transaction before are being written, passes within milliseconds. A topic that was made just now is not known everywhere. */
  async #ask<Answer>(what: string, send: (node: number) => Promise<Answer>, errorOf: (answer: Answer) => number): Promise<void> {
    const { coordinators, transactionalId } = this.#options
    const round = this.#round
    const alsoRetriable = [UNKNOWN_TOPIC_OR_PARTITION]
    const answer = await this.#inTime(what, (limits) =>
      coordinators.ask({ type: 'transaction', key: transactionalId, send: (node) => this.heard(send(node)), errorOf, alsoRetriable, ...limits }),
    )
    if (round !== this.#round) throw this.#abandonedSince(round)
    const code = errorOf(answer)
    if (code !== 0) throw kafkaError(code, `${what} of ${transactionalId}`)
  }

  async #inTime<Answer>(what: string, ask: (limits: { signal: AbortSignal; deadlineMs: number }) => Promise<Answer>): Promise<Answer> {
    const { transactionalId, deliveryTimeoutMs } = this.#options
    try {
      return await ask({ signal: this.#abort.signal, deadlineMs: deliveryTimeoutMs })
    } catch (error) {
      if (!(error instanceof ConnectionLostError) && !(error instanceof KafkaError && PASSING.includes(error.scope))) throw error
      const timedOut = { code: REQUEST_TIMED_OUT, errorName: 'REQUEST_TIMED_OUT', scope: 'abort' as const }
      throw new KafkaError(timedOut, `${what} of ${transactionalId} was not answered within ${deliveryTimeoutMs} ms (${error.message})`)
    }
  }

  #abandonedSince(round: number): KafkaError | undefined {
    return round === this.#round ? undefined : this.#abandoned
  }
}

const PASSING: readonly ErrorScope[] = ['retriable', 'coordinator', 'metadata']

/** One partition that is not there, or not allowed, keeps the others out: it is to blame, not they (55). */
function verdictOf(answers: readonly { errorCode: number }[]): number {
  const codes = answers.map(({ errorCode }) => errorCode).filter((code) => code !== 0)
  return codes.find((code) => code !== OPERATION_NOT_ATTEMPTED) ?? codes[0] ?? 0
}
