import type { Broker, ProducedPartition, ProduceResponse } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import type { Timer } from '../ports/clock.ts'
import type { OutgoingBatch } from '../ports/kafka-client.ts'
import { KafkaError, RecordRefusedError } from '../ports/kafka-error.ts'
import { stampBatch } from '../records/record-batch.ts'
import { kafkaError } from './error-codes.ts'
import type { Leader, Leaders } from './leaders.ts'
import { type ProducerIdentity, takeSequence } from './producer-identity.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

export interface BatchSenderOptions {
  readonly broker: Broker
  readonly leaders: Leaders
  readonly context: RetryContext
  readonly lane: string
  readonly transactionalId: string | undefined
  readonly deliveryTimeoutMs: number
  /** Who the next batch is stamped for; `undefined`: batches wait until `flush`. */
  readonly identity: () => ProducerIdentity | undefined
  /** A batch was given up: what it leaves behind in the sequence of its partition is the owner's business. */
  readonly refused: (error: KafkaError) => void
}

/** A batch on its way. Sequence numbers are taken when it is sent for the first time and never changed. */
interface Outgoing {
  readonly batch: OutgoingBatch
  /** Position in the list given to `send`. */
  readonly index: number
  readonly deadlineMs: number
  readonly resolve: (baseOffset: number) => void
  readonly reject: (error: KafkaError) => void
  stamped: boolean
  /** Why the last attempt has failed. */
  reason: Error | undefined
}

/** The batches of one partition, in order: the next is sent after the acknowledgement of the one before. */
interface PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly pending: Outgoing[]
  readonly pace: RetryPace
  /** The head, while its request is under way. */
  underWay: Outgoing | undefined
  looking: boolean
  /** Who was asked last. */
  asked: Leader | undefined
  retryAtMs: number
}

const DUPLICATE_SEQUENCE = 46
const CONCURRENT_TRANSACTIONS = 51
const RECORDS_REFUSED = [10, 32, 87]

/**
 * Brings batches to the leaders of their partitions, the heads of all partitions of a leader in one Produce request (one
 * batch a partition: two are refused with 87). What is answered with a passing error is sent again, those partitions only, with the same sequence
 * numbers: the broker drops what it has already. So nothing is lost, doubled or reordered, whatever becomes of a connection.
 */
export class BatchSender {
  readonly #options: BatchSenderOptions
  readonly #queues = new Map<string, PartitionQueue>()
  #timer: Timer | undefined
  #refreshing = false

  constructor(options: BatchSenderOptions) {
    this.#options = options
  }

  /** Batches that are not acknowledged yet. */
  get outstanding(): number {
    return this.#queues.values().reduce((sum, { pending }) => sum + pending.length, 0)
  }

  /** Resolves with the base offsets in the order given. What can be sent is sent before this returns. */
  send(batches: readonly OutgoingBatch[]): Promise<number[]> {
    return Promise.all(this.sendEach(batches))
  }

  /** The same, each batch with an answer of its own. */
  sendEach(batches: readonly OutgoingBatch[]): Promise<number>[] {
    const deadlineMs = this.#options.context.clock.monotonicMs() + this.#options.deliveryTimeoutMs
    const sent = batches.map(
      (batch, index) =>
        new Promise<number>((resolve, reject) => {
          this.#queueOf(batch).pending.push({ batch, index, deadlineMs, resolve, reject, stamped: false, reason: undefined })
        }),
    )
    this.flush()
    return sent
  }

  /** Gives up everything that is not acknowledged. Answers that still come are dropped. */
  giveUp(error: KafkaError): void {
    this.#timer?.cancel()
    const queues = [...this.#queues.values()]
    this.#queues.clear()
    // emptied, so that an answer that still comes does not find its batch
    for (const { pending } of queues) for (const outgoing of pending.splice(0)) outgoing.reject(error)
  }

  /** Sends the head of each partition that is not under way and whose pause is over; gives up what is late, under way or not. */
  flush(): void {
    const { leaders, context } = this.#options
    const nowMs = context.clock.monotonicMs()
    const groups = new Map<number, PartitionQueue[]>()
    const stale = new Set<string>()
    let nextMs = Number.POSITIVE_INFINITY
    for (const queue of this.#queues.values()) {
      this.#expire(queue, nowMs)
      const head = queue.pending[0]
      if (!head) continue
      nextMs = Math.min(nextMs, head.deadlineMs)
      if (queue.underWay || queue.looking) continue
      if (queue.retryAtMs > nowMs) {
        nextMs = Math.min(nextMs, queue.retryAtMs)
        continue
      }
      const leader = leaders.leaderOf(queue.topic, queue.partition)
      if (!leader) {
        queue.looking = true
        stale.add(queue.topic)
      } else if (this.#stamp(queue, head)) {
        queue.asked = leader
        const group = groups.get(leader.node)
        if (group) group.push(queue)
        else groups.set(leader.node, [queue])
      }
    }
    for (const [node, group] of groups) this.#produce(node, group)
    this.#timer?.cancel()
    this.#timer = nextMs === Number.POSITIVE_INFINITY ? undefined : context.clock.after(nextMs - nowMs, () => this.flush())
    if (stale.size > 0) void this.#look(stale)
  }

  #stamp({ topic, partition }: PartitionQueue, head: Outgoing): boolean {
    if (head.stamped) return true
    const identity = this.#options.identity()
    if (!identity) return false
    const { producerId, producerEpoch } = identity
    stampBatch(head.batch.bytes, { producerId, producerEpoch, baseSequence: takeSequence(identity, `${topic}-${partition}`, head.batch.recordCount) })
    head.stamped = true
    return true
  }

