import type { Broker, GroupGeneration, OffsetToCommit } from '../ports/broker.ts'
import type { OutgoingBatch, TransactionalProducer, TransactionalProducerOptions } from '../ports/kafka-client.ts'
import { KafkaError } from '../ports/kafka-error.ts'
import { BatchSender } from './batch-sender.ts'
import type { Coordinators } from './coordinators.ts'
import { kafkaError } from './error-codes.ts'
import type { Leaders } from './leaders.ts'
import { OffsetSender } from './offset-sender.ts'
import type { ProducerIdentity } from './producer-identity.ts'
import { type RetryContext, untilReached } from './retry-pace.ts'
import { TransactionAdmission } from './transaction-admission.ts'

type State = 'uninitialised' | 'initialising' | 'ready' | 'in-transaction' | 'ending' | 'failed' | 'closed'

/** Calls that a state allows; `initialise` and `close` are always allowed, but not after `close`. */
const PRODUCING: readonly State[] = ['ready', 'in-transaction']

/**
 * The producer of `TransactionalProducer`, states drawn there; `initialising` lies between any of them and `ready`.
 *
 * `initialise` looks at what the cluster has, and until the next `initialise` it stays at that: a cluster with V2 understands V1.
 *
 * - V2 (KIP-890): the epoch goes up with every EndTxn, and EndTxn is answered with the next one. Sequence numbers start at 0 in every transaction, and whatever an earlier one left on the way is refused by
 *   the broker for its epoch. The broker adds partitions and groups to the transaction by itself.
 * - V1: epoch and sequence numbers go on over transactions; the rest is told in `TransactionAdmission`.
 */
export class KafkaTransactionalProducer implements TransactionalProducer {
  readonly transactionalId: string
  readonly #broker: Broker
  readonly #context: RetryContext
  readonly #coordinators: Coordinators
  readonly #transactionTimeoutMs: number
  readonly #deliveryTimeoutMs: number
  readonly #batches: BatchSender
  readonly #offsets: OffsetSender
  readonly #closing = new AbortController()
  #state: State = 'uninitialised'
  #identity: ProducerIdentity | undefined
  /** With transactions V1. */
  #admission: TransactionAdmission | undefined
  /** Why this transaction can no longer commit. A failure that nobody awaited counts too. */
  #poison: KafkaError | undefined
  /** Goes up with `initialise`: what an earlier life of this producer still learns must not touch this one. */
  #life = 0

  constructor(dependencies: RetryContext & { broker: Broker; leaders: Leaders; coordinators: Coordinators }, options: TransactionalProducerOptions) {
    const { broker, leaders, coordinators } = dependencies
    this.transactionalId = options.transactionalId
    this.#broker = broker
    this.#context = dependencies
    this.#coordinators = coordinators
    this.#transactionTimeoutMs = options.transactionTimeoutMs ?? 10_000
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? this.#transactionTimeoutMs
    const shared = {
      broker,
      context: dependencies,
      lane: options.transactionalId,
      transactionalId: options.transactionalId,
      deliveryTimeoutMs: this.#deliveryTimeoutMs,
      refused: (error: KafkaError) => this.#refused(error),
    }
    this.#batches = new BatchSender({ ...shared, leaders, identity: () => this.#identity })
    this.#offsets = new OffsetSender({ ...shared, coordinators })
  }

