import type { AbortedTransaction, Broker, FetchedPartition, FetchRequest, JoinGroupRequest, JoinGroupResponse, OffsetToCommit, ProducedPartition } from '../../../ports/broker.ts'
import { LATEST_TIMESTAMP } from '../../../ports/broker.ts'
import { BatchBuilder } from '../../../records/batch-builder.ts'
import { ByteView } from '../../../records/byte-view.ts'
import { CommittedCursor } from '../../../records/committed-cursor.ts'
import { stampBatch } from '../../../records/record-batch.ts'

/** A broker under contract: the real one or the model, each with its own time. */
export interface ContractTarget {
  readonly broker: Broker
  /** Another client of the same cluster. */
  readonly connect: (clientId: string) => Broker
  /** Distinguishes this run's names from those of all others. */
  readonly run: string
  readonly now: () => number
  /** Lets time pass. */
  readonly pass: (ms: number) => Promise<void>
  /** Lets time pass until a promise is settled. */
  readonly settled: <T>(promise: Promise<T>) => Promise<T>
  /** Has the log cleaner look at a partition. A broker that has a will of its own does so by and by. */
  readonly compact: (topic: string, partition: number) => void
  readonly close: () => Promise<void>
}

export interface ContractTopic {
  readonly topic: string
  readonly topicId: string
  readonly leader: number
  readonly leaderEpoch: number
}

export interface Identity {
  readonly transactionalId: string
  readonly node: number
  readonly producerId: number
  readonly producerEpoch: number
}

export interface Batch {
  readonly values?: readonly (string | undefined)[]
  readonly keys?: readonly (string | undefined)[]
  readonly timestamps?: readonly number[]
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
}

const LONG_MS = 60_000
const LOADING = [14, 15, 16]
/** No producer has this id. */
const NOBODY = 9_000_000_000_000

/** What the cases of the contract do with a broker. */
export class ContractRun {
  readonly broker: Broker
  readonly #target: ContractTarget
  readonly #case: string

  constructor(target: ContractTarget, name: string) {
    this.#target = target
    this.broker = target.broker
    this.#case = `${name}-${target.run}`
  }

  /** A name of this case's own. */
  name(of: string): string {
    return `${this.#case}-${of}`
  }

