import type { Broker, GroupGeneration, OffsetToCommit, TopicPartition, TxnOffsetCommitRequest } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import { type ErrorScope, KafkaError } from '../ports/kafka-error.ts'
import { asKafkaError } from './batch-sender.ts'
import { BRIEF, type Coordinators } from './coordinators.ts'
import { kafkaError } from './error-codes.ts'
import type { ProducerIdentity } from './producer-identity.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

export interface OffsetSenderOptions {
  readonly broker: Broker
  readonly coordinators: Coordinators
  readonly context: RetryContext
  readonly lane: string
  readonly transactionalId: string
  readonly deliveryTimeoutMs: number
  /** The transaction cannot commit any more. */
  readonly refused: (error: KafkaError) => void
}

/** Errors about the group, not about the transaction: the owner may learn its generation and send the offsets again in the same transaction. */
const MENDABLE: readonly ErrorScope[] = ['generation', 'member', 'rejoin']
const FENCED_INSTANCE_ID = 82
const CONCURRENT_TRANSACTIONS = 51

/** TxnOffsetCommit of one producer: on its lane, so that it travels right behind Produce. Passing errors are repeated for the partitions that have them. */
export class OffsetSender {
  readonly #options: OffsetSenderOptions
  /** Goes up with `giveUp`. */
  #round = 0
  #underWay = 0
  #abandoned: KafkaError | undefined
  #abort = new AbortController()
  /** Offsets were refused for the sake of the group and not sent again since. */
  #owed: KafkaError | undefined

  constructor(options: OffsetSenderOptions) {
    this.#options = options
  }

  get outstanding(): number {
    return this.#underWay
  }

  /** Set while a commit would leave out offsets that belong to it. */
  get owed(): KafkaError | undefined {
    return this.#owed
  }

  /** A transaction begins. */
  reset(): void {
    this.#owed = undefined
  }

  /** What is under way rejects with this error as soon as its attempt is over. */
  giveUp(error: KafkaError): void {
    this.#round++
    this.#underWay = 0
    this.#abandoned = error
    this.#abort.abort()
    this.#abort = new AbortController()
  }

  async send(offsets: readonly OffsetToCommit[], generation: GroupGeneration, identity: ProducerIdentity): Promise<void> {
    const round = this.#round
    this.#underWay++
    try {
      await this.#deliver(offsets, generation, identity, round)
      if (round === this.#round) this.#owed = undefined
    } catch (cause) {
      if (round !== this.#round) throw this.#abandoned ?? cause
      const error = asKafkaError(cause)
      if (MENDABLE.includes(error.scope) || error.code === FENCED_INSTANCE_ID) this.#owed = error
      else this.#options.refused(error)
      throw error
    } finally {
      if (round === this.#round) this.#underWay--
    }
  }

  async #deliver(offsets: readonly OffsetToCommit[], generation: GroupGeneration, identity: ProducerIdentity, round: number): Promise<void> {
    const { broker, coordinators, context, lane, transactionalId, deliveryTimeoutMs } = this.#options
    const { groupId, generationId, memberId, groupInstanceId } = generation
    const { producerId, producerEpoch, transactionsV2 } = identity
    const limits = { deadlineMs: deliveryTimeoutMs, signal: this.#abort.signal }
    const pace = new RetryPace(context, limits)
    const briefPace = new RetryPace(context, { ...limits, ...BRIEF })
    let left = offsets
    let reason: Error = new ConnectionLostError(`no coordinator was found for group ${groupId}`)
    for (;;) {
      let brief = false
      // from the cache without an await in between: behind the Produce requests that were sent just now
      const node = coordinators.known('group', groupId) ?? (await coordinators.look('group', groupId))
      if (round !== this.#round) throw reason
      if (node !== undefined) {
        const request: TxnOffsetCommitRequest = {
          transactionalId,
          transactionsV2,
          producerId,
          producerEpoch,
          groupId,
          generationId,
          memberId,
          groupInstanceId,
          offsets: left,
        }
        try {
          const refused = refusals(left, await broker.txnOffsetCommit(node, lane, request))
          const error = worst(refused, `TxnOffsetCommit of ${transactionalId} for group ${groupId}`)
          if (!error) return
          if (!PASSING.includes(error.scope)) throw error
          left = left.filter((offset) => refused.has(offset))
          brief = error.code === CONCURRENT_TRANSACTIONS
          if (error.scope === 'coordinator') coordinators.forget('group', groupId, node)
          reason = error
        } catch (error) {
          if (!(error instanceof ConnectionLostError)) throw error
          coordinators.forget('group', groupId, node)
          throw mayComeLate(`TxnOffsetCommit of ${transactionalId} for group ${groupId}`, error)
        }
      }
      if (await (brief ? briefPace : pace).pause()) continue
      // 'abort', whatever the last answer was: the offsets may be in the transaction or not
      const error = { code: REQUEST_TIMED_OUT, errorName: 'REQUEST_TIMED_OUT', scope: 'abort' as const }
      throw new KafkaError(error, `TxnOffsetCommit for group ${groupId} was not answered within ${deliveryTimeoutMs} ms (${reason.message})`)
    }
  }
}

const REQUEST_TIMED_OUT = 7
/** In the order in which they decide what happens to the whole request. */
const PASSING: readonly ErrorScope[] = ['coordinator', 'metadata', 'retriable']

/** The offsets that were not taken, with their error codes; those that the answer does not mention count as timed out. */
function refusals(offsets: readonly OffsetToCommit[], answer: readonly (TopicPartition & { errorCode: number })[]): Map<OffsetToCommit, number> {
  const codes = new Map(answer.map(({ topic, partition, errorCode }) => [`${topic}-${partition}`, errorCode]))
  const refused = new Map<OffsetToCommit, number>()
  for (const offset of offsets) {
    const code = codes.get(`${offset.topic}-${offset.partition}`) ?? REQUEST_TIMED_OUT
    if (code !== 0) refused.set(offset, code)
  }
  return refused
}

/** The error that decides: one that does not pass by itself, then a coordinator that moved, then the rest, 51 last. */
function worst(refused: ReadonlyMap<OffsetToCommit, number>, message: string): KafkaError | undefined {
  const errors = [...new Set(refused.values())].map((code) => kafkaError(code, message))
  const rank = ({ code, scope }: KafkaError) => (code === CONCURRENT_TRANSACTIONS ? PASSING.length : PASSING.indexOf(scope))
  return errors.sort((a, b) => rank(a) - rank(b))[0]
}

/**
 * It may still be on its way, and offsets have no sequence numbers: of two that a group is sent, the one that stands later in its log counts. Repeated and committed, it could come once more behind the offsets of
 * the transaction after this one, which another producer sends before this one has ended, and set the group back (seed 6 of the example of the rehearsal); with transactions V1 even in a later transaction of its
 * own producer. The abort raises the epoch where the group has its offsets, and there it is refused.
 */
function mayComeLate(what: string, { message }: ConnectionLostError): KafkaError {
  return new KafkaError({ code: REQUEST_TIMED_OUT, errorName: 'REQUEST_TIMED_OUT', scope: 'abort' }, `${what} was not answered (${message}) and may come late: the transaction has to be aborted`)
}
