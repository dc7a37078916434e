import type { Clock } from '../../../ports/clock.ts'
import { ERROR } from './error-code.ts'
import { PartitionLog } from './partition-log.ts'

/** What a partition asks of the cluster it is in. */
export interface PartitionSurroundings {
  readonly clock: Clock
  isUp(node: number): boolean
  /** How long the followers take to fetch what the leader appended. */
  replicationMs(): number
  /** The minimum of `min.insync.replicas` and replicas. */
  minInSync(topic: string): number
}

/**
 * A partition: who has it, who leads it, its log.
 *
 * Followers have no log of their own here. What lies above the high watermark is what some of them may lack: at a change of the leader a part of
 * it, drawn by the cluster, is cut off, as if the new leader had fetched only the other part.
 */
export class Partition {
  readonly topic: string
  readonly index: number
  readonly replicas: readonly number[]
  readonly log = new PartitionLog()
  /** The leader first known to the controller; it stays the leader while it is down and the controller has not noticed. */
  leader: number | undefined
  leaderEpoch = -1
  inSync: readonly number[]
  readonly #surroundings: PartitionSurroundings
  readonly #watchers = new Set<() => void>()
  #isReplicating = false
  #isUnderReplicated = false

  constructor(topic: string, index: number, replicas: readonly number[], surroundings: PartitionSurroundings) {
    this.topic = topic
    this.index = index
    this.replicas = replicas
    this.inSync = replicas
    this.#surroundings = surroundings
  }

  /** Whether a request to `node` under `currentLeaderEpoch` (-1: any) finds the leader; the order of the checks is Kafka's. */
  leaderError(node: number, currentLeaderEpoch: number): number {
    if (currentLeaderEpoch >= 0 && currentLeaderEpoch < this.leaderEpoch) return ERROR.FENCED_LEADER_EPOCH
    if (currentLeaderEpoch > this.leaderEpoch) return ERROR.UNKNOWN_LEADER_EPOCH
    return this.leader === node ? ERROR.NONE : ERROR.NOT_LEADER_OR_FOLLOWER
  }

  get leaderIsUp(): boolean {
    return this.leader !== undefined && this.#surroundings.isUp(this.leader)
  }

  get clock(): Clock {
    return this.#surroundings.clock
  }

  get hasEnoughReplicas(): boolean {
    return this.inSync.length >= Math.min(this.#surroundings.minInSync(this.topic), this.replicas.length)
  }

  get isUnderReplicated(): boolean {
    return this.#isUnderReplicated
  }

  /** Followers fall out of the set in sync, and come back. */
  set isUnderReplicated(value: boolean) {
    this.#isUnderReplicated = value
    this.membersChanged()
  }

  /** A node came, or one was found to be gone. Nobody gets into the set while there is no leader to fetch from. */
  membersChanged(): void {
    if (this.#isUnderReplicated) this.inSync = this.leader === undefined ? this.inSync.slice(0, 1) : [this.leader]
    else if (this.leader !== undefined && this.#surroundings.isUp(this.leader)) this.inSync = this.replicas.filter((node) => this.#surroundings.isUp(node))
    this.replicate()
    this.notify()
  }

  /** `cut`: where the log of the new leader ends, at or above the high watermark. */
  lead(node: number, cut: number): void {
    this.leader = node
    this.leaderEpoch++
    this.log.truncate(cut)
    this.log.replicated(this.log.end)
    this.log.beginEpoch(this.leaderEpoch)
    this.membersChanged()
  }

  /** Nobody who has the log is there. */
  abandon(): void {
    this.leader = undefined
    this.leaderEpoch++
    this.notify()
  }

  /** Brings the high watermark up to what the log has now, once the followers have it. */
  replicate(): void {
    if (this.leader === undefined || this.log.highWatermark >= this.log.end) return
    if (this.inSync.length === 1) return this.#advance(this.log.end)
    if (this.#isReplicating) return
    this.#isReplicating = true
    const { leaderEpoch } = this
    const { end } = this.log
    this.#surroundings.clock.after(this.#surroundings.replicationMs(), () => {
      this.#isReplicating = false
      // a follower that is down and not missed yet holds the high watermark
      if (leaderEpoch === this.leaderEpoch && this.inSync.every((node) => this.#surroundings.isUp(node))) this.#advance(end)
      if (leaderEpoch !== this.leaderEpoch || this.inSync.every((node) => this.#surroundings.isUp(node))) this.replicate()
    })
  }

  #advance(offset: number): void {
    this.log.replicated(offset)
    this.notify()
  }

  /** Calls back at each change until it is told to stop. */
  watch(callback: () => void): () => void {
    this.#watchers.add(callback)
    return () => this.#watchers.delete(callback)
  }

  notify(): void {
    if (this.#watchers.size > 0) for (const callback of [...this.#watchers]) callback()
  }

  /** Waits until the records below `offset` are replicated: the error code of an acknowledgement of all replicas. */
  acknowledged(offset: number, leaderEpoch: number, timeoutMs: number): Promise<number> {
    if (leaderEpoch === this.leaderEpoch && this.log.highWatermark >= offset) return Promise.resolve(this.hasEnoughReplicas ? ERROR.NONE : ERROR.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
    const { promise, resolve } = Promise.withResolvers<number>()
    const look = () => {
      if (leaderEpoch !== this.leaderEpoch) return end(ERROR.NOT_LEADER_OR_FOLLOWER)
      if (this.log.highWatermark >= offset) end(this.hasEnoughReplicas ? ERROR.NONE : ERROR.NOT_ENOUGH_REPLICAS_AFTER_APPEND)
    }
    const timer = this.#surroundings.clock.after(timeoutMs, () => end(ERROR.REQUEST_TIMED_OUT))
    const stop = this.watch(look)
    const end = (code: number) => {
      timer.cancel()
      stop()
      resolve(code)
    }
    look()
    return promise
  }
}