  #produce(node: number, group: readonly PartitionQueue[]): void {
    const { broker, lane, transactionalId, deliveryTimeoutMs, identity } = this.#options
    // flush has seen a head in each of these queues
    const heads = group.map((queue) => queue.pending[0] as Outgoing)
    const partitions = heads.map(({ batch }) => ({ topic: batch.topic, partition: batch.partition, records: [batch.bytes] }))
    group.forEach((queue, i) => {
      queue.underWay = heads[i]
    })
    const request = { transactionalId, transactionsV2: identity()?.transactionsV2 === true, timeoutMs: deliveryTimeoutMs, partitions }
    broker.produce(node, lane, request).then(
      (response) => this.#answered(group, heads, response),
      (error: unknown) => this.#unanswered(group, heads, error),
    )
  }

  #answered(group: readonly PartitionQueue[], heads: readonly Outgoing[], response: ProduceResponse): void {
    const answers = new Map(response.partitions.map((answer) => [`${answer.topic}-${answer.partition}`, answer]))
    const stale = new Set<string>()
    group.forEach((queue, i) => {
      const head = this.#returned(queue, heads[i])
      if (!head) return
      const answer = answers.get(`${queue.topic}-${queue.partition}`)
      if (!answer) return this.#repeat(queue, head, new ConnectionLostError(`the answer to Produce says nothing about ${queue.topic}-${queue.partition}`))
      if (answer.errorCode === 0 || answer.errorCode === DUPLICATE_SEQUENCE) return this.#acknowledged(queue, head, answer)
      const error = this.#errorOf(head, answer)
      if (error.scope !== 'retriable' && error.scope !== 'metadata' && error.scope !== 'coordinator') return this.#refuse(queue, head, error)
      this.#repeat(queue, head, error)
      if (error.scope === 'metadata') {
        queue.looking = true
        stale.add(queue.topic)
      }
    })
    if (stale.size > 0) void this.#look(stale)
    this.flush()
  }

  /** Nobody knows whether the batches are in the log: the same request again finds out. */
  #unanswered(group: readonly PartitionQueue[], heads: readonly Outgoing[], error: unknown): void {
    const stale = new Set<string>()
    group.forEach((queue, i) => {
      const head = this.#returned(queue, heads[i])
      if (!head) return
      if (!(error instanceof ConnectionLostError)) return this.#refuse(queue, head, asKafkaError(error))
      this.#repeat(queue, head, error)
      queue.looking = true
      stale.add(queue.topic)
    })
    if (stale.size > 0) void this.#look(stale)
    this.flush()
  }

  /** The request of a head is over; `undefined` if the head was given up meanwhile. */
  #returned(queue: PartitionQueue, head: Outgoing | undefined): Outgoing | undefined {
    if (!head || queue.underWay !== head) return undefined
    queue.underWay = undefined
    return queue.pending[0] === head ? head : undefined
  }

  #acknowledged(queue: PartitionQueue, head: Outgoing, answer: ProducedPartition): void {
    // A repeated batch is normally answered with the offsets of the first one. 46 means that the broker remembers younger batches only: it has
    // the records, but nobody can say at which offset, and a state store must not be told a wrong one.
    if (answer.errorCode === DUPLICATE_SEQUENCE && answer.baseOffset < 0) {
      const { topic, partition } = queue
      const message = `${topic}-${partition}: the broker has this batch already and does not say at which offset; the transaction has to be aborted`
      return this.#refuse(queue, head, new KafkaError({ code: DUPLICATE_SEQUENCE, errorName: 'DUPLICATE_SEQUENCE_NUMBER', scope: 'abort' }, message))
    }
    queue.pace.reset()
    queue.retryAtMs = 0
    this.#shift(queue)
    head.resolve(answer.baseOffset)
  }

  #errorOf({ batch: { topic, partition }, index }: Outgoing, { errorCode, errorMessage, recordErrors }: ProducedPartition): KafkaError {
    const message = `Produce to ${topic}-${partition}${errorMessage === undefined ? '' : ` (${errorMessage})`}`
    const error = kafkaError(errorCode, message)
    if (!RECORDS_REFUSED.includes(errorCode)) return error
    return new RecordRefusedError(error, { topic, partition, batchIndex: index, recordIndexes: recordErrors.map((refused) => refused.index) }, message)
  }

  #repeat(queue: PartitionQueue, head: Outgoing, reason: Error): void {
    head.reason = reason
    const nowMs = this.#options.context.clock.monotonicMs()
    // The markers of the transaction before are still being written: a matter of milliseconds, and the broker itself pauses before it answers so.
    const concurrent = reason instanceof KafkaError && reason.code === CONCURRENT_TRANSACTIONS
    queue.retryAtMs = nowMs + (concurrent ? 1 + 4 * this.#options.context.random.next() : queue.pace.nextMs())
  }

  #expire(queue: PartitionQueue, nowMs: number): void {
    for (let head = queue.pending[0]; head && nowMs >= head.deadlineMs; head = queue.pending[0]) {
      const message = `${queue.topic}-${queue.partition}: not acknowledged within ${this.#options.deliveryTimeoutMs} ms (${head.reason?.message ?? 'no answer yet'})`
      queue.underWay = undefined
      // 'abort', whatever the last answer was: the batch may be in the log or not
      this.#refuse(queue, head, new KafkaError({ code: REQUEST_TIMED_OUT, errorName: 'REQUEST_TIMED_OUT', scope: 'abort' }, message))
    }
  }

  #refuse(queue: PartitionQueue, head: Outgoing, error: KafkaError): void {
    this.#shift(queue)
    this.#options.refused(error)
    head.reject(error)
  }

  #shift(queue: PartitionQueue): void {
    queue.pending.shift()
    if (queue.pending.length === 0) this.#queues.delete(`${queue.topic}-${queue.partition}`)
  }

  async #look(topics: Set<string>): Promise<void> {
    if (this.#refreshing) {
      // the refresh under way may be older than these errors: they ask anew after their pause
      for (const queue of this.#queues.values()) if (topics.has(queue.topic)) this.#looked(queue)
      return this.flush()
    }
    this.#refreshing = true
    try {
      await this.#options.leaders.tryRefresh(topics)
    } catch (error) {
      this.giveUp(asKafkaError(error))
    } finally {
      this.#refreshing = false
    }
    for (const queue of this.#queues.values()) if (topics.has(queue.topic)) this.#looked(queue)
    this.flush()
  }

  #looked(queue: PartitionQueue): void {
    queue.looking = false
    const leader = this.#options.leaders.leaderOf(queue.topic, queue.partition)
    if (leader !== undefined) {
      // The pause was for the one that has failed.
      if (isNewer(leader, queue.asked)) queue.retryAtMs = 0
      return
    }
    const nowMs = this.#options.context.clock.monotonicMs()
    if (queue.retryAtMs <= nowMs) queue.retryAtMs = nowMs + queue.pace.nextMs()
  }

  #queueOf({ topic, partition }: OutgoingBatch): PartitionQueue {
    const key = `${topic}-${partition}`
    let queue = this.#queues.get(key)
    if (!queue) {
      queue = { topic, partition, pending: [], pace: new RetryPace(this.#options.context), underWay: undefined, looking: false, asked: undefined, retryAtMs: 0 }
      this.#queues.set(key, queue)
    }
    return queue
  }
}

/** Epochs only go up within a topic: where brokers disagree, as they do for a moment about one that was made anew, nobody is asked without a pause. */
function isNewer(leader: Leader, asked: Leader | undefined): boolean {
  return asked === undefined || (leader.topicId === asked.topicId && leader.leaderEpoch > asked.leaderEpoch)
}

const REQUEST_TIMED_OUT = 7
const UNKNOWN_SERVER_ERROR = -1

/** An error that is no answer of the broker (a version that it does not speak): nothing helps. */
export function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new KafkaError({ code: UNKNOWN_SERVER_ERROR, errorName: 'UNKNOWN_SERVER_ERROR', scope: 'fatal' }, message)
}
