import type { Broker, GroupGeneration, JoinGroupResponse, OffsetToCommit } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import type { GroupMember, GroupMemberOptions } from '../ports/kafka-client.ts'
import { KafkaError } from '../ports/kafka-error.ts'
import type { Coordinators } from './coordinators.ts'
import { kafkaError } from './error-codes.ts'
import { Heartbeats } from './heartbeats.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

const ILLEGAL_GENERATION = 22
const UNKNOWN_MEMBER_ID = 25
const REBALANCE_IN_PROGRESS = 27
const MEMBER_ID_REQUIRED = 79
const FENCED_INSTANCE_ID = 82

/** How long `leave` and `commitOffsets` go on asking. */
const LEAVE_TIMEOUT_MS = 5_000
const COMMIT_TIMEOUT_MS = 30_000

/** A JoinGroup that was answered with success. */
interface Joined {
  readonly answer: JoinGroupResponse
  readonly generation: GroupGeneration
  readonly losses: number
}

/**
 * The member of `GroupMember` (states drawn there) for the classic protocol. One loop joins, syncs and waits until there is
 * a reason to join again; heartbeats run beside it and only ever do two things to it: give a reason, or take the membership away.
 */
export class ClassicGroupMember implements GroupMember {
  readonly #broker: Broker
  readonly #coordinators: Coordinators
  readonly #context: RetryContext
  readonly #options: GroupMemberOptions
  readonly #heartbeats: Heartbeats
  readonly #ending = new AbortController()
  readonly #pace: RetryPace
  #state: GroupMember['state'] = 'unjoined'
  #memberId = ''
  /** Of the last SyncGroup. */
  #generation: GroupGeneration | undefined
  /** Goes up when the membership is lost: a JoinGroup or SyncGroup that was sent before carries claims that are void. */
  #losses = 0
  #fencedAtMs = Number.NEGATIVE_INFINITY
  #reason = 'start'
  #rejoinDue = false
  #rejoinSignal = Promise.withResolvers<void>()

