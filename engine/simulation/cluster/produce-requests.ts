import type { ProducedPartition, ProduceRequest, ProduceResponse } from '../../../ports/broker.ts'
import type { Clock } from '../../../ports/clock.ts'
import * as batch from '../../../records/record-batch.ts'
import { type BatchFault, batchFault } from './batch-validation.ts'
import { ERROR } from './error-code.ts'
import type { Partition } from './partition.ts'
import type { LogOptions } from './partition-log.ts'
import type { Verification } from './producer-states.ts'
import type { TransactionTarget } from './transaction-coordinator.ts'
import type { Topic, Topics } from './topics.ts'

/** A Produce whose bytes are the model's own. */
export interface ReceivedProduce extends Omit<ProduceRequest, 'partitions'> {
  readonly partitions: readonly { topic: string; partition: number; bytes: Buffer }[]
}

export interface TransactionQuestion {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly transactionsV2: boolean
}

export interface ProduceSurroundings {
  readonly clock: Clock
  readonly topics: Topics
  /** Adds the partitions to the transaction (V2), or asks whether they are in it (V1): an error code. */
  readonly joinTransaction: (node: number, question: TransactionQuestion, targets: readonly TransactionTarget[]) => Promise<number>
  /** Resolves at the next change of the transaction, or when the time is over. */
  readonly transactionChanged: (transactionalId: string, limitMs: number) => Promise<void>
  readonly throttleMs: () => number
}

interface Arrived {
  readonly topic: Topic
  readonly partition: Partition
  readonly bytes: Buffer
  verification: Verification | undefined
}

/** The broker goes on asking while the markers of the transaction before are being written: the maximum of `add.partitions.to.txn.retry.backoff.ms`. Here it is told instead: asking again and again was a fifth of all events. */
const CONCURRENT_LIMIT_MS = 100

/** What the leaders of partitions do with Produce, after Kafka's KafkaApis, ReplicaManager and UnifiedLog. */
export async function produce(surroundings: ProduceSurroundings, node: number, request: ReceivedProduce): Promise<ProduceResponse> {
  const transactional = request.partitions.some(({ bytes }) => bytes.length >= batch.HEADER_BYTES && batch.isTransactional(bytes, 0))
  if (transactional && request.transactionalId === undefined) {
    return answerOf(
      surroundings,
      request.partitions.map((at) => failed(at, ERROR.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)),
    )
  }
  const arrived = request.partitions.map(({ topic: name, partition: index, bytes }): Arrived | undefined => {
    const topic = surroundings.topics.get(name)
    const partition = topic?.partitions[index]
    return topic && partition && { topic, partition, bytes, verification: undefined }
  })
  const refusals = await verified(surroundings, node, request, arrived)
  // the appends happen here, one after the other, without an await in between; then all wait together
  const partitions = request.partitions.map((at, i) => {
    const one = arrived[i]
    if (!one) return Promise.resolve(failed(at, ERROR.UNKNOWN_TOPIC_OR_PARTITION))
    const refused = refusals.get(one) ?? ERROR.NONE
    return refused === ERROR.NONE ? append(surroundings, node, request, one) : Promise.resolve(failed(at, refused))
  })
  return answerOf(surroundings, await Promise.all(partitions))
}

/** Settles with the transaction coordinator what goes into the transaction. Answers who may not. */
async function verified(surroundings: ProduceSurroundings, node: number, request: ReceivedProduce, arrived: readonly (Arrived | undefined)[]): Promise<Map<Arrived, number>> {
  const { transactionalId, transactionsV2 } = request
  const refusals = new Map<Arrived, number>()
  if (transactionalId === undefined) return refusals
  const asked: Arrived[] = []
  for (const one of arrived) {
    if (!one || one.bytes.length < batch.HEADER_BYTES || !batch.isTransactional(one.bytes, 0)) continue
    const error = one.partition.leaderError(node, -1)
    if (error !== ERROR.NONE) {
      refusals.set(one, error)
      continue
    }
    const isOpen = one.partition.log.producers.hasOpenTransaction(batch.producerId(one.bytes, 0), batch.producerEpoch(one.bytes, 0))
    if (!isOpen) asked.push(one)
  }
  const [first] = asked
  if (!first) return refusals
  const question = { transactionalId, producerId: batch.producerId(first.bytes, 0), producerEpoch: batch.producerEpoch(first.bytes, 0), transactionsV2 }
  const targets = asked.map(({ topic, partition }) => targetOf(surroundings.topics, topic, partition))
  const untilMs = surroundings.clock.monotonicMs() + CONCURRENT_LIMIT_MS
  const ask = () => {
    // anew each time: a marker that is written while the coordinator is asked voids what it answers
    for (const one of asked) one.verification = one.partition.log.producers.beginVerification({ producerId: question.producerId, epoch: question.producerEpoch, isV2: transactionsV2 })
    return surroundings.joinTransaction(node, question, targets)
  }
  let error = await ask()
  while (transactionsV2 && error === ERROR.CONCURRENT_TRANSACTIONS && surroundings.clock.monotonicMs() < untilMs) {
    await surroundings.transactionChanged(transactionalId, untilMs - surroundings.clock.monotonicMs())
    error = await ask()
  }
  if (error !== ERROR.NONE) for (const one of asked) refusals.set(one, translated(error, transactionsV2))
  return refusals
}

