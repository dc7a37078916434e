import type {
  Broker,
  ClusterFeatures,
  EndTxnRequest,
  FetchRequest,
  FetchResponse,
  GroupGeneration,
  JoinGroupRequest,
  JoinGroupResponse,
  ListOffsetsRequest,
  Metadata,
  NewTopic,
  OffsetToCommit,
  ProduceRequest,
  ProduceResponse,
  SyncGroupRequest,
  TopicPartition,
  TransactionOwner,
  TxnOffsetCommitRequest,
} from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import type { Clock } from '../ports/clock.ts'
import { Connection, type ConnectionOptions, SOFTWARE } from './connection.ts'
import { type Address, Connections, type Place } from './connections.ts'
import type { Api } from './protocol/api.ts'
import { apiVersionsApi, findCoordinatorApi, metadataApi } from './protocol/cluster.ts'
import { FrameMemory } from './protocol/frame-memory.ts'
import { fetchApi } from './protocol/fetch.ts'
import { deleteGroupsApi, describeGroupsApi, heartbeatApi, joinGroupApi, type LeaveGroupRequest, leaveGroupApi, syncGroupApi } from './protocol/groups.ts'
import { type EpochQuestion, listOffsetsApi, type OffsetFetchRequest, offsetCommitApi, offsetFetchApi, offsetForLeaderEpochApi } from './protocol/offsets.ts'
import { produceApi, transactionalProduceApi, transactionalProduceV1Api } from './protocol/produce.ts'
import { createTopicsApi, deleteRecordsApi, deleteTopicsApi, describeTopicConfigsApi } from './protocol/topics.ts'
import { addOffsetsToTxnApi, addPartitionsToTxnApi, endTxnApi, endTxnV1Api, initProducerIdApi, txnOffsetCommitApi, txnOffsetCommitV1Api } from './protocol/transactions.ts'

/** A heartbeat is answered at once or not at all: on a connection that has died in silence, the session (6 s and more) would be over before the common limit. */
const HEARTBEAT_TIMEOUT_MS = 3_000

export interface WireBrokerOptions {
  /** Addresses `host:port` to begin with. One that answers is enough. */
  readonly bootstrap: readonly string[]
  readonly clientId: string
  readonly clock: Clock
  /** Set, if only to `{}`: every connection is made with TLS. Options of `tls.connect`. */
  readonly tls?: NonNullable<ConnectionOptions['tls']>
  readonly sasl?: NonNullable<ConnectionOptions['sasl']>
  /** How long an answer may take beyond the time that the request itself allows the broker. Default 30,000. */
  readonly requestTimeoutMs?: number
  /** For connecting and authenticating. Default 5,000. */
  readonly connectTimeoutMs?: number
}

/** The port `Broker` on sockets. Besides what the port names, calls reject with a `KafkaError` SASL_AUTHENTICATION_FAILED where the credentials are refused. */
export class WireBroker implements Broker {
  readonly #bootstrap: readonly string[]
  readonly #connectionOptions: Omit<ConnectionOptions, 'host' | 'port'>
  readonly #requestTimeoutMs: number
  readonly #memory = new FrameMemory()
  readonly #connections = new Connections((place) => this.#open(place))
  readonly #addresses = new Map<number, Address>()
  /** By group, as of its last JoinGroup: the broker may hold a SyncGroup as long. */
  readonly #rebalanceTimeoutsMs = new Map<string, number>()
  #lastAnswered: Place | undefined
  #controller: number | undefined

  constructor({ bootstrap, clientId, clock, tls, sasl, requestTimeoutMs = 30_000, connectTimeoutMs = 5_000 }: WireBrokerOptions) {
    for (const address of bootstrap) parseAddress(address)
    this.#bootstrap = bootstrap
    this.#requestTimeoutMs = requestTimeoutMs
    this.#connectionOptions = { clientId, clock, connectTimeoutMs, requestTimeoutMs, memory: this.#memory, ...(tls && { tls }), ...(sasl && { sasl }) }
  }

  async metadata(topics: readonly string[] | undefined): Promise<Metadata> {
    const metadata = await this.#askAny(metadataApi, { topics })
    this.#addresses.clear()
    for (const { node, host, port } of metadata.nodes) this.#addresses.set(node, { host, port })
    this.#controller = this.#addresses.has(metadata.controller) ? metadata.controller : undefined
    return metadata
  }

