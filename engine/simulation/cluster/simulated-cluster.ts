import type { Broker, NewTopic } from '../../../ports/broker.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { Random } from '../../../ports/random.ts'
import type { ClassicGroup } from './classic-group.ts'
import { ClusterNodes } from './cluster-nodes.ts'
import type { ClusterParts } from './cluster-parts.ts'
import { Controller } from './controller.ts'
import { CoordinatorShard } from './coordinator-topic.ts'
import { ERROR } from './error-code.ts'
import { type ForeignRecord, writeForeign } from './foreign-writer.ts'
import { GroupCoordinator, type GroupSettings } from './group-coordinator.ts'
import { cleanLog } from './log-cleaner.ts'
import { type LogView, viewLog } from './log-view.ts'
import type { Partition } from './partition.ts'
import { logOptions } from './produce-requests.ts'
import { type ClusterNetwork, simulatedBroker } from './simulated-broker.ts'
import { Topics } from './topics.ts'
import { TransactionCoordinator, type TransactionState, type TransactionTarget } from './transaction-coordinator.ts'

export interface SimulatedClusterOptions {
  readonly clock: Clock
  readonly random: Random
  /** Brokers, with the ids 1 to n. Default 3. */
  readonly nodes?: number
  readonly clusterId?: string
  /** 1: transactions V1. Default 2. */
  readonly transactionVersion?: 1 | 2
  /** With V1: whether leaders ask the coordinator before a transaction begins in their partition, as they do since Kafka 3.6, and for offsets since 3.7. Default: true. */
  readonly verifiesTransactions?: boolean
  readonly timing?: Partial<ClusterTiming>
  readonly groupSettings?: Partial<GroupSettings>
  /** Settings of topics that do not say otherwise, for instance `min.insync.replicas`. */
  readonly topicDefaults?: Readonly<Record<string, string>>
}

