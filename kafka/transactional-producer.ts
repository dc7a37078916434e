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

type State = 'uninitialised' | 'initialising' | 'ready' | 'in-transaction' | 'ending' | 'failed' | 'closed'

/** Calls that a state allows; `initialise` and `close` are always allowed, but not after `close`. */
const PRODUCING: readonly State[] = ['ready', 'in-transaction']

const UNSUPPORTED_VERSION = 35

/**
 * The producer of `TransactionalProducer`, states drawn there; `initialising` lies between any of them and `ready`.
 *
 * Since the epoch goes up with every EndTxn, and EndTxn is answered with the next one, sequence numbers start at 0 in every
 * transaction, and whatever an earlier transaction left on the way is refused by the broker for its epoch.
 */
export class TransactionsV2Producer implements TransactionalProducer {
  readonly transactionalId: string
  readonly #broker: Broker
  readonly #context: RetryContext
  readonly #coordinators: Coordinators
  readonly #transactionTimeoutMs: number
  readonly #batches: BatchSender
  readonly #offsets: OffsetSender
  readonly #closing = new AbortController()
  #state: State = 'uninitialised'
  #identity: ProducerIdentity | undefined
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
    const shared = {
      broker,
      context: dependencies,
      lane: options.transactionalId,
      transactionalId: options.transactionalId,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? this.#transactionTimeoutMs,
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
      const identity = await this.#askIdentity()
      if (life !== this.#life) throw this.#stateError('initialise')
      this.#begin(identity)
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
    return this.#batches.send(batches)
  }

  commitOffsets(offsets: readonly OffsetToCommit[], generation: GroupGeneration): Promise<void> {
    const identity = this.#identity
    if (!PRODUCING.includes(this.#state) || !identity) return Promise.reject(this.#stateError('commitOffsets'))
    if (offsets.length === 0) return Promise.resolve()
    this.#state = 'in-transaction'
    return this.#offsets.send(offsets, generation, identity)
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

  async #askIdentity(): Promise<{ producerId: number; producerEpoch: number }> {
    await this.#demandTransactionsV2()
    const { transactionalId } = this
    const answer = await this.#coordinators.ask({
      type: 'transaction',
      key: transactionalId,
      send: (node) =>
        this.#broker.initProducerId(node, { transactionalId, transactionTimeoutMs: this.#transactionTimeoutMs, producerId: -1, producerEpoch: -1 }),
      // 51 while the open transaction of an earlier producer is being aborted
      errorOf: ({ errorCode }) => errorCode,
      signal: this.#closing.signal,
    })
    if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, `InitProducerId of ${transactionalId}`)
    return answer
  }

  /**
   * Until there is an answer, with the same id and epoch. Observed on 4.3.1: an EndTxn that succeeded has raised the epoch, and the same EndTxn
   * again, now one epoch behind, is answered with success and the same new epoch, also after the coordinator was restarted; with 51
   * while the markers are being written; the other outcome with 48, and a commit of what the coordinator aborted for its time-out with 48 too. So success
   * always means this transaction and this outcome, and 48 that it was not committed.
   */
  async #endTransaction(outcome: 'commit' | 'abort', life: number): Promise<void> {
    const { transactionalId } = this
    const { producerId, producerEpoch } = this.#identity as ProducerIdentity // in-transaction: there is one
    const answer = await this.#coordinators.ask({
      type: 'transaction',
      key: transactionalId,
      send: (node) => this.#broker.endTxn(node, { transactionalId, producerId, producerEpoch, committed: outcome === 'commit' }),
      errorOf: ({ errorCode }) => errorCode,
      signal: this.#closing.signal,
    })
    if (life !== this.#life) throw this.#stateError(`end('${outcome}')`)
    if (answer.errorCode !== 0) throw kafkaError(answer.errorCode, `EndTxn(${outcome}) of ${transactionalId}`)
    this.#begin(answer)
    this.#state = 'ready'
  }

  #begin({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    this.#identity = { producerId, producerEpoch, sequences: new Map() }
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
    const outstanding = this.#batches.outstanding + this.#offsets.outstanding
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
    this.#batches.giveUp(error)
    this.#offsets.giveUp(error)
  }

  async #demandTransactionsV2(): Promise<void> {
    const { transactionsV2 } = await untilReached(this.#context, { signal: this.#closing.signal }, () => this.#broker.features())
    if (transactionsV2) return
    throw new KafkaError(
      { code: UNSUPPORTED_VERSION, errorName: 'UNSUPPORTED_VERSION', scope: 'fatal' },
      'the cluster does not have transactions V2 (KIP-890): run Kafka 4.0 or later and set the feature transaction.version to 2 (kafka-features.sh upgrade)',
    )
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
