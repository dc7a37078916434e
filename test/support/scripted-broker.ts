import type { Broker, Metadata } from '../../ports/broker.ts'
import { ConnectionLostError } from '../../ports/broker.ts'

export type Api = Exclude<keyof Broker, 'close'>
export type Arguments<A extends Api> = Parameters<Broker[A]>
export type Answer<A extends Api> = Awaited<ReturnType<Broker[A]>>

/** A request that the broker holds until the test answers it. */
export interface Call<A extends Api> {
  readonly args: Arguments<A>
  answer(answer: Answer<A>): void
  /** Nobody will know whether the broker acted on it. */
  lose(): void
}

type Script = { [A in Api]?: (...args: Arguments<A>) => Answer<A> | undefined }
type Calls = { [A in Api]?: Call<A>[] }

/**
 * A broker that does what the test says. A request whose API has an entry in `script` that answers is answered at once; every other one is held
 * until the test takes it (`next`) and answers it or loses it.
 */
export class ScriptedBroker implements Broker {
  /** Every request in the order of arrival. */
  readonly log: { api: Api; args: readonly unknown[] }[] = []
  readonly script: Script = {
    features: () => ({ finalised: new Map([['transaction.version', 2]]), transactionsV2: true }),
    findCoordinator: () => ({ errorCode: 0, node: 1 }),
  }
  readonly #held: Calls = {}

  /** The oldest request of this API that is not answered. */
  next<A extends Api>(api: A): Call<A> {
    const call = this.#held[api]?.shift()
    if (!call) throw new Error(`no ${api} is waiting; so far: ${this.log.map((entry) => entry.api).join(', ')}`)
    return call
  }

  /** The arguments of the last request of an API, or with -2 of the one before it, and so on. */
  sent<A extends Api>(api: A, at = -1): Arguments<A> {
    const entry = this.log.filter((logged) => logged.api === api).at(at)
    if (!entry) throw new Error(`no ${api} was sent; so far: ${this.log.map((logged) => logged.api).join(', ')}`)
    // logged by #ask together with its own arguments
    return entry.args as Arguments<A>
  }

  waiting(api: Api): number {
    return this.#held[api]?.length ?? 0
  }

  count(api: Api): number {
    return this.log.filter((entry) => entry.api === api).length
  }

  /** Topics with their leaders by partition. */
  lead(topics: Record<string, { topicId?: string; leaders: readonly (number | undefined)[]; leaderEpoch?: number }>): void {
    this.script.metadata = (names) => metadataOf(topics, names)
  }

  metadata = (...args: Arguments<'metadata'>) => this.#ask('metadata', args)
  features = (...args: Arguments<'features'>) => this.#ask('features', args)
  fetch = (...args: Arguments<'fetch'>) => this.#ask('fetch', args)
  listOffsets = (...args: Arguments<'listOffsets'>) => this.#ask('listOffsets', args)
  offsetForLeaderEpoch = (...args: Arguments<'offsetForLeaderEpoch'>) => this.#ask('offsetForLeaderEpoch', args)
  findCoordinator = (...args: Arguments<'findCoordinator'>) => this.#ask('findCoordinator', args)
  initProducerId = (...args: Arguments<'initProducerId'>) => this.#ask('initProducerId', args)
  produce = (...args: Arguments<'produce'>) => this.#ask('produce', args)
  txnOffsetCommit = (...args: Arguments<'txnOffsetCommit'>) => this.#ask('txnOffsetCommit', args)
  endTxn = (...args: Arguments<'endTxn'>) => this.#ask('endTxn', args)
  addPartitionsToTxn = (...args: Arguments<'addPartitionsToTxn'>) => this.#ask('addPartitionsToTxn', args)
  addOffsetsToTxn = (...args: Arguments<'addOffsetsToTxn'>) => this.#ask('addOffsetsToTxn', args)
  joinGroup = (...args: Arguments<'joinGroup'>) => this.#ask('joinGroup', args)
  syncGroup = (...args: Arguments<'syncGroup'>) => this.#ask('syncGroup', args)
  heartbeat = (...args: Arguments<'heartbeat'>) => this.#ask('heartbeat', args)
  leaveGroup = (...args: Arguments<'leaveGroup'>) => this.#ask('leaveGroup', args)
  offsetFetch = (...args: Arguments<'offsetFetch'>) => this.#ask('offsetFetch', args)
  offsetCommit = (...args: Arguments<'offsetCommit'>) => this.#ask('offsetCommit', args)
  createTopics = (...args: Arguments<'createTopics'>) => this.#ask('createTopics', args)
  deleteTopics = (...args: Arguments<'deleteTopics'>) => this.#ask('deleteTopics', args)
  deleteRecords = (...args: Arguments<'deleteRecords'>) => this.#ask('deleteRecords', args)
  describeTopicConfigs = (...args: Arguments<'describeTopicConfigs'>) => this.#ask('describeTopicConfigs', args)
  describeGroups = (...args: Arguments<'describeGroups'>) => this.#ask('describeGroups', args)
  deleteGroups = (...args: Arguments<'deleteGroups'>) => this.#ask('deleteGroups', args)
  close = async () => {}

  #ask<A extends Api>(api: A, args: Arguments<A>): Promise<Answer<A>> {
    this.log.push({ api, args })
    const scripted = this.script[api]?.(...args)
    if (scripted !== undefined) return Promise.resolve(scripted)
    return new Promise((resolve, reject) => {
      // the index signature of a mapped type over a union does not narrow by `api`
      const held = (this.#held[api] ??= []) as Call<A>[]
      held.push({ args, answer: resolve, lose: () => reject(new ConnectionLostError('the test lost it')) })
    })
  }
}

function metadataOf(topics: Parameters<ScriptedBroker['lead']>[0], names: readonly string[] | undefined): Metadata {
  const nodes = [1, 2, 3].map((node) => ({ node, host: `broker-${node}`, port: 9092, rack: undefined }))
  return {
    clusterId: 'scripted',
    controller: 1,
    nodes,
    topics: (names ?? Object.keys(topics)).map((name) => {
      const topic = topics[name]
      if (!topic) return { name, topicId: '', errorCode: 3, internal: false, partitions: [] }
      const partitions = topic.leaders.map((leader, partition) => ({
        partition,
        errorCode: leader === undefined ? 5 : 0,
        leader,
        leaderEpoch: topic.leaderEpoch ?? 0,
        replicas: [1, 2, 3],
        inSyncReplicas: [1, 2, 3],
      }))
      return { name, topicId: topic.topicId ?? `id of ${name}`, errorCode: 0, internal: false, partitions }
    }),
  }
}
