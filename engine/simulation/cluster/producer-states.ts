import { ERROR } from './error-code.ts'

/** Batches that a partition remembers of each producer: a repetition of one of them is recognised. */
const REMEMBERED_BATCHES = 5
const LARGEST_SEQUENCE = 2_147_483_647
const NO_EPOCH = -1

interface AppendedBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
}

/** What the leader of a partition knows of one producer. Never changed, only replaced: truncation takes the earlier one back. */
export interface ProducerState {
  readonly epoch: number
  readonly coordinatorEpoch: number
  /** The youngest last. */
  readonly batches: readonly AppendedBatch[]
  /** First offset of the transaction that is open here. */
  readonly transactionStart: number | undefined
}

/** A batch as it arrives. */
export interface ProducedBatch {
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly records: number
  readonly isTransactional: boolean
}

/** A permission to append to a transaction that the coordinator was asked about: void when a marker is written in between. */
export interface Verification {
  readonly producerId: number
  readonly epoch: number
  /** The producer follows transactions V2. */
  readonly isV2: boolean
}

const EMPTY: ProducerState = { epoch: NO_EPOCH, coordinatorEpoch: -1, batches: [], transactionStart: undefined }

/** Idempotence and transactions of one partition, after Kafka's ProducerStateManager and ProducerAppendInfo. */
export class ProducerStates {
  readonly #states = new Map<number, ProducerState>()
  readonly #verifications = new Map<number, Verification>()

  get(producerId: number): ProducerState | undefined {
    return this.#states.get(producerId)
  }

  entries(): IterableIterator<[number, ProducerState]> {
    return this.#states.entries()
  }

  /** Puts back what there was. */
  restore(producerId: number, state: ProducerState | undefined): void {
    if (state) this.#states.set(producerId, state)
    else this.#states.delete(producerId)
  }

  hasOpenTransaction(producerId: number, epoch: number): boolean {
    const state = this.#states.get(producerId)
    return state?.transactionStart !== undefined && state.epoch === epoch
  }

  /** Before the coordinator is asked. Who comes late with an older epoch does not void what the current one was promised. */
  beginVerification(asked: Verification): Verification {
    const { producerId, epoch } = asked
    const known = this.#verifications.get(producerId)
    if (known && known.epoch >= epoch) return known
    const verification = { ...asked }
    this.#verifications.set(producerId, verification)
    return verification
  }

  /** The base offset that a batch already has; `undefined`: it is new. */
  duplicateOf({ producerId, producerEpoch, baseSequence, records }: ProducedBatch): number | undefined {
    const state = this.#states.get(producerId)
    if (!state || state.epoch !== producerEpoch) return undefined
    const lastSequence = addToSequence(baseSequence, records - 1)
    return state.batches.find((known) => known.firstSequence === baseSequence && known.lastSequence === lastSequence)?.baseOffset
  }

  /** Why a batch that is no repetition is refused; 0: it is not. */
  check(batch: ProducedBatch, verification: Verification | undefined): number {
    const { producerId, producerEpoch, baseSequence, isTransactional } = batch
    if (isTransactional && !this.hasOpenTransaction(producerId, producerEpoch) && !this.#isValid(verification, batch)) return ERROR.INVALID_TXN_STATE
    const state = this.#states.get(producerId) ?? EMPTY
    if (producerEpoch < state.epoch) return ERROR.INVALID_PRODUCER_EPOCH
    // a transaction of V2 begins at 0, also where nobody knows what was before
    if (state.epoch === NO_EPOCH && verification?.isV2 && baseSequence !== 0) return ERROR.OUT_OF_ORDER_SEQUENCE_NUMBER
    if (state.epoch !== NO_EPOCH) {
      const expected = producerEpoch === state.epoch ? addToSequence(state.batches.at(-1)?.lastSequence ?? -1, 1) : 0
      if (baseSequence !== expected) return ERROR.OUT_OF_ORDER_SEQUENCE_NUMBER
    }
    if (!isTransactional && state.transactionStart !== undefined) return ERROR.INVALID_TXN_STATE
    return ERROR.NONE
  }

  /** The same for what a group coordinator appends: without sequence numbers. */
  checkUnsequenced(verification: Verification): number {
    const { producerId, epoch } = verification
    if (epoch < (this.#states.get(producerId)?.epoch ?? NO_EPOCH)) return ERROR.INVALID_PRODUCER_EPOCH
    return this.hasOpenTransaction(producerId, epoch) || this.#verifications.get(producerId) === verification ? ERROR.NONE : ERROR.INVALID_TXN_STATE
  }

  appended({ producerId, producerEpoch, baseSequence, records, isTransactional }: ProducedBatch, baseOffset: number): void {
    const state = this.#states.get(producerId) ?? EMPTY
    const batch = { firstSequence: baseSequence, lastSequence: addToSequence(baseSequence, records - 1), baseOffset }
    const earlier = state.epoch === producerEpoch ? state.batches.slice(1 - REMEMBERED_BATCHES) : []
    const transactionStart = isTransactional ? (state.transactionStart ?? baseOffset) : undefined
    this.#states.set(producerId, { epoch: producerEpoch, coordinatorEpoch: state.coordinatorEpoch, batches: [...earlier, batch], transactionStart })
    if (isTransactional) this.#verifications.delete(producerId)
  }

  /**
   * A marker is written although it ends nothing here; one of an older epoch, or of a coordinator that was replaced, is not. With V2 nor is one of the
   * current epoch: it has been written before, and another one would end the transaction that comes next.
   */
  checkMarker(marker: { producerId: number; producerEpoch: number; coordinatorEpoch: number; isV2: boolean }): 'write' | 'stale-epoch' | 'stale-coordinator' {
    const state = this.#states.get(marker.producerId)
    if (state && (marker.isV2 ? marker.producerEpoch <= state.epoch : marker.producerEpoch < state.epoch)) return 'stale-epoch'
    return state && marker.coordinatorEpoch < state.coordinatorEpoch ? 'stale-coordinator' : 'write'
  }

  /** Answers where the transaction that ends here began. */
  ended({ producerId, producerEpoch, coordinatorEpoch }: { producerId: number; producerEpoch: number; coordinatorEpoch: number }): number | undefined {
    const state = this.#states.get(producerId) ?? EMPTY
    const batches = state.epoch === producerEpoch ? state.batches : []
    this.#states.set(producerId, { epoch: producerEpoch, coordinatorEpoch, batches, transactionStart: undefined })
    this.#verifications.delete(producerId)
    return state.transactionStart
  }

  #isValid(verification: Verification | undefined, { producerId, producerEpoch }: ProducedBatch): boolean {
    return verification !== undefined && verification.epoch === producerEpoch && this.#verifications.get(producerId) === verification
  }
}

/** Sequence numbers begin again at 0 behind the largest int32. */
function addToSequence(sequence: number, count: number): number {
  return sequence > LARGEST_SEQUENCE - count ? count - (LARGEST_SEQUENCE - sequence) - 1 : sequence + count
}