  constructor(dependencies: RetryContext & { broker: Broker; coordinators: Coordinators }, options: GroupMemberOptions) {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = options
    if (rebalanceTimeoutMs < sessionTimeoutMs) {
      // a member that died takes a session timeout to be noticed: with less time the living ones would be thrown out for not joining
      throw new RangeError(
        `rebalance timeout ${rebalanceTimeoutMs} ms, session timeout ${sessionTimeoutMs} ms: the rebalance timeout must not be below the session timeout; raise the first or lower the second`,
      )
    }
    this.#broker = dependencies.broker
    this.#coordinators = dependencies.coordinators
    this.#context = dependencies
    this.#options = options
    this.#pace = new RetryPace(dependencies, { signal: this.#ending.signal })
    this.#heartbeats = new Heartbeats({
      ...dependencies,
      intervalMs: options.heartbeatIntervalMs ?? 500,
      sessionTimeoutMs,
      answered: (errorCode) => this.#heartbeatAnswered(errorCode),
      expired: () =>
        this.#lost(
          new Error(
            `no heartbeat of ${this.#name} was confirmed within the session timeout of ${sessionTimeoutMs} ms (was the process paused, or the broker away?)`,
          ),
        ),
      broken: (error) => this.#fail(error),
    })
  }

  get state(): GroupMember['state'] {
    return this.#state
  }

  /** `undefined` also while the session is over on our clock and the timer that says so has not fired yet, as after a pause of the process. */
  get generation(): GroupGeneration | undefined {
    return this.#generation && this.#heartbeats.sessionIsOver ? undefined : this.#generation
  }

  start(): void {
    this.#run().catch((error: unknown) => this.#fail(error))
  }

  rejoin(reason: string): void {
    this.#reason = reason
    this.#rejoinDue = true
    this.#rejoinSignal.resolve()
  }

  async commitOffsets(offsets: readonly OffsetToCommit[]): Promise<void> {
    const { groupId } = this.#options
    const { generation } = this
    if (!generation) throw kafkaError(UNKNOWN_MEMBER_ID, `OffsetCommit: ${this.#name} is not in group ${groupId} now`)
    const firstError = (answer: readonly { errorCode: number }[]) => answer.find(({ errorCode }) => errorCode !== 0)?.errorCode ?? 0
    const answer = await this.#coordinators.ask({
      type: 'group',
      key: groupId,
      send: (node) => this.#broker.offsetCommit(node, { ...generation, offsets }),
      errorOf: firstError,
      signal: this.#ending.signal,
      deadlineMs: COMMIT_TIMEOUT_MS,
    })
    const code = firstError(answer)
    if (code !== 0) throw kafkaError(code, `OffsetCommit of ${this.#name}`)
  }

  async leave(): Promise<void> {
    const memberId = this.#memberId
    const { groupId, groupInstanceId } = this.#options
    await this.close()
    if (memberId === '') return
    try {
      await this.#coordinators.ask({
        type: 'group',
        key: groupId,
        send: (node) => this.#broker.leaveGroup(node, { groupId, members: [{ memberId, groupInstanceId }] }),
        // what is wrong with the member itself (unknown, fenced) means that it is out already
        errorOf: ({ errorCode }) => errorCode,
        signal: new AbortController().signal,
        deadlineMs: LEAVE_TIMEOUT_MS,
      })
    } catch (error) {
      // no broker to say goodbye to: the session timeout does it
      if (!(error instanceof ConnectionLostError) && !(error instanceof KafkaError)) throw error
    }
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    this.#generation = undefined
    this.#end()
  }

  async #run(): Promise<void> {
    // out of the owner's call: the listener is never called within it
    await undefined
    while (!this.#ended) {
      this.#state = 'joining'
      const joined = await this.#join()
      if (!joined) continue
      this.#state = 'syncing'
      if (!(await this.#sync(joined))) continue
      while (!this.#rejoinDue && !this.#ended) await this.#rejoinSignal.promise
    }
  }

  /** One JoinGroup. `undefined`: it has to be repeated (or the member has ended). */
  async #join(): Promise<Joined | undefined> {
    const { groupId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocolName, listener } = this.#options
    const node = await this.#coordinators.look('group', groupId)
    if (this.#ended) return undefined
    if (node === undefined) return this.#pause()
    // what asks for a rejoin from here on asks for another one
    this.#rejoinDue = false
    this.#rejoinSignal = Promise.withResolvers<void>()
    const losses = this.#losses
    const protocols = [{ name: protocolName, metadata: listener.subscription() }]
    let answer: JoinGroupResponse
    try {
      answer = await this.#broker.joinGroup(node, {
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId: this.#memberId,
        groupInstanceId,
        protocolType,
        protocols,
        reason: this.#reason,
      })
    } catch (error) {
      return this.#connectionLost(error, node)
    }
    if (this.#ended) return undefined
    if (answer.errorCode !== 0) return this.#joinRefused(answer, node)
    const { memberId, generationId } = answer
    this.#memberId = memberId
    // lost while the coordinator held the request: what it claimed is void, so it is made again
    if (losses !== this.#losses) return undefined
    const before = this.#generation?.generationId
    if (before !== undefined && generationId > before + 1) {
      // There was a generation whose assignment we never heard, even if we had joined it: a SyncGroup that is late is refused with 27 also when the others have theirs. In the one after it our claim was
      // too old to count, so others may have run what is ours, and be gone again. In a cascade of rebalances this may cost tasks that nobody has touched: they are opened again.
      this.#lost(kafkaError(ILLEGAL_GENERATION, `JoinGroup of ${this.#name} brought generation ${generationId}, and the last one whose assignment it heard is ${before}`))
      return undefined
    }
    const generation: GroupGeneration = { groupId, generationId, memberId, groupInstanceId }
    this.#heartbeats.follow(generation)
    return { answer, generation, losses }
  }

  async #joinRefused({ errorCode, memberId }: JoinGroupResponse, node: number): Promise<undefined> {
    if (errorCode === MEMBER_ID_REQUIRED) this.#memberId = memberId
    else if (this.#membershipRefused(errorCode, 'JoinGroup')) await this.#pause()
    else await this.#passing(errorCode, node, 'JoinGroup')
  }

  /** SyncGroup under the generation just joined. False: join again. */
  async #sync({ answer, generation, losses }: Joined): Promise<boolean> {
    const { protocolType, protocolName, listener } = this.#options
    const leads = answer.leader === generation.memberId && !answer.skipAssignment
    const assigned = leads ? listener.assign(answer.members, generation.generationId) : new Map<string, Uint8Array>()
    const assignments = [...assigned].map(([memberId, assignment]) => ({ memberId, assignment }))
    while (!this.#ended && losses === this.#losses) {
      const node = await this.#coordinators.look('group', generation.groupId)
      if (node === undefined) {
        await this.#pause()
        continue
      }
      let synced: { errorCode: number; assignment: Buffer }
      try {
        synced = await this.#broker.syncGroup(node, { ...generation, protocolType, protocolName, assignments })
      } catch (error) {
        await this.#connectionLost(error, node)
        continue
      }
      if (this.#ended || losses !== this.#losses) return false
      const { errorCode } = synced
      if (errorCode === 0) {
        this.#settle(generation, synced.assignment)
        return true
      }
      if (errorCode === REBALANCE_IN_PROGRESS || this.#membershipRefused(errorCode, 'SyncGroup')) return false
      await this.#passing(errorCode, node, 'SyncGroup')
    }
    return false
  }

  #settle(generation: GroupGeneration, assignment: Buffer): void {
    this.#generation = generation
    this.#state = 'stable'
    this.#reason = 'the group rebalances'
    this.#pace.reset()
    this.#options.listener.assigned(assignment, generation)
  }

  #heartbeatAnswered(errorCode: number): void {
    if (this.#ended || errorCode === 0) return
    // JoinGroup is under way. Its answer decides: the group may have gone on to the generation that it brings, which makes this one look old.
    if (this.#state === 'joining') return
    if (errorCode === REBALANCE_IN_PROGRESS) this.rejoin('the group rebalances')
    else if (!this.#membershipRefused(errorCode, 'Heartbeat')) this.#fail(kafkaError(errorCode, `Heartbeat of ${this.#name}`))
  }

  /** Errors that end the membership. False: it is none of them. */
  #membershipRefused(errorCode: number, request: string): boolean {
    if (errorCode === FENCED_INSTANCE_ID) {
      this.#fenced()
      return true
    }
    if (errorCode !== ILLEGAL_GENERATION && errorCode !== UNKNOWN_MEMBER_ID) return false
    if (errorCode === UNKNOWN_MEMBER_ID) this.#memberId = ''
    this.#lost(kafkaError(errorCode, `${request} of ${this.#name}`))
    return true
  }

  /** Errors that pass by themselves or with another coordinator; every other one is the end. */
  async #passing(errorCode: number, node: number, request: string): Promise<undefined> {
    const error = kafkaError(errorCode, `${request} of ${this.#name} (protocol ${this.#options.protocolName})`)
    if (error.scope === 'coordinator') this.#coordinators.forget('group', this.#options.groupId, node)
    else if (error.scope !== 'retriable' && error.scope !== 'rejoin') {
      this.#fail(error)
      return
    }
    await this.#pause()
  }

  async #connectionLost(error: unknown, node: number): Promise<undefined> {
    if (!(error instanceof ConnectionLostError)) throw error
    this.#coordinators.forget('group', this.#options.groupId, node)
    await this.#pause()
  }

  async #pause(): Promise<undefined> {
    await this.#pace.pause()
  }

  /**
   * Somebody joined under our instance id. Once, that may be ourselves: an answer that was lost, or a process of this name whose end came late. We come back under a new
   * member id, which throws the other one out. If it is a living twin it does the same, and whoever is thrown out a second time gives way.
   */
  #fenced(): void {
    const { groupId, groupInstanceId, sessionTimeoutMs } = this.#options
    const nowMs = this.#context.clock.monotonicMs()
    const again = nowMs - this.#fencedAtMs <= sessionTimeoutMs
    this.#fencedAtMs = nowMs
    this.#memberId = ''
    const taken = `another member joined group ${groupId} as ${groupInstanceId}`
    const error = kafkaError(
      FENCED_INSTANCE_ID,
      again
        ? `${taken}, twice within ${sessionTimeoutMs} ms: a twin of this process is running; stop one of them, or give each its own state directory and process id`
        : taken,
    )
    this.#lost(error)
    if (again) this.#fail(error)
  }

  #lost(error: Error): void {
    if (this.#ended) return
    const had = this.#generation !== undefined
    this.#losses++
    this.#generation = undefined
    this.#heartbeats.stop()
    if (this.#state === 'stable') this.#state = 'unjoined'
    this.rejoin(`membership lost: ${error.message}`)
    if (had) this.#options.listener.lost(error)
  }

  #fail(cause: unknown): void {
    if (this.#ended) return
    this.#state = 'failed'
    this.#generation = undefined
    this.#end()
    this.#options.listener.failed(cause instanceof Error ? cause : new Error(String(cause)))
  }

  #end(): void {
    this.#heartbeats.stop()
    this.#ending.abort()
    this.#rejoinSignal.resolve()
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted
  }

  get #name(): string {
    return this.#options.groupInstanceId ?? (this.#memberId === '' ? 'the member' : this.#memberId)
  }
}
