import type { Broker } from '../../ports/broker.ts'
import { encodeSubscription } from '../../serdes/consumer-protocol.ts'
import { DirectNetwork } from './cluster/direct-network.ts'
import { ERROR } from './cluster/error-code.ts'
import type { SimulatedCluster } from './cluster/simulated-cluster.ts'
import type { Scheduler } from './scheduler.ts'

const SESSION_TIMEOUT_MS = 6_000
/** It stays about so long. */
const STAY_SHARE = 0.5

/** A member that runs no task: it joins the group and leaves it, again and again, and each time everybody has to join anew. */
export class Stranger {
  readonly #cluster: SimulatedCluster
  readonly #scheduler: Scheduler
  readonly #broker: Broker
  readonly #groupId: string
  #isStopped = false

  constructor({ cluster, scheduler, groupId }: { cluster: SimulatedCluster; scheduler: Scheduler; groupId: string }) {
    this.#cluster = cluster
    this.#scheduler = scheduler
    this.#groupId = groupId
    this.#broker = cluster.broker('stranger', new DirectNetwork())
  }

  async run({ forMs, everyMs }: { forMs: number; everyMs: number }): Promise<void> {
    const untilMs = this.#scheduler.monotonicMs() + forMs
    do {
      const memberId = await this.#join()
      await this.#scheduler.wait(everyMs * STAY_SHARE)
      if (memberId !== undefined) await this.#leave(memberId)
      await this.#scheduler.wait(everyMs * (1 - STAY_SHARE))
    } while (!this.#isStopped && this.#scheduler.monotonicMs() < untilMs)
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Its JoinGroup is answered when all others have joined; it does not wait for that. */
  async #join(): Promise<string | undefined> {
    const node = this.#cluster.coordinatorOf('group', this.#groupId)
    if (node === undefined) return undefined
    const request = {
      groupId: this.#groupId,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: SESSION_TIMEOUT_MS,
      groupInstanceId: undefined,
      protocolType: 'consumer',
      protocols: [{ name: 'tradewind', metadata: encodeSubscription({ topics: [], ownedPartitions: [], generationId: -1 }) }],
      reason: 'a stranger',
    }
    try {
      const { errorCode, memberId } = await this.#broker.joinGroup(node, { ...request, memberId: '' })
      if (errorCode !== ERROR.MEMBER_ID_REQUIRED) return undefined
      this.#broker.joinGroup(node, { ...request, memberId }).catch(() => {})
      return memberId
    } catch {
      // The broker is down: it does not join this time.
      return undefined
    }
  }

  async #leave(memberId: string): Promise<void> {
    const node = this.#cluster.coordinatorOf('group', this.#groupId)
    if (node === undefined) return
    // Where that does not get through, its session ends by itself.
    await this.#broker.leaveGroup(node, { groupId: this.#groupId, members: [{ memberId, groupInstanceId: undefined }] }).catch(() => {})
  }
}