/** What the coordinator says is told to producers in codes that they know from Produce. */
function translated(error: number, transactionsV2: boolean): number {
  if (error === ERROR.PRODUCER_FENCED) return ERROR.INVALID_PRODUCER_EPOCH
  if (error === ERROR.CONCURRENT_TRANSACTIONS) return transactionsV2 ? error : ERROR.NOT_ENOUGH_REPLICAS
  return PASSING.includes(error) ? ERROR.NOT_ENOUGH_REPLICAS : error
}

const PASSING: readonly number[] = [ERROR.NETWORK_EXCEPTION, ERROR.COORDINATOR_LOAD_IN_PROGRESS, ERROR.COORDINATOR_NOT_AVAILABLE, ERROR.NOT_COORDINATOR]

async function append({ clock }: ProduceSurroundings, node: number, request: ReceivedProduce, { topic, partition, bytes, verification }: Arrived): Promise<ProducedPartition> {
  const at = { topic: topic.name, partition: partition.index }
  const { log } = partition
  const notLeader = partition.leaderError(node, -1)
  if (notLeader !== ERROR.NONE) return failed(at, notLeader)
  if (!partition.hasEnoughReplicas) return failed(at, ERROR.NOT_ENOUGH_REPLICAS)
  const fault = batchFault(bytes, topic, clock.now())
  if (fault) return failed(at, fault.errorCode, { ...fault, logStartOffset: fault.recordErrors.length > 0 ? log.start : -1 })
  const { leaderEpoch } = partition
  const produced = {
    producerId: batch.producerId(bytes, 0),
    producerEpoch: batch.producerEpoch(bytes, 0),
    baseSequence: batch.baseSequence(bytes, 0),
    records: batch.recordCount(bytes, 0),
    isTransactional: batch.isTransactional(bytes, 0),
  }
  const isIdempotent = produced.producerId >= 0
  let baseOffset = isIdempotent ? log.producers.duplicateOf(produced) : undefined
  if (baseOffset === undefined) {
    const refused = isIdempotent ? log.producers.check(produced, verification) : ERROR.NONE
    if (refused !== ERROR.NONE) return failed(at, refused)
    if (topic.configs.hasLogAppendTime) stampAppendTime(bytes, clock.now())
    baseOffset = log.append(bytes, leaderEpoch, logOptions(topic))
    partition.replicate()
    partition.notify()
  }
  const errorCode = await partition.acknowledged(baseOffset + produced.records, leaderEpoch, request.timeoutMs)
  return errorCode === ERROR.NONE ? { ...at, errorCode, errorMessage: undefined, baseOffset, logStartOffset: log.start, recordErrors: [] } : failed(at, errorCode)
}

export function logOptions({ configs }: Topic): LogOptions {
  return { segmentBytes: configs.number('segment.bytes'), segmentMs: configs.number('segment.ms') }
}

/** A partition of a topic as the coordinator writes markers to it: to whoever leads it then. */
export function targetOf(topics: Topics, topic: Topic, partition: Partition): TransactionTarget {
  return {
    key: `${topic.name}-${partition.index}`,
    mark: async (marker) => {
      // a topic that is gone has nothing to be ended
      if (topics.get(topic.name) !== topic) return true
      if (partition.leader === undefined || !partition.leaderIsUp || !partition.hasEnoughReplicas) return false
      if (partition.log.producers.checkMarker(marker) !== 'write') return true
      const { leaderEpoch } = partition
      const offset = partition.log.appendMarker({ ...marker, timestamp: partition.clock.now() }, leaderEpoch, logOptions(topic))
      partition.replicate()
      partition.notify()
      return (await partition.acknowledged(offset + 1, leaderEpoch, MARKER_TIMEOUT_MS)) === ERROR.NONE
    },
  }
}

const MARKER_TIMEOUT_MS = 30_000

/** The leader's time instead of the producer's. */
function stampAppendTime(bytes: Buffer, nowMs: number): void {
  bytes.writeBigInt64BE(BigInt(Math.floor(nowMs)), batch.FIELD.maxTimestamp)
  bytes.writeInt16BE(batch.attributes(bytes, 0) | batch.ATTRIBUTE.logAppendTime, batch.FIELD.attributes)
  batch.stampBatch(bytes, { producerId: batch.producerId(bytes, 0), producerEpoch: batch.producerEpoch(bytes, 0), baseSequence: batch.baseSequence(bytes, 0) })
}

function failed(at: { topic: string; partition: number }, errorCode: number, fault?: BatchFault & { logStartOffset: number }): ProducedPartition {
  const { errorMessage, recordErrors = [], logStartOffset = -1 } = fault ?? {}
  return { topic: at.topic, partition: at.partition, errorCode, errorMessage, baseOffset: -1, logStartOffset, recordErrors }
}

function answerOf({ throttleMs }: ProduceSurroundings, partitions: ProducedPartition[]): ProduceResponse {
  return { throttleTimeMs: throttleMs(), partitions }
}