/** From a least to a most, drawn each time; milliseconds. */
export interface ClusterTiming {
  readonly replicationMs: readonly [number, number]
  /** A coordinator's append to its own topic. */
  readonly coordinatorWriteMs: readonly [number, number]
  readonly coordinatorLoadMs: readonly [number, number]
  readonly markerMs: readonly [number, number]
  /** Of the markers this share is late by so much, until the cluster is healed. */
  readonly lateMarkers: { readonly share: number; readonly byMs: readonly [number, number] }
  readonly electionMs: readonly [number, number]
  /** Until a broker that was killed is missed: `broker.session.timeout.ms`. */
  readonly failoverMs: number
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms`. */
  readonly transactionExpiryCheckMs: number
}

const TIMING: ClusterTiming = {
  replicationMs: [0.2, 2],
  coordinatorWriteMs: [0.2, 2],
  coordinatorLoadMs: [5, 100],
  markerMs: [0.2, 3],
  lateMarkers: { share: 0, byMs: [0, 0] },
  electionMs: [0.5, 5],
  failoverMs: 4_000,
  transactionExpiryCheckMs: 10_000,
}

const GROUP_SETTINGS: GroupSettings = { initialDelayMs: 0, minSessionMs: 1_000, maxSessionMs: 1_800_000, maxMetadataBytes: 4_096 }
const COORDINATOR_PARTITIONS = 4
const MAX_TRANSACTION_TIMEOUT_MS = 900_000
const NO_PRODUCER = { producerId: -1, producerEpoch: -1 }

/** A transaction that has begun and not ended, for checks. */
export interface OpenTransaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly state: TransactionState
  readonly partitions: readonly string[]
}

/**
 * A model of Apache Kafka 4.3, behind the port `Broker`: real record batches, Kafka's error codes where Kafka has them, time from a clock and chance from a random. `test/contract/broker` holds it against the real one.
 *
 * What it leaves out: authorisation, quotas but for a throttle time, incremental fetch sessions, tiered storage, share and streams groups, and logs of
 * followers (see `Partition`).
 */
export class SimulatedCluster {
  readonly #clock: Clock
  readonly #random: Random
  readonly #nodes: ClusterNodes
  readonly #topics: Topics
  readonly #controller: Controller
  readonly #transactions: TransactionCoordinator
  readonly #groups: GroupCoordinator
  readonly #shards = new Map<Partition, CoordinatorShard>()
  readonly #foreignProducers = new Map<Partition, { producerId: number; producerEpoch: number }>()
  readonly #parts: ClusterParts
  readonly #verifiesTransactions: boolean
  #throttleMs = 0
  #markerMs: readonly [number, number]
  #lateMarkers: number

  constructor(options: SimulatedClusterOptions) {
    const { random, nodes = 3, clusterId = 'simulated', transactionVersion = 2, verifiesTransactions = true, topicDefaults = {} } = options
    const clock = wholeMs(options.clock)
    const timing = { ...TIMING, ...options.timing }
    const draw = ([least, most]: readonly [number, number]) => least + (most - least) * random.next()
    this.#clock = clock
    this.#random = random
    this.#verifiesTransactions = verifiesTransactions
    this.#markerMs = timing.markerMs
    this.#lateMarkers = timing.lateMarkers.share
    this.#nodes = new ClusterNodes(nodes)
    const isUp = (node: number) => this.#nodes.isUp(node)
    const surroundings = { clock, isUp, replicationMs: () => draw(timing.replicationMs), minInSync: (topic: string) => this.#topics.get(topic)?.configs.number('min.insync.replicas') ?? 1 }
    const defaults = { 'min.insync.replicas': nodes >= 3 ? '2' : '1', ...topicDefaults }
    this.#topics = new Topics({ nodes: this.#nodes.ids, random, surroundings, defaults })
    this.#controller = new Controller({
      clock,
      random,
      clusterId,
      nodes: this.#nodes,
      topics: this.#topics,
      failoverMs: timing.failoverMs,
      electionMs: () => draw(timing.electionMs),
      shardOf: (type, key) => (type === 'group' ? this.#groups : this.#transactions).shard(key),
      leaderChanged: (partition) => this.#leaderChanged(partition),
      topicDeleted: ({ name }) => this.#groups.offsets.deleteTopic(name),
    })
    const coordinatorTiming = { writeMs: () => draw(timing.coordinatorWriteMs), loadMs: () => draw(timing.coordinatorLoadMs), isUp }
    const shards = (name: string) => this.#coordinatorTopic(name, coordinatorTiming)
    this.#transactions = new TransactionCoordinator({
      clock,
      shards: shards('__transaction_state'),
      isV2: () => transactionVersion >= 2,
      maxTimeoutMs: MAX_TRANSACTION_TIMEOUT_MS,
      expiryCheckMs: timing.transactionExpiryCheckMs,
      markerDelayMs: () => draw(this.#markerMs) + (this.#lateMarkers > 0 && random.next() < this.#lateMarkers ? draw(timing.lateMarkers.byMs) : 0),
    })
    this.#groups = new GroupCoordinator({
      clock,
      uuid: () => random.uuid(),
      shards: shards('__consumer_offsets'),
      settings: { ...GROUP_SETTINGS, ...options.groupSettings },
      joinTransaction: async (node, request, target) => offsetsError(await this.#joinTransaction(node, request, [target])),
      topicExists: ({ topic, partition }) => this.#topics.partition(topic, partition) !== undefined,
    })
    this.#parts = {
      nodes: this.#nodes,
      topics: this.#topics,
      controller: this.#controller,
      groups: this.#groups,
      transactions: this.#transactions,
      data: { clock, topics: this.#topics, throttleMs: () => this.#throttleMs, joinTransaction: (node, question, targets) => this.#joinTransaction(node, question, targets), transactionChanged: (id, limitMs) => this.#transactionChanged(id, limitMs) },
      features: new Map([['transaction.version', transactionVersion]]),
      transactionVersion,
    }
  }

  /** A client's view: the port. Every request goes through `network`, which may delay, lose, duplicate or cut. */
  broker(clientId: string, network: ClusterNetwork): Broker {
    return simulatedBroker(this.#parts, clientId, network)
  }

  get nodes(): readonly number[] {
    return this.#nodes.ids
  }

  isUp(node: number): boolean {
    return this.#nodes.isUp(node)
  }

  /** A topic that is there at once, with leaders: for the beginning of a world. */
  createTopic(topic: Pick<NewTopic, 'name' | 'partitions'> & { replicationFactor?: number; configs?: Readonly<Record<string, string>> }): void {
    const made = { name: topic.name, partitions: topic.partitions, replicationFactor: topic.replicationFactor ?? -1, configs: new Map(Object.entries(topic.configs ?? {})) }
    const fault = this.#topics.fault(made)
    if (fault) throw new RangeError(`topic ${topic.name}: ${fault.errorMessage}`)
    for (const partition of this.#topics.create(made).partitions) this.#controller.elect(partition)
  }

  /** Deletes a topic and makes it anew, with another id and nothing in it. Its leaders are there at once. */
  remakeTopic(topic: string): void {
    const old = this.#topics.delete(topic)
    if (!old) throw new RangeError(`there is no topic ${topic}`)
    for (const partition of old.partitions) partition.abandon()
    this.#groups.offsets.deleteTopic(topic)
    const made = { name: topic, partitions: old.partitions.length, replicationFactor: old.partitions[0]?.replicas.length ?? 1, configs: old.configs.all }
    for (const partition of this.#topics.create(made).partitions) this.#controller.elect(partition)
  }

  /** `isClean`: it hands over its partitions first. Otherwise they have no leader until it is missed. */
  crash(node: number, { isClean = false }: { isClean?: boolean } = {}): void {
    this.#controller.crash(node, isClean)
  }

  restart(node: number): void {
    this.#controller.restart(node)
  }

  /** To `node`, or to any other that is in sync. Nothing happens while there is none, or no leader. */
  moveLeader(topic: string, partition: number, node?: number): void {
    this.#controller.move(this.#partition(topic, partition), node)
  }

  /** `target`: a group id or transactional id, whose coordinator moves; or a node, which gives up all that it coordinates. */
  moveCoordinator(type: 'group' | 'transaction', target: string | number): void {
    const coordinators = type === 'group' ? this.#groups : this.#transactions
    if (typeof target === 'string') return this.#controller.move(coordinators.shard(target).partition)
    const name = type === 'group' ? '__consumer_offsets' : '__transaction_state'
    for (const partition of this.#topics.get(name)?.partitions ?? []) if (partition.leader === target) this.#controller.move(partition)
  }

  /** Only the leader is in sync: writes are refused where `min.insync.replicas` wants more (NOT_ENOUGH_REPLICAS). */
  setUnderReplicated(topic: string, partition: number, value: boolean): void {
    this.#partition(topic, partition).isUnderReplicated = value
  }

  /** Answers to Fetch and Produce say that the client is to wait for so long. */
  throttle(forMs: number): void {
    this.#throttleMs = forMs
  }

  addPartitions(topic: string, count: number): void {
    const found = this.#topics.get(topic)
    if (!found) throw new RangeError(`there is no topic ${topic}`)
    this.#controller.electSoon(this.#topics.extend(found, count, found.partitions[0]?.replicas.length ?? 1))
  }

  /** What the log cleaner does from time to time to a topic with cleanup policy `compact`; nothing to others. */
  compact(topic: string, partition: number): void {
    const configs = this.#topics.get(topic)?.configs
    const { log } = this.#partition(topic, partition)
    if (!configs?.isCompacted) return
    cleanLog(log, { nowMs: this.#clock.now(), deleteRetentionMs: configs.number('delete.retention.ms'), minLagMs: configs.number('min.compaction.lag.ms') })
  }

  /** Deletes what is older than `retention.ms` or more than `retention.bytes`, by whole files, where the cleanup policy has `delete`. */
  deleteOld(topic: string, partition: number): void {
    const configs = this.#topics.get(topic)?.configs
    const found = this.#partition(topic, partition)
    if (!configs?.isDeleted) return
    const retentionMs = configs.number('retention.ms')
    const retentionBytes = configs.number('retention.bytes')
    const nowMs = this.#clock.now()
    const isOver = ({ bytes, logBytes, youngestMs }: { bytes: number; logBytes: number; youngestMs: number }) =>
      (retentionMs >= 0 && nowMs - youngestMs > retentionMs) || (retentionBytes >= 0 && logBytes - bytes >= retentionBytes)
    if (found.log.deleteOldest(isOver)) found.notify()
  }

  deleteRecordsBefore(topic: string, partition: number, offset: number): void {
    const { log } = this.#partition(topic, partition)
    log.deleteBefore(offset)
  }

  setConfig(topic: string, name: string, value: string): void {
    this.#topics.get(topic)?.configs.set(name, value)
  }

  /** All nodes are up, all partitions replicated, nothing is throttled or late. */
  heal(): void {
    this.#throttleMs = 0
    this.#markerMs = TIMING.markerMs
    this.#lateMarkers = 0
    for (const node of this.#nodes.ids) this.restart(node)
    for (const partition of this.#topics.partitions()) if (partition.isUnderReplicated) partition.isUnderReplicated = false
  }

  log(topic: string, partition: number): LogView {
    return viewLog(this.#partition(topic, partition))
  }

  leaderOf(topic: string, partition: number): number | undefined {
    return this.#partition(topic, partition).leader
  }

  /** The node that coordinates a group or a transactional id; `undefined` while none does. */
  coordinatorOf(type: 'group' | 'transaction', key: string): number | undefined {
    return (type === 'group' ? this.#groups : this.#transactions).shard(key).partition.leader
  }

  /** What the coordinators know to be under way, markers that are being written included. */
  openTransactions(): OpenTransaction[] {
    const open: OpenTransaction[] = []
    for (const { transactionalId, producerId, producerEpoch, state, targets } of this.#transactions.transactions)
      if (state === 'ongoing' || state.startsWith('prepare')) open.push({ transactionalId, producerId, producerEpoch, state, partitions: [...targets.keys()] })
    return open
  }

  get groups(): ReadonlyMap<string, ClassicGroup> {
    return this.#groups.groups
  }

  /** Calls back whenever a group has committed an offset of a partition (`topic-partition`). */
  onCommitted(callback: (groupId: string, at: string, offset: number) => void): void {
    this.#groups.offsets.onCommitted = callback
  }

  /** By `topic-partition`: the next offset of each partition that the group has committed. */
  committedOffsets(groupId: string): ReadonlyMap<string, { readonly offset: number; readonly metadata: string }> {
    return this.#groups.offsets.committed(groupId)
  }

  /** Somebody else writes, past network and faults: what was written stays. The base offset; `undefined` while the partition has no leader that is up. */
  append(topic: string, partition: number, records: readonly ForeignRecord[], { transaction }: { transaction?: 'commit' | 'abort' | 'open' } = {}): number | undefined {
    const found = this.#partition(topic, partition)
    const made = this.#topics.get(topic)
    if (!found.leaderIsUp || !made) return undefined
    const writer = transaction === undefined ? NO_PRODUCER : this.#foreignProducer(found, transaction)
    const baseOffset = writeForeign(found, { records, ...writer, transaction, nowMs: this.#clock.now(), options: logOptions(made) })
    // At once: a leader that fails must not leave a transaction of theirs without its marker, which nobody would write again.
    found.log.replicated(found.log.end)
    found.notify()
    return baseOffset
  }

  /** One for each partition: its transactions follow each other under growing epochs, committed ones behind aborted ones. What stays open is another one's. */
  #foreignProducer(partition: Partition, transaction: 'commit' | 'abort' | 'open'): { producerId: number; producerEpoch: number } {
    const known = transaction === 'open' ? undefined : this.#foreignProducers.get(partition)
    const next = known === undefined ? { producerId: this.#transactions.newProducerId(), producerEpoch: 0 } : { ...known, producerEpoch: known.producerEpoch + 1 }
    if (transaction !== 'open') this.#foreignProducers.set(partition, next)
    return next
  }

  /** The broker that leads a partition tells the transaction coordinator, which has to be there. */
  async #joinTransaction(
    node: number,
    question: { transactionalId: string; producerId: number; producerEpoch: number; transactionsV2: boolean },
    targets: readonly TransactionTarget[],
  ): Promise<number> {
    // what a broker was at when it died goes no further
    if (!this.#nodes.isUp(node)) return ERROR.NETWORK_EXCEPTION
    if (!question.transactionsV2 && !this.#verifiesTransactions) return ERROR.NONE
    const { partition, isReady } = this.#transactions.shard(question.transactionalId)
    if (partition.leader === undefined) return ERROR.COORDINATOR_NOT_AVAILABLE
    if (!partition.leaderIsUp) return ERROR.NETWORK_EXCEPTION
    if (!isReady) return ERROR.COORDINATOR_LOAD_IN_PROGRESS
    if (question.transactionsV2) return await this.#transactions.addTargets({ ...question, targets, isV2: true })
    return targets.map(({ key }) => this.#transactions.verify({ ...question, key })).find((error) => error !== ERROR.NONE) ?? ERROR.NONE
  }

  #transactionChanged(transactionalId: string, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(limitMs, () => {
        forget()
        resolve()
      })
      const forget = this.#transactions.onChange(transactionalId, () => {
        timer.cancel()
        resolve()
      })
    })
  }

  #coordinatorTopic(name: string, timing: { writeMs: () => number; loadMs: () => number; isUp: (node: number) => boolean }): CoordinatorShard[] {
    const configs = new Map([['cleanup.policy', 'compact']])
    const { partitions } = this.#topics.create({ name, partitions: COORDINATOR_PARTITIONS, replicationFactor: -1, configs }, true)
    const shards = partitions.map((partition) => {
      const shard = new CoordinatorShard(partition, { clock: this.#clock, random: this.#random, timing })
      this.#shards.set(partition, shard)
      return shard
    })
    this.#controller.electSoon(partitions)
    return shards
  }

  #leaderChanged(partition: Partition): void {
    const shard = this.#shards.get(partition)
    if (!shard) return
    shard.moved()
    if (partition.topic === '__consumer_offsets') this.#groups.unload(shard)
  }

  #partition(topic: string, partition: number): Partition {
    const found = this.#topics.partition(topic, partition)
    if (!found) throw new RangeError(`there is no partition ${topic}-${partition}`)
    return found
  }
}

/** Kafka's wall clock has no fractions of a millisecond, and records keep what it says. */
function wholeMs(clock: Clock): Clock {
  return { now: () => Math.floor(clock.now()), monotonicMs: () => clock.monotonicMs(), after: (delayMs, callback) => clock.after(delayMs, callback), turn: () => clock.turn() }
}

/** What the transaction coordinator says, in codes that a client knows from a group coordinator. */
function offsetsError(error: number): number {
  if (error === ERROR.NETWORK_EXCEPTION) return ERROR.COORDINATOR_LOAD_IN_PROGRESS
  return error === ERROR.PRODUCER_FENCED ? ERROR.INVALID_PRODUCER_EPOCH : error
}