  async features(): Promise<ClusterFeatures> {
    const { features, versions } = await this.#askAny(apiVersionsApi, SOFTWARE)
    const speaks = ({ key, minVersion }: { key: number; minVersion: number }) => (versions.get(key)?.max ?? -1) >= minVersion
    const transactionsV2 = (features.get('transaction.version') ?? 0) >= 2 && [transactionalProduceApi, txnOffsetCommitApi, endTxnApi].every(speaks)
    return { finalised: features, transactionsV2 }
  }

  async fetch(node: number, request: FetchRequest): Promise<FetchResponse> {
    const response = await this.#askAlone(node, 'fetch', fetchApi, request, request.maxWaitMs + this.#requestTimeoutMs)
    // All partitions lie in the one frame of the answer.
    const frame = response.partitions[0]?.buffer
    return frame === undefined ? response : { ...response, release: () => this.#memory.give(frame) }
  }

  listOffsets(node: number, request: ListOffsetsRequest) {
    return this.#ask(node, 'control', listOffsetsApi, request)
  }

  offsetForLeaderEpoch(node: number, partitions: readonly EpochQuestion[]) {
    return this.#ask(node, 'control', offsetForLeaderEpochApi, partitions)
  }

  async findCoordinator(type: 'group' | 'transaction', key: string): Promise<{ errorCode: number; node: number }> {
    const found = await this.#askAny(findCoordinatorApi, { type, key })
    if (!found) return { errorCode: COORDINATOR_NOT_AVAILABLE, node: -1 }
    const { errorCode, node, host, port } = found
    if (errorCode === 0) this.#addresses.set(node, { host, port })
    return { errorCode, node }
  }

  initProducerId(node: number, request: { transactionalId: string | undefined; transactionTimeoutMs: number; producerId: number; producerEpoch: number }) {
    return this.#ask(node, 'transactions', initProducerIdApi, request)
  }

  async produce(node: number, lane: string, request: ProduceRequest): Promise<ProduceResponse> {
    const { transactionalId, transactionsV2, timeoutMs } = request
    const api = transactionalId === undefined ? produceApi : transactionsV2 ? transactionalProduceApi : transactionalProduceV1Api
    return await this.#ask(node, lane, api, request, Math.max(this.#requestTimeoutMs, timeoutMs + ANSWER_GRACE_MS))
  }

  async txnOffsetCommit(node: number, lane: string, request: TxnOffsetCommitRequest) {
    return await this.#ask(node, lane, request.transactionsV2 ? txnOffsetCommitApi : txnOffsetCommitV1Api, request)
  }

  endTxn(node: number, request: EndTxnRequest) {
    return this.#ask(node, 'transactions', (request.transactionsV2 ?? true) ? endTxnApi : endTxnV1Api, request)
  }

  addPartitionsToTxn(node: number, request: TransactionOwner & { partitions: readonly TopicPartition[] }) {
    return this.#ask(node, 'transactions', addPartitionsToTxnApi, request)
  }

  addOffsetsToTxn(node: number, request: TransactionOwner & { groupId: string }) {
    return this.#ask(node, 'transactions', addOffsetsToTxnApi, request)
  }

  joinGroup(node: number, request: JoinGroupRequest): Promise<JoinGroupResponse> {
    this.#rebalanceTimeoutsMs.set(request.groupId, request.rebalanceTimeoutMs)
    return this.#askAlone(node, 'join', joinGroupApi, request, request.rebalanceTimeoutMs + ANSWER_GRACE_MS)
  }

  syncGroup(node: number, request: SyncGroupRequest) {
    const heldMs = this.#rebalanceTimeoutsMs.get(request.groupId) ?? this.#requestTimeoutMs
    return this.#askAlone(node, 'join', syncGroupApi, request, heldMs + ANSWER_GRACE_MS)
  }

  heartbeat(node: number, request: GroupGeneration) {
    return this.#ask(node, 'heartbeat', heartbeatApi, request, HEARTBEAT_TIMEOUT_MS)
  }

  leaveGroup(node: number, request: LeaveGroupRequest) {
    return this.#ask(node, 'group', leaveGroupApi, request)
  }

  offsetFetch(node: number, request: OffsetFetchRequest) {
    return this.#ask(node, 'group', offsetFetchApi, request)
  }

  offsetCommit(node: number, request: GroupGeneration & { offsets: readonly OffsetToCommit[] }) {
    return this.#ask(node, 'group', offsetCommitApi, request)
  }

  async createTopics(topics: readonly NewTopic[]) {
    return await this.#askController(createTopicsApi, { topics, timeoutMs: this.#requestTimeoutMs })
  }

  async deleteTopics(names: readonly string[]) {
    return await this.#askController(deleteTopicsApi, { names, timeoutMs: this.#requestTimeoutMs })
  }

  deleteRecords(node: number, partitions: readonly (TopicPartition & { offset: number })[]) {
    const timeoutMs = this.#requestTimeoutMs
    return this.#ask(node, 'admin', deleteRecordsApi, { partitions, timeoutMs }, timeoutMs + ANSWER_GRACE_MS)
  }

  describeTopicConfigs(names: readonly string[]) {
    return this.#askAny(describeTopicConfigsApi, names)
  }

  describeGroups(node: number, groupIds: readonly string[]) {
    return this.#ask(node, 'admin', describeGroupsApi, groupIds)
  }

  deleteGroups(node: number, groupIds: readonly string[]) {
    return this.#ask(node, 'admin', deleteGroupsApi, groupIds)
  }

  close(): Promise<void> {
    return this.#connections.close()
  }

  async #ask<Request, Response>(
    place: Place,
    lane: string,
    api: Api<Request, Response>,
    request: Request,
    timeoutMs = this.#requestTimeoutMs,
  ): Promise<Response> {
    const connection = await this.#connections.of(place, lane)
    return await connection.request(api, request, timeoutMs)
  }

