import type { Broker } from '../../../ports/broker.ts'
import { ConnectionLostError, UnsupportedVersionError } from '../../../ports/broker.ts'
import { ERROR } from './error-code.ts'
import { fetch } from './fetch-requests.ts'
import { deleteRecords, listOffsets, offsetForLeaderEpoch } from './offset-requests.ts'
import { produce } from './produce-requests.ts'
import { addOffsetsToTxn, addPartitionsToTxn } from './transaction-requests.ts'
import type { ClusterParts } from './cluster-parts.ts'

/** The way of one client to the nodes. `handle` may be called not at all, once or twice, and its answer may be lost. */
export interface ClusterNetwork {
  call<T>(request: { readonly node: number; readonly api: string; readonly lane: string }, handle: () => Promise<T>): Promise<T>
}

/**
 * A client's view of the model: what `WireBroker` is on sockets. Requests are copied as they are sent: what the client does with its memory after that changes nothing.
 */
export function simulatedBroker(cluster: ClusterParts, clientId: string, network: ClusterNetwork): Broker {
  const { nodes, topics, groups, transactions, controller } = cluster
  let isClosed = false
  let lastAnswered = nodes.ids[0] ?? 1
  const closing = new Set<(error: Error) => void>()

  function ask<T>(node: number, api: string, lane: string, work: () => T | Promise<T>): Promise<T> {
    if (isClosed) return Promise.reject(new ConnectionLostError('the broker client is closed'))
    return new Promise<T>((resolve, reject) => {
      closing.add(reject)
      network.call({ node, api, lane }, () => nodes.serve(node, work)).then(
        (answer) => {
          closing.delete(reject)
          resolve(answer)
        },
        (error: unknown) => {
          closing.delete(reject)
          reject(error)
        },
      )
    })
  }

  /** The node that answered last, then the others. */
  async function askAny<T>(api: string, work: (node: number) => T | Promise<T>): Promise<T> {
    let failure: unknown
    for (const node of new Set([lastAnswered, ...nodes.ids])) {
      try {
        const answer = await ask(node, api, 'control', () => work(node))
        lastAnswered = node
        return answer
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error
        failure = error
      }
    }
    throw failure
  }

  async function askController<T>(api: string, work: () => T | Promise<T>): Promise<T> {
    const node = nodes.up[0]
    if (node === undefined) throw new ConnectionLostError(`${api}: the cluster has no controller now`)
    return await ask(node, api, 'admin', work)
  }

  function requireV2(transactionsV2: boolean): void {
    if (transactionsV2 && cluster.transactionVersion < 2) throw new UnsupportedVersionError('the cluster has transactions V1')
  }

  return {
    metadata: (names) => askAny('Metadata', () => controller.metadata(names)),
    features: () => askAny('ApiVersions', () => ({ finalised: new Map(cluster.features), transactionsV2: cluster.transactionVersion >= 2 })),
    fetch: (node, request) => ask(node, 'Fetch', 'fetch', () => fetch(cluster.data, node, request)),
    listOffsets: (node, request) => ask(node, 'ListOffsets', 'control', () => listOffsets(topics, node, request)),
    offsetForLeaderEpoch: (node, partitions) => ask(node, 'OffsetForLeaderEpoch', 'control', () => offsetForLeaderEpoch(topics, node, partitions)),
    findCoordinator: (type, key) => askAny('FindCoordinator', () => controller.findCoordinator(type, key)),
    initProducerId: (node, request) =>
      ask(node, 'InitProducerId', 'transactions', () => {
        const { transactionalId } = request
        if (transactionalId === undefined) return { errorCode: ERROR.NONE, producerId: transactions.newProducerId(), producerEpoch: 0 }
        return transactions.initProducerId(node, { ...request, transactionalId })
      }),
    produce: async (node, lane, request) => {
      if (request.transactionalId !== undefined) requireV2(request.transactionsV2)
      const sent = request.partitions.map(({ topic, partition, records }) => ({ topic, partition, bytes: Buffer.concat(records) }))
      return await ask(node, 'Produce', lane, () => produce(cluster.data, node, { ...request, partitions: sent.map((part) => ({ ...part, bytes: Buffer.from(part.bytes) })) }))
    },
    txnOffsetCommit: async (node, lane, request) => {
      requireV2(request.transactionsV2)
      return await ask(node, 'TxnOffsetCommit', lane, () => groups.txnOffsetCommit(node, request))
    },
    endTxn: async (node, request) => {
      requireV2(request.transactionsV2 ?? true)
      return await ask(node, 'EndTxn', 'transactions', () => transactions.endTxn(node, { ...request, isV2: request.transactionsV2 ?? true }))
    },
    addPartitionsToTxn: (node, request) => ask(node, 'AddPartitionsToTxn', 'transactions', () => addPartitionsToTxn(cluster, node, request)),
    addOffsetsToTxn: (node, request) => ask(node, 'AddOffsetsToTxn', 'transactions', () => addOffsetsToTxn(cluster, node, request)),
    joinGroup: (node, request) => {
      const sent = { ...request, protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })) }
      return ask(node, 'JoinGroup', 'join', () => groups.joinGroup(node, sent, clientId))
    },
    syncGroup: (node, request) => {
      const sent = { ...request, assignments: request.assignments.map(({ memberId, assignment }) => ({ memberId, assignment: Buffer.from(assignment) })) }
      return ask(node, 'SyncGroup', 'join', () => groups.syncGroup(node, sent))
    },
    heartbeat: (node, request) => ask(node, 'Heartbeat', 'heartbeat', () => groups.heartbeat(node, request)),
    leaveGroup: (node, request) => ask(node, 'LeaveGroup', 'group', () => groups.leaveGroup(node, request)),
    offsetFetch: (node, request) => ask(node, 'OffsetFetch', 'group', () => groups.offsetFetch(node, request)),
    offsetCommit: (node, request) => ask(node, 'OffsetCommit', 'group', () => groups.offsetCommit(node, request)),
    createTopics: (made) => askController('CreateTopics', () => controller.createTopics(made)),
    deleteTopics: (names) => askController('DeleteTopics', () => controller.deleteTopics(names)),
    deleteRecords: (node, partitions) => ask(node, 'DeleteRecords', 'admin', () => deleteRecords(topics, node, partitions)),
    describeTopicConfigs: (names) => askAny('DescribeConfigs', () => controller.describeTopicConfigs(names)),
    describeGroups: (node, groupIds) => ask(node, 'DescribeGroups', 'admin', () => groups.describeGroups(node, groupIds)),
    deleteGroups: (node, groupIds) => ask(node, 'DeleteGroups', 'admin', () => groups.deleteGroups(node, groupIds)),
    close: async () => {
      isClosed = true
      for (const reject of closing) reject(new ConnectionLostError('the broker client was closed'))
      closing.clear()
    },
  }
}
