import type { Broker } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import type { OutgoingBatch, Producer } from '../ports/kafka-client.ts'
import { KafkaError } from '../ports/kafka-error.ts'
import { asKafkaError, BatchSender } from './batch-sender.ts'
import { kafkaError } from './error-codes.ts'
import type { Leaders } from './leaders.ts'
import type { ProducerIdentity } from './producer-identity.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

/** How long a batch is repeated. Longer than a restart of a broker. */
const DELIVERY_TIMEOUT_MS = 60_000

/**
 * The idempotent producer of `Producer`: acknowledged batches are in the log once and in order. A batch that was given up
 * leaves a gap in the sequence of its partition, so the next ones are sent under a new producer id.
 */
export class IdempotentProducer implements Producer {
  readonly #broker: Broker
  readonly #leaders: Leaders
  readonly #context: RetryContext
  readonly #batches: BatchSender
  readonly #closing = new AbortController()
  #identity: ProducerIdentity | undefined
  #asking = false

  constructor(dependencies: RetryContext & { broker: Broker; leaders: Leaders }) {
    const { broker, leaders } = dependencies
    this.#broker = broker
    this.#leaders = leaders
    this.#context = dependencies
    this.#batches = new BatchSender({
      broker,
      leaders,
      context: dependencies,
      lane: 'producer',
      transactionalId: undefined,
      deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
      identity: () => this.#identity,
      refused: () => {
        this.#identity = undefined
        if (this.#batches.outstanding > 0) void this.#identify()
      },
    })
  }

  produce(batches: readonly OutgoingBatch[]): Promise<number[]> {
    return Promise.all(this.produceEach(batches))
  }

  produceEach(batches: readonly OutgoingBatch[]): Promise<number>[] {
    if (this.#closing.signal.aborted) return batches.map(() => Promise.reject(closed()))
    const sent = this.#batches.sendEach(batches)
    if (!this.#identity) void this.#identify()
    return sent
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#batches.giveUp(closed())
  }

  /** InitProducerId of any node; the batches wait for it. */
  async #identify(): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    const pace = new RetryPace(this.#context, { signal: this.#closing.signal })
    try {
      while (!this.#identity && this.#batches.outstanding > 0) {
        const answer = await this.#attempt()
        if (answer) this.#identity = { ...answer, transactionsV2: false, sequences: new Map() }
        else if (!(await pace.pause())) break
        this.#batches.flush()
      }
    } catch (error) {
      this.#batches.giveUp(asKafkaError(error))
    } finally {
      this.#asking = false
    }
  }

  async #attempt(): Promise<{ producerId: number; producerEpoch: number } | undefined> {
    try {
      if (this.#leaders.nodes.length === 0) await this.#leaders.refresh([])
      const { nodes } = this.#leaders
      const node = nodes[Math.floor(this.#context.random.next() * nodes.length)]
      if (node === undefined) return undefined
      const { errorCode, producerId, producerEpoch } = await this.#broker.initProducerId(node, {
        transactionalId: undefined,
        transactionTimeoutMs: 0,
        producerId: -1,
        producerEpoch: -1,
      })
      if (errorCode === 0) return { producerId, producerEpoch }
      const error = kafkaError(errorCode, 'InitProducerId of an idempotent producer')
      if (error.scope === 'retriable' || error.scope === 'coordinator') return undefined
      throw error
    } catch (error) {
      if (error instanceof ConnectionLostError) return undefined
      throw error
    }
  }
}

const REQUEST_TIMED_OUT = 7

function closed(): KafkaError {
  return new KafkaError(
    { code: REQUEST_TIMED_OUT, errorName: 'REQUEST_TIMED_OUT', scope: 'abort' },
    'the producer was closed before the batch was acknowledged',
  )
}