  #askAlone<Request, Response>(node: number, lane: string, api: Api<Request, Response>, request: Request, timeoutMs: number): Promise<Response> {
    return this.#connections.alone(node, lane, (connection) => connection.request(api, request, timeoutMs))
  }

  /** Brokers pass these requests on to the controller; those of the times of ZooKeeper do not, so it is asked itself. */
  async #askController<Request, Response>(api: Api<Request, Response>, request: Request): Promise<Response> {
    if (this.#controller === undefined) await this.metadata([])
    if (this.#controller === undefined) throw new ConnectionLostError(`${api.name}: the cluster has no controller now`)
    return await this.#ask(this.#controller, 'admin', api, request, this.#requestTimeoutMs + ANSWER_GRACE_MS)
  }

  /** Asks the broker that answered last, then each other one that is known, then the bootstrap addresses, until one answers. For requests that change nothing. */
  async #askAny<Request, Response>(api: Api<Request, Response>, request: Request): Promise<Response> {
    const failures: string[] = []
    for (const place of this.#anyPlaces()) {
      try {
        const answer = await this.#ask(place, 'control', api, request)
        this.#lastAnswered = place
        return answer
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error
        failures.push(error.message)
      }
    }
    throw new ConnectionLostError(
      `${api.name}: no broker answers (${failures.join('; ')}). Check that they run and that the addresses ${this.#bootstrap.join(', ')} are theirs.`,
    )
  }

  #anyPlaces(): Set<Place> {
    const last = this.#lastAnswered
    const first = typeof last === 'string' || (last !== undefined && this.#addresses.has(last)) ? [last] : []
    return new Set<Place>([...first, ...this.#addresses.keys(), ...this.#bootstrap])
  }

  async #open(place: Place): Promise<Connection> {
    const address = typeof place === 'string' ? parseAddress(place) : await this.#addressOf(place)
    try {
      return await Connection.open({ ...this.#connectionOptions, ...address })
    } catch (error) {
      // it may have moved: the next attempt asks the cluster
      if (typeof place === 'number' && this.#addresses.get(place) === address) this.#addresses.delete(place)
      throw error
    }
  }

  async #addressOf(node: number): Promise<Address> {
    if (!this.#addresses.has(node)) await this.metadata([])
    const address = this.#addresses.get(node)
    if (!address) throw new ConnectionLostError(`broker ${node} is not in the cluster now (there are ${[...this.#addresses.keys()].join(', ') || 'none'})`)
    return address
  }
}

const COORDINATOR_NOT_AVAILABLE = 15
/** On the way, and in the broker's queues, beyond the time that a request tells the broker to wait. */
const ANSWER_GRACE_MS = 5_000

function parseAddress(text: string): Address {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  const host = text.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1')
  if (host === '' || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new RangeError(`«${text}» is not the address of a broker: «host:port» was expected, such as localhost:9092`)
  return { host, port }
}
