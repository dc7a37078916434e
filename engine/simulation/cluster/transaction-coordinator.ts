import type { Clock } from '../../../ports/clock.ts'
import { type CoordinatorShard, shardOf } from './coordinator-topic.ts'
import { ERROR } from './error-code.ts'

/**
 * The states of Kafka's TransactionMetadata that are written to its log.
 *
 * ```
 * empty -> ongoing -> prepare-commit -> complete-commit -> ongoing
 *                  -> prepare-abort  -> complete-abort  -> ongoing
 * complete-* and empty -> prepare-abort (V2: an abort of nothing raises the epoch)
 * ```
 */
export type TransactionState = 'empty' | 'ongoing' | 'prepare-commit' | 'prepare-abort' | 'complete-commit' | 'complete-abort'

/** A partition of a topic, or of the offsets topic, in a transaction. */
export interface TransactionTarget {
  readonly key: string
  /** Writes the marker; resolves when it is replicated, false if it has to be tried again. */
  mark(marker: { producerId: number; producerEpoch: number; committed: boolean; coordinatorEpoch: number; isV2: boolean }): Promise<boolean>
}

interface Transaction {
  readonly transactionalId: string
  readonly shard: CoordinatorShard
  producerId: number
  previousProducerId: number
  producerEpoch: number
  lastProducerEpoch: number
  /** The id that takes over when this epoch was the last: set while its markers are written. */
  nextProducerId: number
  timeoutMs: number
  state: TransactionState
  targets: Map<string, TransactionTarget>
  startedAtMs: number
  isV2: boolean
  /** A transition is being written; not known to a coordinator that takes over. */
  isPending: boolean
}

export interface TransactionCoordinatorOptions {
  readonly clock: Clock
  readonly shards: readonly CoordinatorShard[]
  /** Whether a new transaction follows V2 (KIP-890) where its requests do. */
  readonly isV2: () => boolean
  /** `transaction.max.timeout.ms`. */
  readonly maxTimeoutMs: number
  /** How often transactions that are too old are looked for. */
  readonly expiryCheckMs: number
  readonly markerDelayMs: () => number
}

export interface ProducerIdentityAnswer {
  readonly errorCode: number
  readonly producerId: number
  readonly producerEpoch: number
}

const LAST_EPOCH = 32_766
const NO_ID = -1
const NO_EPOCH = -1
/** Between attempts to write a marker to a leader that is away or lacks replicas. */
const MARKER_RETRY_MS = 20