  now(): number {
    return Math.floor(this.#target.now())
  }

  pass(ms: number): Promise<void> {
    return this.#target.pass(ms)
  }

  compact({ topic }: ContractTopic): void {
    this.#target.compact(topic, 0)
  }

  connect(clientId: string): Broker {
    return this.#target.connect(clientId)
  }

  settled<T>(promise: Promise<T>): Promise<T> {
    return this.#target.settled(promise)
  }

  /** The port retries nothing, and what has just been made takes a moment to be known: asks until the answer is good. */
  async until<Answer>(ask: () => Promise<Answer>, good: (answer: Answer) => boolean, pauseMs = 5): Promise<Answer> {
    const endMs = this.#target.now() + LONG_MS
    for (;;) {
      const answer = await this.settled(ask())
      if (good(answer)) return answer
      if (this.#target.now() > endMs) throw new Error(`not within ${LONG_MS} ms; the last answer: ${JSON.stringify(answer)}`)
      await this.pass(pauseMs)
    }
  }

  async topic(of = 'topic', partitions = 1, configs: Record<string, string> = {}): Promise<ContractTopic> {
    const topic = this.name(of)
    const [made] = await this.settled(this.broker.createTopics([{ name: topic, partitions, replicationFactor: -1, configs: new Map(Object.entries(configs)) }]))
    if (made?.errorCode !== 0) throw new Error(`${topic}: ${made?.errorCode} ${made?.errorMessage}`)
    return await this.known(topic, partitions)
  }

  /** Until each partition has a leader that knows it is. All on one node: a case sends what it has to say to one. */
  async known(topic: string, partitions: number): Promise<ContractTopic> {
    const asked = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, timestamp: LATEST_TIMESTAMP, currentLeaderEpoch: -1 }))
    const isKnown = ({ topics: [found] }: Awaited<ReturnType<Broker['metadata']>>) => found?.errorCode === 0 && found.partitions.length === partitions && found.partitions.every(({ leader }) => leader !== undefined)
    const { topics } = await this.until(() => this.broker.metadata([topic]), isKnown)
    const [found] = topics
    const leaderOf = (partition: number) => found?.partitions.find((known) => known.partition === partition)?.leader ?? -1
    for (const at of asked) await this.until(() => this.broker.listOffsets(leaderOf(at.partition), { readCommitted: false, partitions: [at] }), ([offset]) => offset?.errorCode === 0)
    const first = found?.partitions.find(({ partition }) => partition === 0)
    return { topic, topicId: found?.topicId ?? '', leader: first?.leader ?? -1, leaderEpoch: first?.leaderEpoch ?? -1 }
  }

  /** Until there is one that has read its log. */
  async coordinator(type: 'group' | 'transaction', key: string): Promise<number> {
    const { node } = await this.until(() => this.broker.findCoordinator(type, key), ({ errorCode }) => errorCode === 0)
    const ask = (): Promise<{ errorCode: number }> =>
      type === 'group'
        ? this.broker.offsetFetch(node, { groupId: key, partitions: undefined, requireStable: false })
        : this.broker.endTxn(node, { transactionalId: key, producerId: NOBODY, producerEpoch: 0, committed: false, transactionsV2: false })
    await this.until(ask, ({ errorCode }) => !LOADING.includes(errorCode))
    return node
  }

  /** InitProducerId of a transactional id, repeated while a transaction before is being ended. */
  async identity(of = 'producer', transactionTimeoutMs = 60_000): Promise<Identity> {
    const transactionalId = this.name(of)
    const node = await this.coordinator('transaction', transactionalId)
    const request = { transactionalId, transactionTimeoutMs, producerId: -1, producerEpoch: -1 }
    const { producerId, producerEpoch } = await this.until(() => this.broker.initProducerId(node, request), ({ errorCode }) => errorCode === 0)
    return { transactionalId, node, producerId, producerEpoch }
  }

  /** An idempotent producer's id, without transactions. */
  async plainIdentity(node: number): Promise<{ producerId: number; producerEpoch: number }> {
    const request = { transactionalId: undefined, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 }
    return await this.until(() => this.broker.initProducerId(node, request), ({ errorCode }) => errorCode === 0)
  }

  sealed(batch: Batch): Buffer {
    const { values = ['value'], keys, timestamps, transactional = false, producerId = -1, producerEpoch = -1, baseSequence = -1 } = batch
    const builder = new BatchBuilder({ transactional, limitBytes: 10_000_000 })
    values.forEach((value, i) => {
      const key = keys === undefined ? `key-${i}` : keys[i]
      builder.append(timestamps?.[i] ?? this.now(), key === undefined ? undefined : ByteView.of(key), value === undefined ? undefined : ByteView.of(value), undefined)
    })
    const bytes = builder.seal()
    stampBatch(bytes, { producerId, producerEpoch, baseSequence })
    return bytes
  }

  /** One attempt to produce bytes as they are. */
  async produceBytes({ topic, leader }: ContractTopic, bytes: Buffer, transactionalId?: string, partition = 0, transactionsV2 = true): Promise<ProducedPartition> {
    const request = { transactionalId, transactionsV2, timeoutMs: 5_000, partitions: [{ topic, partition, records: [bytes] }] }
    const { partitions } = await this.settled(this.broker.produce(leader, transactionalId ?? 'plain', request))
    const [produced] = partitions
    if (!produced) throw new Error('Produce answered nothing')
    return produced
  }

  /** Outside of transactions. */
  produce(topic: ContractTopic, batch: Batch = {}): Promise<ProducedPartition> {
    return this.produceBytes(topic, this.sealed(batch))
  }

  /** One attempt in a transaction. */
  produceIn(identity: Identity, topic: ContractTopic, batch: Batch = {}): Promise<ProducedPartition> {
    const { producerId, producerEpoch, transactionalId } = identity
    return this.produceBytes(topic, this.sealed({ producerId, producerEpoch, baseSequence: 0, transactional: true, ...batch }), transactionalId)
  }

  /** The same, repeated while the markers of the transaction before are on their way. */
  append(identity: Identity, topic: ContractTopic, batch: Batch = {}): Promise<ProducedPartition> {
    return this.until(() => this.produceIn(identity, topic, batch), ({ errorCode }) => errorCode !== 51)
  }

  /** One attempt; answers the identity for the next transaction. */
  async endOnce(identity: Identity, outcome: 'commit' | 'abort'): Promise<Identity & { errorCode: number }> {
    const { node, transactionalId, producerId, producerEpoch } = identity
    const answer = await this.settled(this.broker.endTxn(node, { transactionalId, producerId, producerEpoch, committed: outcome === 'commit' }))
    return { ...identity, ...answer }
  }

  async end(identity: Identity, outcome: 'commit' | 'abort'): Promise<Identity & { errorCode: number }> {
    return await this.until(() => this.endOnce(identity, outcome), ({ errorCode }) => errorCode !== 51)
  }

  async fetch({ topic, topicId, leader }: ContractTopic, options: Partial<FetchRequest> & Partial<FetchRequest['partitions'][number]> = {}): Promise<FetchedPartition> {
    const { maxWaitMs = 100, minBytes = 1, maxBytes = 10_000_000, readCommitted = false, partition = 0, fetchOffset = 0, currentLeaderEpoch = -1, lastFetchedEpoch = -1 } = options
    const asked = { topic, topicId, partition, fetchOffset, currentLeaderEpoch, lastFetchedEpoch, maxBytes, ...(options.topicId !== undefined && { topicId: options.topicId }) }
    const { partitions } = await this.settled(this.broker.fetch(leader, { maxWaitMs, minBytes, maxBytes, readCommitted, partitions: [asked] }))
    const [fetched] = partitions
    if (!fetched) throw new Error('Fetch answered nothing')
    return fetched
  }

  /** What a reader of committed records finds, once nothing is open or being ended. */
  async committed(topic: ContractTopic): Promise<{ values: string[]; aborted: readonly AbortedTransaction[]; end: number }> {
    const settled = (fetched: FetchedPartition) => fetched.lastStableOffset === fetched.highWatermark
    const fetched = await this.until(() => this.fetch(topic, { readCommitted: true }), settled)
    return { values: valuesIn(fetched, true), aborted: fetched.abortedTransactions, end: fetched.highWatermark }
  }

  /** Until a marker has arrived: the last stable offset has caught up. */
  async stable(topic: ContractTopic): Promise<number> {
    return (await this.until(() => this.fetch(topic), ({ lastStableOffset, highWatermark }) => lastStableOffset === highWatermark)).highWatermark
  }

  async txnOffsets(identity: Identity, group: { groupId: string; node: number }, offsets: readonly OffsetToCommit[], member: { generationId?: number; memberId?: string; groupInstanceId?: string } = {}) {
    const { transactionalId, producerId, producerEpoch } = identity
    const { generationId = -1, memberId = '', groupInstanceId } = member
    const request = { transactionalId, transactionsV2: true, producerId, producerEpoch, groupId: group.groupId, generationId, memberId, groupInstanceId, offsets }
    return await this.until(() => this.broker.txnOffsetCommit(group.node, transactionalId, request), (answers) => answers.every(({ errorCode }) => errorCode !== 51))
  }

  async group(of = 'group'): Promise<{ groupId: string; node: number }> {
    const groupId = this.name(of)
    return { groupId, node: await this.coordinator('group', groupId) }
  }

  /** One attempt; the answer may be held for long. */
  join(group: { groupId: string; node: number }, member: Partial<JoinGroupRequest> & { metadata?: string } = {}, broker = this.broker): Promise<JoinGroupResponse> {
    const { metadata = 'subscription', ...rest } = member
    const protocols = [{ name: 'plain', metadata: Buffer.from(metadata) }]
    const request = { memberId: '', groupInstanceId: undefined, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, protocolType: 'test', protocols, reason: 'a test', ...rest }
    return broker.joinGroup(group.node, { groupId: group.groupId, ...request })
  }

  /** Joins until it is in: a coordinator may still be loading, a dynamic member is told its id first. */
  async joined(group: { groupId: string; node: number }, member: Partial<JoinGroupRequest> & { metadata?: string } = {}): Promise<JoinGroupResponse> {
    let memberId = member.memberId ?? ''
    return await this.until(
      async () => {
        const answer = await this.join(group, { ...member, memberId })
        if (answer.errorCode === 79) memberId = answer.memberId
        return answer
      },
      ({ errorCode }) => ![79, 14, 15, 16].includes(errorCode),
    )
  }

  async sync(group: { groupId: string; node: number }, joined: JoinGroupResponse, options: { groupInstanceId?: string; assignments?: Record<string, string> } = {}) {
    const assignments = Object.entries(options.assignments ?? {}).map(([memberId, assignment]) => ({ memberId, assignment: Buffer.from(assignment) }))
    const request = { groupId: group.groupId, generationId: joined.generationId, memberId: joined.memberId, groupInstanceId: options.groupInstanceId, protocolType: 'test', protocolName: 'plain', assignments }
    return await this.broker.syncGroup(group.node, request)
  }

  /** A group of one static or dynamic member that is stable. */
  async lone(group: { groupId: string; node: number }, groupInstanceId?: string, options: Partial<JoinGroupRequest> = {}): Promise<JoinGroupResponse> {
    const joined = await this.joined(group, { ...options, groupInstanceId })
    await this.settled(this.sync(group, joined, { ...(groupInstanceId !== undefined && { groupInstanceId }), assignments: { [joined.memberId]: 'all' } }))
    return joined
  }

  heartbeat(group: { groupId: string; node: number }, { memberId, generationId }: { memberId: string; generationId: number }, groupInstanceId?: string): Promise<{ errorCode: number }> {
    return this.settled(this.broker.heartbeat(group.node, { groupId: group.groupId, memberId, generationId, groupInstanceId }))
  }
}

export function valuesIn({ buffer, start, end, abortedTransactions }: FetchedPartition, readCommitted = false, fetchOffset = 0): string[] {
  const cursor = new CommittedCursor()
  const values: string[] = []
  cursor.reset({ buffer, start, end, fetchOffset, abortedTransactions }, readCommitted)
  while (cursor.next()) values.push(cursor.hasValue ? cursor.value.toString() : '(null)')
  return values
}

export function offsetOf(topic: string, offset: number, partition = 0): OffsetToCommit {
  return { topic, partition, offset, leaderEpoch: -1, metadata: '' }
}