  /** Waits for brokers that are away, for ever: `close` ends it. */
  async initialise(): Promise<void> {
    if (this.#state === 'closed') throw this.#stateError('initialise')
    const life = ++this.#life
    this.#state = 'initialising'
    this.#abandon('the producer was initialised anew')
    try {
      const { transactionsV2 } = await untilReached(this.#context, { signal: this.#closing.signal }, () => this.#broker.features())
      const identity = await this.#askIdentity(NOBODY, { signal: this.#closing.signal })
      if (life !== this.#life) throw this.#stateError('initialise')
      this.#identity = { ...identity, transactionsV2, sequences: new Map() }
      this.#admission = transactionsV2 ? undefined : this.#newAdmission()
      this.#begin()
      this.#state = 'ready'
    } catch (error) {
      if (life === this.#life) this.#fail(error)
      throw error
    }
  }

  produce(batches: readonly OutgoingBatch[]): Promise<number[]> {
    if (!PRODUCING.includes(this.#state)) return Promise.reject(this.#stateError('produce'))
    if (batches.length === 0) return Promise.resolve([])
    this.#state = 'in-transaction'
    const send = () => this.#batches.send(batches)
    return this.#admission ? this.#admission.withPartitions(batches, send) : send()
  }

  commitOffsets(offsets: readonly OffsetToCommit[], generation: GroupGeneration): Promise<void> {
    if (!PRODUCING.includes(this.#state)) return Promise.reject(this.#stateError('commitOffsets'))
    if (offsets.length === 0) return Promise.resolve()
    this.#state = 'in-transaction'
    // initialised: there is an identity, though not the same before and after the admission
    const send = () => this.#offsets.send(offsets, generation, this.#identity as ProducerIdentity)
    return this.#admission ? this.#admission.withGroup(generation.groupId, send) : send()
  }

  async end(outcome: 'commit' | 'abort'): Promise<void> {
    // nothing was begun: the broker would answer a commit with 48
    if (this.#state === 'ready') return
    if (this.#state !== 'in-transaction') throw this.#stateError(`end('${outcome}')`)
    if (outcome === 'commit') this.#demandComplete()
    else this.#abandon('the transaction is being aborted')
    this.#state = 'ending'
    const life = this.#life
    try {
      await this.#endTransaction(outcome, life)
    } catch (error) {
      if (life === this.#life) this.#fail(error)
      throw error
    }
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    this.#life++
    this.#closing.abort()
    this.#abandon('the producer was closed')
  }

  async #askIdentity(
    known: { producerId: number; producerEpoch: number },
    limits: { signal: AbortSignal; deadlineMs?: number },
  ): Promise<{ producerId: number; producerEpoch: number }> {
    const { transactionalId } = this
    const { producerId, producerEpoch } = known
    const request = { transactionalId, transactionTimeoutMs: this.#transactionTimeoutMs, producerId, producerEpoch }
    const answer = await this.#coordinators.ask({
      type: 'transaction',
      key: transactionalId,
      send: (node) => this.#broker.initProducerId(node, request),
      // 51 while the open transaction of an earlier producer is being aborted
      errorOf: ({ errorCode }) => errorCode,
      ...limits,
    })
    if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, `InitProducerId of ${transactionalId}`)
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  }

  #newAdmission(): TransactionAdmission {
    return new TransactionAdmission({
      broker: this.#broker,
      coordinators: this.#coordinators,
      transactionalId: this.transactionalId,
      deliveryTimeoutMs: this.#deliveryTimeoutMs,
      // initialised: there is one
      identity: () => this.#identity as ProducerIdentity,
      raiseEpoch: (limits) => this.#askIdentity(this.#identity ?? NOBODY, limits),
      raised: (identity) => {
        this.#identity = { ...identity, transactionsV2: false, sequences: new Map() }
      },
      refused: (error) => this.#refused(error),
    })
  }

  /**
   * Until there is an answer, with the same id and epoch. Observed on 4.3.1: an EndTxn that succeeded has raised the epoch, and the same EndTxn
   * again, now one epoch behind, is answered with success and the same new epoch, also after the coordinator was restarted; with 51
   * while the markers are being written; the other outcome with 48, and a commit of what the coordinator aborted for its time-out with 48 too. So success
   * always means this transaction and this outcome, and 48 that it was not committed. With V1 the epoch is the same, and the same EndTxn again is answered in the same way, as long as no other
   * transaction has begun.
   */
  async #endTransaction(outcome: 'commit' | 'abort', life: number): Promise<void> {
    const { transactionalId } = this
    const { producerId, producerEpoch, transactionsV2 } = this.#identity as ProducerIdentity // in-transaction: there is one
    const admission = this.#admission
    const request = { transactionalId, producerId, producerEpoch, committed: outcome === 'commit', transactionsV2 }
    const answer = await this.#coordinators.ask({
      type: 'transaction',
      key: transactionalId,
      send: (node) => admission?.heard(this.#broker.endTxn(node, request)) ?? this.#broker.endTxn(node, request),
      errorOf: ({ errorCode }) => errorCode,
      signal: this.#closing.signal,
    })
    if (life !== this.#life) throw this.#stateError(`end('${outcome}')`)
    // with V1 the coordinator may not have heard of the transaction at all
    const wasNothing = outcome === 'abort' && answer.errorCode === INVALID_TXN_STATE && admission?.isEmpty === true
    if (wasNothing) return this.#ended(outcome)
    if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, `EndTxn(${outcome}) of ${transactionalId}`)
    if (transactionsV2) this.#identity = { producerId: answer.producerId, producerEpoch: answer.producerEpoch, transactionsV2, sequences: new Map() }
    this.#ended(outcome)
  }

  #ended(outcome: 'commit' | 'abort'): void {
    this.#admission?.ended(outcome)
    this.#begin()
    this.#state = 'ready'
  }

  #begin(): void {
    this.#poison = undefined
    this.#offsets.reset()
  }

  /** A commit must not pass what it is to contain. */
  #demandComplete(): void {
    const { transactionalId } = this
    if (this.#poison)
      throw new KafkaError(
        { ...this.#poison, scope: 'abort' },
        `the transaction of ${transactionalId} cannot commit, because a part of it failed (${this.#poison.message})`,
      )
    const { owed } = this.#offsets
    if (owed)
      throw new KafkaError(
        { ...owed, scope: 'abort' },
        `the transaction of ${transactionalId} cannot commit without the offsets that were refused (${owed.message})`,
      )
    const outstanding = this.#batches.outstanding + this.#offsets.outstanding + (this.#admission?.outstanding ?? 0)
    if (outstanding > 0)
      throw new Error(`end('commit') of ${transactionalId} was called with ${outstanding} requests unanswered: await produce and commitOffsets first`)
  }

  /** A refused record, or a lost sequence: only an abort goes on from here. A generation that moved can be mended within the transaction, see `OffsetSender`. */
  #refused(error: KafkaError): void {
    this.#poison ??= error
    if (error.scope === 'fenced' || error.scope === 'fatal') this.#state = 'failed'
  }

  #fail(cause: unknown): void {
    this.#state = 'failed'
    // the calls that are refused from now on say why, and their scope is that of the cause
    if (cause instanceof KafkaError) this.#poison = cause
  }

  #abandon(why: string): void {
    const error = new KafkaError({ code: TRANSACTION_ABORTABLE, errorName: 'TRANSACTION_ABORTABLE', scope: 'abort' }, `${this.transactionalId}: ${why}`)
    this.#admission?.giveUp(error)
    this.#batches.giveUp(error)
    this.#offsets.giveUp(error)
  }

  #stateError(call: string): KafkaError {
    const why = this.#poison ? ` after ${this.#poison.message}` : ''
    const message = `${call} was called on ${this.transactionalId}, which is ${this.#state}${why}`
    if (this.#state === 'failed' && this.#poison) return new KafkaError(this.#poison, message)
    return new KafkaError({ code: INVALID_TXN_STATE, errorName: 'INVALID_TXN_STATE', scope: 'abort' }, message)
  }
}

const TRANSACTION_ABORTABLE = 120
const INVALID_TXN_STATE = 48
/** InitProducerId asks for a new life, whoever had the id before. */
const NOBODY = { producerId: -1, producerEpoch: -1 }