/** The transaction coordinators of a cluster, after Kafka's TransactionCoordinator and TransactionMetadata. */
export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions
  readonly #transactions = new Map<string, Transaction>()
  /** Who waits for a change of a transaction. */
  readonly #waiting = new Map<string, Set<() => void>>()
  #lastProducerId = 0

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options
    for (const shard of options.shards) shard.onLoaded(() => this.#loaded(shard))
    this.#expireLater()
  }

  get transactions(): IterableIterator<Readonly<Transaction>> {
    return this.#transactions.values()
  }

  shard(transactionalId: string): CoordinatorShard {
    const { shards } = this.#options
    // one of the list: the modulus is its length
    return shards[shardOf(transactionalId, shards.length)] as CoordinatorShard
  }

  /** Calls back once, at the next change of the transaction; the function that is answered takes that back. */
  onChange(transactionalId: string, callback: () => void): () => void {
    const known = this.#waiting.get(transactionalId)
    const waiting = known ?? new Set()
    if (!known) this.#waiting.set(transactionalId, waiting)
    waiting.add(callback)
    return () => waiting.delete(callback)
  }

  newProducerId(): number {
    return this.#lastProducerId++
  }

  async initProducerId(node: number, request: { transactionalId: string; transactionTimeoutMs: number; producerId: number; producerEpoch: number }): Promise<ProducerIdentityAnswer> {
    const { transactionalId, transactionTimeoutMs } = request
    const shard = this.shard(transactionalId)
    if (transactionalId === '') return refused(ERROR.INVALID_REQUEST)
    const unavailable = shard.errorAt(node)
    if (unavailable !== ERROR.NONE) return refused(unavailable)
    if (transactionTimeoutMs <= 0 || transactionTimeoutMs > this.#options.maxTimeoutMs) return refused(ERROR.INVALID_TRANSACTION_TIMEOUT)
    const found = this.#transactions.get(transactionalId) ?? this.#create(transactionalId, shard)
    const expected = request.producerId === NO_ID ? undefined : { producerId: request.producerId, epoch: request.producerEpoch }
    if (found.isPending) return refused(ERROR.CONCURRENT_TRANSACTIONS)
    if (expected && !mayContinue(found, expected)) return refused(ERROR.PRODUCER_FENCED)
    if (found.state === 'prepare-abort' || found.state === 'prepare-commit') return refused(ERROR.CONCURRENT_TRANSACTIONS)
    if (found.state === 'ongoing') {
      // aborted first, under an epoch that nobody is given; the client asks again
      this.#fence(found)
      return refused(ERROR.CONCURRENT_TRANSACTIONS)
    }
    const next = this.#nextIdentity(found, expected?.epoch)
    if (!next) return refused(ERROR.PRODUCER_FENCED)
    const failure = await this.#transition(found, () => {
      Object.assign(found, next, { state: 'empty', timeoutMs: transactionTimeoutMs, targets: new Map() })
    })
    return failure === ERROR.NONE ? { errorCode: failure, producerId: next.producerId, producerEpoch: next.producerEpoch } : refused(failure)
  }

  /** Asked by the leader of a partition, or by the group coordinator, before it appends to the transaction; V1: by the producer itself. */
  async addTargets(request: { transactionalId: string; producerId: number; producerEpoch: number; targets: readonly TransactionTarget[]; isV2: boolean }): Promise<number> {
    const { transactionalId, producerId, producerEpoch, targets, isV2 } = request
    if (transactionalId === '') return ERROR.INVALID_REQUEST
    const found = this.#transactions.get(transactionalId)
    if (!found) return ERROR.INVALID_PRODUCER_ID_MAPPING
    if (found.isPending) return ERROR.CONCURRENT_TRANSACTIONS
    if (found.producerId !== producerId) return ERROR.INVALID_PRODUCER_ID_MAPPING
    if (found.producerEpoch !== producerEpoch) return ERROR.PRODUCER_FENCED
    if (found.state === 'prepare-commit' || found.state === 'prepare-abort') return ERROR.CONCURRENT_TRANSACTIONS
    if (found.state === 'ongoing' && targets.every(({ key }) => found.targets.has(key))) return ERROR.NONE
    return await this.#transition(found, () => {
      if (found.state !== 'ongoing') {
        found.startedAtMs = this.#options.clock.now()
        found.targets = new Map()
      }
      found.state = 'ongoing'
      found.isV2 = isV2
      for (const target of targets) found.targets.set(target.key, target)
    })
  }

  /** V1: the leader of a partition asks whether the producer has added it. */
  verify(request: { transactionalId: string; producerId: number; producerEpoch: number; key: string }): number {
    const found = this.#transactions.get(request.transactionalId)
    if (!found || found.producerId !== request.producerId) return ERROR.INVALID_PRODUCER_ID_MAPPING
    if (found.producerEpoch !== request.producerEpoch) return ERROR.PRODUCER_FENCED
    if (found.state === 'prepare-commit' || found.state === 'prepare-abort') return ERROR.CONCURRENT_TRANSACTIONS
    return found.targets.has(request.key) && found.state === 'ongoing' ? ERROR.NONE : ERROR.TRANSACTION_ABORTABLE
  }

  endTxn(node: number, request: { transactionalId: string; producerId: number; producerEpoch: number; committed: boolean; isV2: boolean }): Promise<ProducerIdentityAnswer> {
    const { transactionalId } = request
    if (transactionalId === '') return Promise.resolve(refused(ERROR.INVALID_REQUEST))
    const unavailable = this.shard(transactionalId).errorAt(node)
    if (unavailable !== ERROR.NONE) return Promise.resolve(refused(unavailable))
    const found = this.#transactions.get(transactionalId)
    return found ? this.#end(found, request) : Promise.resolve(refused(ERROR.INVALID_PRODUCER_ID_MAPPING))
  }

  async #end(found: Transaction, request: { producerId: number; producerEpoch: number; committed: boolean; isV2: boolean }): Promise<ProducerIdentityAnswer> {
    const verdict = request.isV2 ? verdictV2(found, request) : verdictV1(found, request)
    if (verdict === ERROR.NONE) return { errorCode: ERROR.NONE, producerId: found.producerId, producerEpoch: found.producerEpoch }
    if (verdict !== 'end') return refused(verdict)
    const isRaised = request.isV2
    const nextProducerId = isRaised && found.producerEpoch >= LAST_EPOCH ? this.newProducerId() : NO_ID
    // the answer of V1 does not have them; what the wire leaves out is -1
    const answer = !isRaised
      ? { producerId: NO_ID, producerEpoch: NO_EPOCH }
      : nextProducerId === NO_ID
        ? { producerId: found.producerId, producerEpoch: found.producerEpoch + 1 }
        : { producerId: nextProducerId, producerEpoch: 0 }
    const { term } = found.shard
    const failure = await this.#transition(found, () => this.#prepare(found, { committed: request.committed, isRaised, nextProducerId }))
    if (failure !== ERROR.NONE) return refused(failure)
    this.#writeMarkers(found, term)
    return { errorCode: ERROR.NONE, ...answer }
  }

  #prepare(found: Transaction, { committed, isRaised, nextProducerId }: { committed: boolean; isRaised: boolean; nextProducerId: number }): void {
    if (found.state !== 'ongoing') found.targets = new Map()
    found.state = committed ? 'prepare-commit' : 'prepare-abort'
    found.isV2 = isRaised
    found.nextProducerId = nextProducerId
    if (!isRaised) return
    found.lastProducerEpoch = found.producerEpoch
    found.producerEpoch++
  }

  /** Ends an open transaction for somebody else than its producer, whose epoch is over with it. */
  #fence(found: Transaction): void {
    const fenced = found.producerEpoch + 1
    const { term } = found.shard
    const done = this.#transition(found, () => {
      found.producerEpoch = fenced
      found.lastProducerEpoch = NO_EPOCH
      found.state = 'prepare-abort'
    })
    void done.then((failure) => {
      if (failure === ERROR.NONE) this.#writeMarkers(found, term)
    })
  }

  /** Until all are written; a coordinator that takes over begins anew: two that are at it would end the transaction that comes next. `term`: of who began the end. */
  #writeMarkers(found: Transaction, term: number): void {
    const { partition } = found.shard
    const committed = found.state === 'prepare-commit'
    const marker = { producerId: found.producerId, producerEpoch: found.producerEpoch, committed, coordinatorEpoch: partition.leaderEpoch, isV2: found.isV2 }
    const isOver = () => found.shard.term !== term || !partition.leaderIsUp
    const left = new Set(found.targets.keys())
    const complete = () => {
      if (left.size > 0 || isOver()) return
      void this.#write(found, () => {
        found.state = committed ? 'complete-commit' : 'complete-abort'
        found.targets = new Map()
        if (found.nextProducerId === NO_ID) return
        Object.assign(found, { previousProducerId: found.producerId, producerId: found.nextProducerId, producerEpoch: 0, lastProducerEpoch: found.producerEpoch, nextProducerId: NO_ID })
      })
    }
    const attempt = async (target: TransactionTarget) => {
      if (isOver()) return
      if (await target.mark(marker)) {
        left.delete(target.key)
        complete()
      } else this.#options.clock.after(MARKER_RETRY_MS, () => void attempt(target))
    }
    complete()
    for (const target of found.targets.values()) this.#options.clock.after(this.#options.markerDelayMs(), () => void attempt(target))
  }

  /** Writes a change to the log; until then nothing else may change the transaction. The error code of it. */
  async #transition(found: Transaction, apply: () => void): Promise<number> {
    if (!found.shard.partition.hasEnoughReplicas) return ERROR.COORDINATOR_NOT_AVAILABLE
    return (await this.#write(found, apply)) ? ERROR.NONE : ERROR.NOT_COORDINATOR
  }

  async #write(found: Transaction, apply: () => void): Promise<boolean> {
    const { term } = found.shard
    found.isPending = true
    const isWritten = await found.shard.write(apply)
    if (found.shard.term === term) found.isPending = false
    const waiting = this.#waiting.get(found.transactionalId)
    if (waiting) {
      this.#waiting.delete(found.transactionalId)
      for (const callback of waiting) callback()
    }
    return isWritten
  }

  #create(transactionalId: string, shard: CoordinatorShard): Transaction {
    const created: Transaction = {
      transactionalId,
      shard,
      producerId: this.newProducerId(),
      previousProducerId: NO_ID,
      producerEpoch: NO_EPOCH,
      lastProducerEpoch: NO_EPOCH,
      nextProducerId: NO_ID,
      timeoutMs: 0,
      state: 'empty',
      targets: new Map(),
      startedAtMs: 0,
      isV2: this.#options.isV2(),
      isPending: false,
    }
    this.#transactions.set(transactionalId, created)
    return created
  }

  #nextIdentity(found: Transaction, expectedEpoch: number | undefined): { producerId: number; previousProducerId: number; producerEpoch: number; lastProducerEpoch: number } | undefined {
    const { producerId, previousProducerId, producerEpoch, lastProducerEpoch } = found
    if (producerEpoch >= LAST_EPOCH && (expectedEpoch === undefined || expectedEpoch === producerEpoch))
      return { producerId: this.newProducerId(), previousProducerId: producerId, producerEpoch: 0, lastProducerEpoch: expectedEpoch === undefined ? NO_EPOCH : producerEpoch }
    const raised = producerEpoch + 1
    if (expectedEpoch === undefined) return { producerId, previousProducerId, producerEpoch: raised, lastProducerEpoch: NO_EPOCH }
    if (producerEpoch === NO_EPOCH || expectedEpoch === producerEpoch) return { producerId, previousProducerId, producerEpoch: raised, lastProducerEpoch: producerEpoch }
    // the answer to the same request was lost
    return expectedEpoch === lastProducerEpoch ? { producerId, previousProducerId, producerEpoch, lastProducerEpoch } : undefined
  }

  /** A coordinator takes over: what was prepared is brought to its end. */
  #loaded(shard: CoordinatorShard): void {
    for (const found of this.#transactions.values()) {
      if (found.shard !== shard) continue
      found.isPending = false
      if (found.state === 'prepare-commit' || found.state === 'prepare-abort') this.#writeMarkers(found, shard.term)
    }
  }

  #expireLater(): void {
    this.#options.clock.after(this.#options.expiryCheckMs, () => {
      const nowMs = this.#options.clock.now()
      for (const found of this.#transactions.values())
        if (found.state === 'ongoing' && !found.isPending && found.shard.isReady && found.shard.partition.leaderIsUp && found.startedAtMs + found.timeoutMs < nowMs) this.#fence(found)
      this.#expireLater()
    })
  }
}

function refused(errorCode: number): ProducerIdentityAnswer {
  return { errorCode, producerId: NO_ID, producerEpoch: NO_EPOCH }
}

function mayContinue(found: Transaction, expected: { producerId: number; epoch: number }): boolean {
  if (found.producerEpoch === NO_EPOCH || expected.producerId === found.producerId) return true
  return expected.producerId === found.previousProducerId && expected.epoch >= LAST_EPOCH
}

/** What becomes of an EndTxn v5: 'end', or an error code; 0: it has been done before. */
function verdictV2(found: Transaction, { producerId, producerEpoch, committed }: { producerId: number; producerEpoch: number; committed: boolean }): number | 'end' {
  // first of all, since the epoch that the request names may be that of the transition: observed on 4.3.1
  if (found.isPending) return ERROR.CONCURRENT_TRANSACTIONS
  const isRetryOverflowed = found.previousProducerId === producerId && producerEpoch === LAST_EPOCH && found.producerEpoch === 0
  const isRetry = isRetryOverflowed || found.producerEpoch === producerEpoch + 1
  if (found.producerId !== producerId && !isRetryOverflowed) return ERROR.INVALID_PRODUCER_ID_MAPPING
  if (producerEpoch !== found.producerEpoch && !isRetry) return ERROR.PRODUCER_FENCED
  switch (found.state) {
    case 'ongoing':
      // the epoch is one ahead because somebody was fenced and the abort was not written
      return isRetry ? ERROR.PRODUCER_FENCED : 'end'
    case 'complete-commit':
      if (committed) return isRetry ? ERROR.NONE : ERROR.INVALID_TXN_STATE
      return isRetry ? ERROR.INVALID_TXN_STATE : 'end'
    case 'complete-abort':
      if (committed) return ERROR.INVALID_TXN_STATE
      return isRetry ? ERROR.NONE : 'end'
    case 'prepare-commit':
      return committed ? ERROR.CONCURRENT_TRANSACTIONS : ERROR.INVALID_TXN_STATE
    case 'prepare-abort':
      return committed ? ERROR.INVALID_TXN_STATE : ERROR.CONCURRENT_TRANSACTIONS
    case 'empty':
      return committed ? ERROR.INVALID_TXN_STATE : 'end'
  }
}

/** The same for EndTxn up to v4. */
function verdictV1(found: Transaction, { producerId, producerEpoch, committed }: { producerId: number; producerEpoch: number; committed: boolean }): number | 'end' {
  if (found.producerId !== producerId) return ERROR.INVALID_PRODUCER_ID_MAPPING
  if (producerEpoch !== found.producerEpoch) return ERROR.PRODUCER_FENCED
  if (found.isPending) return ERROR.CONCURRENT_TRANSACTIONS
  switch (found.state) {
    case 'ongoing':
      return 'end'
    case 'complete-commit':
      return committed ? ERROR.NONE : ERROR.INVALID_TXN_STATE
    case 'complete-abort':
      return committed ? ERROR.INVALID_TXN_STATE : ERROR.NONE
    case 'prepare-commit':
      return committed ? ERROR.CONCURRENT_TRANSACTIONS : ERROR.INVALID_TXN_STATE
    case 'prepare-abort':
      return committed ? ERROR.INVALID_TXN_STATE : ERROR.CONCURRENT_TRANSACTIONS
    case 'empty':
      return ERROR.INVALID_TXN_STATE
  }
}
