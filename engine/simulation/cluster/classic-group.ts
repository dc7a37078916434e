import type { GroupDescription, JoinGroupRequest, JoinGroupResponse, SyncGroupRequest } from '../../../ports/broker.ts'
import type { Timer } from '../../../ports/clock.ts'
import { ERROR } from './error-code.ts'
import type { GroupState, GroupSurroundings, StoredGroup } from './group-state.ts'
import type { MemberState, SyncGroupAnswer } from './group-member-state.ts'
import { described, hasProtocols, held, introduced, loadedMember, newMember, protocolsOf, refusedJoin } from './group-member-state.ts'
import { selectedProtocol, storedMember, supports } from './group-member-state.ts'

/** How long a member that is new may be held in its first JoinGroup: its session counts from the answer on. */
const NEW_MEMBER_MS = 300_000
const NO_BYTES = Buffer.alloc(0)

/** A group of the classic protocol in the memory of its coordinator, after Kafka's ClassicGroup and the part of GroupMetadataManager about it. */
export class ClassicGroup {
  readonly groupId: string
  state: GroupState = 'Empty'
  generationId = 0
  protocolType = ''
  protocolName = ''
  leader: string | undefined
  readonly members = new Map<string, MemberState>()
  /** Instance id to member id. */
  readonly #instances = new Map<string, string>()
  /** Dynamic members that were given an id and have not joined with it. */
  readonly #pendingJoins = new Map<string, Timer>()
  readonly #pendingSyncs = new Set<string>()
  readonly #surroundings: GroupSurroundings
  #phase: Timer | undefined
  #isInitial = false
  #newMemberAdded = false

  constructor(groupId: string, surroundings: GroupSurroundings, stored?: StoredGroup) {
    this.groupId = groupId
    this.#surroundings = surroundings
    if (!stored) return
    const { members, ...rest } = stored
    Object.assign(this, rest, { state: members.length === 0 ? 'Empty' : 'Stable' })
    for (const member of members) {
      this.#add(loadedMember(member))
      this.#confirm(this.members.get(member.memberId))
    }
  }

  /** The coordinator has moved: those who wait are told so, and nothing happens here any more. */
  dispose(errorCode: number): void {
    this.state = 'Dead'
    this.#phase?.cancel()
    for (const timer of this.#pendingJoins.values()) timer.cancel()
    for (const member of this.members.values()) {
      member.session?.cancel()
      member.joining?.(refusedJoin(errorCode, member.memberId))
      member.syncing?.({ errorCode, assignment: NO_BYTES })
    }
  }

  join(request: JoinGroupRequest, clientId: string): Promise<JoinGroupResponse> {
    const { memberId, groupInstanceId } = request
    if (!supports(request, this.protocolType, this.members.values())) return Promise.resolve(refusedJoin(ERROR.INCONSISTENT_GROUP_PROTOCOL, memberId))
    if (memberId === '') return this.#joinUnknown(request, clientId)
    const pending = this.#pendingJoins.get(memberId)
    if (pending) {
      pending.cancel()
      this.#pendingJoins.delete(memberId)
      return this.#joinNew(request, memberId, clientId)
    }
    const errorCode = this.memberError(memberId, groupInstanceId)
    const member = this.members.get(memberId)
    if (errorCode !== ERROR.NONE || !member) return Promise.resolve(refusedJoin(errorCode, memberId))
    return this.#joinAgain(request, member)
  }

  sync(request: SyncGroupRequest): Promise<SyncGroupAnswer> {
    const errorCode = this.#syncError(request)
    const member = this.members.get(request.memberId)
    if (errorCode !== ERROR.NONE || !member) return Promise.resolve({ errorCode, assignment: NO_BYTES })
    this.#pendingSyncs.delete(member.memberId)
    if (this.state === 'Stable') {
      this.#confirm(member)
      return Promise.resolve({ errorCode: ERROR.NONE, assignment: member.assignment })
    }
    const answer = new Promise<SyncGroupAnswer>((resolve) => {
      member.syncing = resolve
    })
    if (member.memberId === this.leader) void this.#assign(request)
    return answer
  }

  heartbeat({ memberId, groupInstanceId, generationId }: { memberId: string; groupInstanceId: string | undefined; generationId: number }): number {
    const errorCode = this.memberError(memberId, groupInstanceId)
    if (errorCode !== ERROR.NONE) return errorCode
    if (generationId !== this.generationId) return ERROR.ILLEGAL_GENERATION
    this.#confirm(this.members.get(memberId))
    return this.state === 'PreparingRebalance' ? ERROR.REBALANCE_IN_PROGRESS : ERROR.NONE
  }

  leave(memberId: string, groupInstanceId: string | undefined): number {
    const pending = this.#pendingJoins.get(memberId)
    if (pending) {
      this.#forgetPending(memberId, pending)
      return ERROR.NONE
    }
    const known = groupInstanceId === undefined ? memberId : this.#instances.get(groupInstanceId)
    if (known === undefined) return ERROR.UNKNOWN_MEMBER_ID
    if (groupInstanceId !== undefined && memberId !== '' && known !== memberId) return ERROR.FENCED_INSTANCE_ID
    const member = this.members.get(known)
    if (!member) return ERROR.UNKNOWN_MEMBER_ID
    this.#remove(member)
    this.#rebalance()
    return ERROR.NONE
  }

  /** 82 or 25; 0: it is a member, under this id. */
  memberError(memberId: string, groupInstanceId: string | undefined): number {
    if (groupInstanceId !== undefined) {
      const known = this.#instances.get(groupInstanceId)
      if (known === undefined) return ERROR.UNKNOWN_MEMBER_ID
      if (known !== memberId) return ERROR.FENCED_INSTANCE_ID
    }
    return this.members.has(memberId) ? ERROR.NONE : ERROR.UNKNOWN_MEMBER_ID
  }

  /** Whether offsets may be committed by this member, or by somebody without membership. */
  commitError({ memberId, groupInstanceId, generationId }: { memberId: string; groupInstanceId: string | undefined; generationId: number }, isTransactional: boolean): number {
    if (generationId < 0 && this.state === 'Empty') return ERROR.NONE
    if (generationId >= 0 || memberId !== '' || groupInstanceId !== undefined) {
      const errorCode = this.memberError(memberId, groupInstanceId)
      if (errorCode !== ERROR.NONE) return errorCode
      if (generationId !== this.generationId) return ERROR.ILLEGAL_GENERATION
    } else if (!isTransactional && this.state !== 'Empty') return ERROR.UNKNOWN_MEMBER_ID
    if (isTransactional) return ERROR.NONE
    this.#confirm(this.members.get(memberId))
    return this.state === 'CompletingRebalance' ? ERROR.REBALANCE_IN_PROGRESS : ERROR.NONE
  }

  describe(): GroupDescription {
    const { groupId, state, protocolType } = this
    const protocolName = state === 'Stable' ? this.protocolName : ''
    return { groupId, errorCode: ERROR.NONE, state, protocolType, protocolName, members: [...this.members.values()].map((member) => described(member, state, protocolName)) }
  }

  #joinUnknown(request: JoinGroupRequest, clientId: string): Promise<JoinGroupResponse> {
    const { groupInstanceId, sessionTimeoutMs } = request
    const memberId = `${groupInstanceId ?? clientId}-${this.#surroundings.uuid()}`
    if (groupInstanceId !== undefined) {
      const known = this.members.get(this.#instances.get(groupInstanceId) ?? '')
      return known ? this.#replaceStatic(request, known, memberId) : this.#joinNew(request, memberId, clientId)
    }
    const timer = this.#surroundings.clock.after(sessionTimeoutMs, () => this.#forgetPending(memberId, timer))
    this.#pendingJoins.set(memberId, timer)
    return Promise.resolve(refusedJoin(ERROR.MEMBER_ID_REQUIRED, memberId))
  }

  #joinNew(request: JoinGroupRequest, memberId: string, clientId: string): Promise<JoinGroupResponse> {
    const member = newMember(request, memberId, clientId)
    if (this.members.size === 0) this.protocolType = request.protocolType
    this.#add(member)
    if (this.state === 'PreparingRebalance' && this.#isInitial) this.#newMemberAdded = true
    const answer = held(member)
    this.#expireIn(member, NEW_MEMBER_MS)
    this.#rebalance()
    return answer
  }

  /** A member that has an id. */
  #joinAgain(request: JoinGroupRequest, member: MemberState): Promise<JoinGroupResponse> {
    const isSame = hasProtocols(member, protocolsOf(request))
    // its first answer was lost, or a follower asks without need
    const isAnswered = isSame && (this.state === 'CompletingRebalance' || (this.state === 'Stable' && member.memberId !== this.leader))
    if (isAnswered) return Promise.resolve(this.#joined(member))
    this.#update(member, request)
    const answer = held(member)
    this.#rebalance()
    return answer
  }

  /** Somebody comes back under an instance id: the member id before is thrown out, wherever it waits. */
  #replaceStatic(request: JoinGroupRequest, old: MemberState, memberId: string): Promise<JoinGroupResponse> {
    const wasLeader = this.leader === old.memberId
    old.joining?.(refusedJoin(ERROR.FENCED_INSTANCE_ID, old.memberId))
    old.syncing?.({ errorCode: ERROR.FENCED_INSTANCE_ID, assignment: NO_BYTES })
    old.session?.cancel()
    this.members.delete(old.memberId)
    this.#pendingSyncs.delete(old.memberId)
    const member: MemberState = { ...old, memberId, joining: undefined, syncing: undefined, session: undefined }
    this.#add(member)
    if (wasLeader) this.leader = memberId
    this.#update(member, request)
    this.#confirm(member)
    if (this.state !== 'Stable') {
      const answer = held(member)
      this.#rebalance()
      return answer
    }
    if (selectedProtocol(this.members.values()) !== this.protocolName) {
      const answer = held(member)
      this.#prepare()
      return answer
    }
    return this.#storeReplacement(member, old.protocols)
  }

  async #storeReplacement(member: MemberState, before: MemberState['protocols']): Promise<JoinGroupResponse> {
    const isWritten = await this.#surroundings.store(this.#stored())
    if (!isWritten) {
      member.protocols = before
      return refusedJoin(ERROR.COORDINATOR_NOT_AVAILABLE, member.memberId)
    }
    return { ...this.#joined(member), skipAssignment: this.leader === member.memberId }
  }

  #update(member: MemberState, request: JoinGroupRequest): void {
    member.protocols = protocolsOf(request)
    member.sessionTimeoutMs = request.sessionTimeoutMs
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs
  }

  #syncError({ memberId, groupInstanceId, generationId, protocolType, protocolName }: SyncGroupRequest): number {
    const errorCode = this.memberError(memberId, groupInstanceId)
    if (errorCode !== ERROR.NONE) return errorCode
    if (generationId !== this.generationId) return ERROR.ILLEGAL_GENERATION
    if (protocolType !== this.protocolType || protocolName !== this.protocolName) return ERROR.INCONSISTENT_GROUP_PROTOCOL
    return this.state === 'PreparingRebalance' ? ERROR.REBALANCE_IN_PROGRESS : ERROR.NONE
  }

  /** The leader's assignment goes to the log, then to everybody. */
  async #assign({ assignments }: SyncGroupRequest): Promise<void> {
    const { generationId } = this
    const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, Buffer.from(assignment)]))
    const members = [...this.members.values()].map((member) => ({ ...storedMember(member), assignment: given.get(member.memberId) ?? NO_BYTES }))
    const isWritten = await this.#surroundings.store({ ...this.#stored(), members })
    if (this.state !== 'CompletingRebalance' || this.generationId !== generationId) return
    if (!isWritten) {
      for (const member of this.members.values()) this.#answerSync(member, { errorCode: ERROR.COORDINATOR_NOT_AVAILABLE, assignment: NO_BYTES })
      return this.#prepare()
    }
    this.state = 'Stable'
    for (const member of this.members.values()) {
      member.assignment = given.get(member.memberId) ?? NO_BYTES
      this.#answerSync(member, { errorCode: ERROR.NONE, assignment: member.assignment })
    }
  }

  #rebalance(): void {
    if (this.state === 'PreparingRebalance') this.#completeIfJoined()
    else this.#prepare()
  }

  #prepare(): void {
    const { clock, initialDelayMs } = this.#surroundings
    if (this.state === 'CompletingRebalance') for (const member of this.members.values()) this.#answerSync(member, { errorCode: ERROR.REBALANCE_IN_PROGRESS, assignment: NO_BYTES })
    this.#phase?.cancel()
    this.#pendingSyncs.clear()
    this.#isInitial = this.state === 'Empty'
    this.state = 'PreparingRebalance'
    if (this.#isInitial) this.#delayInitial(initialDelayMs, this.#rebalanceTimeoutMs)
    else {
      this.#phase = clock.after(this.#rebalanceTimeoutMs, () => this.#complete())
      this.#completeIfJoined()
    }
  }

  /** A group that has just begun waits for further members, for as long as they come. */
  #delayInitial(delayMs: number, leftMs: number): void {
    this.#newMemberAdded = false
    this.#phase = this.#surroundings.clock.after(delayMs, () => {
      const remainingMs = Math.max(leftMs - delayMs, 0)
      if (this.#newMemberAdded && remainingMs > 0) this.#delayInitial(Math.min(this.#surroundings.initialDelayMs, remainingMs), remainingMs)
      else this.#complete()
    })
  }

  #completeIfJoined(): void {
    if (this.state !== 'PreparingRebalance' || this.#isInitial || this.#pendingJoins.size > 0) return
    for (const member of this.members.values()) if (!member.joining) return
    this.#complete()
  }

  /** All have joined, or the time is up: a generation begins with those who are there, and the static members that may come back. */
  #complete(): void {
    this.#phase?.cancel()
    this.#isInitial = false
    for (const member of [...this.members.values()]) if (!member.joining && member.groupInstanceId === undefined) this.#remove(member)
    if (this.members.size > 0 && !this.#electLeader()) {
      this.#phase = this.#surroundings.clock.after(this.#rebalanceTimeoutMs, () => this.#complete())
      return
    }
    this.generationId++
    if (this.members.size === 0) {
      this.state = 'Empty'
      this.protocolName = ''
      this.leader = undefined
      void this.#surroundings.store(this.#stored())
      return
    }
    this.protocolName = selectedProtocol(this.members.values())
    this.state = 'CompletingRebalance'
    for (const member of this.members.values()) {
      const { joining } = member
      member.joining = undefined
      joining?.(this.#joined(member))
      member.isNew = false
      this.#confirm(member)
      this.#pendingSyncs.add(member.memberId)
    }
    const { generationId } = this
    this.#phase = this.#surroundings.clock.after(this.#rebalanceTimeoutMs, () => this.#expireSyncs(generationId))
  }

  /** Those who joined and never synced are thrown out. */
  #expireSyncs(generationId: number): void {
    if (generationId !== this.generationId || (this.state !== 'CompletingRebalance' && this.state !== 'Stable') || this.#pendingSyncs.size === 0) return
    for (const memberId of this.#pendingSyncs) {
      const member = this.members.get(memberId)
      if (member) this.#remove(member)
    }
    this.#prepare()
  }

  #electLeader(): boolean {
    if (this.leader !== undefined && this.members.get(this.leader)?.joining) return true
    for (const { memberId, joining } of this.members.values()) {
      if (!joining) continue
      this.leader = memberId
      return true
    }
    return false
  }

  #joined(member: MemberState): JoinGroupResponse {
    const { generationId, protocolName } = this
    const members = member.memberId === this.leader ? introduced(this.members.values(), protocolName) : []
    return { errorCode: ERROR.NONE, generationId, protocolName, leader: this.leader ?? '', skipAssignment: false, memberId: member.memberId, members }
  }

  #answerSync(member: MemberState, answer: SyncGroupAnswer): void {
    const { syncing } = member
    member.syncing = undefined
    if (!syncing) return
    this.#confirm(member)
    syncing(answer)
  }

  #add(member: MemberState): void {
    this.members.set(member.memberId, member)
    if (member.groupInstanceId !== undefined) this.#instances.set(member.groupInstanceId, member.memberId)
    this.leader ??= member.memberId
  }

  #remove(member: MemberState): void {
    member.session?.cancel()
    member.joining?.(refusedJoin(ERROR.UNKNOWN_MEMBER_ID, ''))
    member.syncing?.({ errorCode: ERROR.UNKNOWN_MEMBER_ID, assignment: NO_BYTES })
    this.members.delete(member.memberId)
    this.#pendingSyncs.delete(member.memberId)
    if (member.groupInstanceId !== undefined) this.#instances.delete(member.groupInstanceId)
    if (this.leader === member.memberId) this.leader = this.members.keys().next().value
  }

  #forgetPending(memberId: string, timer: Timer): void {
    timer.cancel()
    if (this.#pendingJoins.delete(memberId) && this.state === 'PreparingRebalance') this.#completeIfJoined()
  }

  /** The member is alive: its session begins anew. */
  #confirm(member: MemberState | undefined): void {
    if (member) this.#expireIn(member, member.sessionTimeoutMs)
  }

  #expireIn(member: MemberState, timeoutMs: number): void {
    member.session?.cancel()
    member.session = this.#surroundings.clock.after(timeoutMs, () => {
      // who waits for an answer of ours is alive, but for a new one, which nobody else would ever miss
      if (!member.isNew && (member.joining || member.syncing)) return
      if (this.members.get(member.memberId) !== member) return
      this.#remove(member)
      this.#rebalance()
    })
  }

  get #rebalanceTimeoutMs(): number {
    let longestMs = 0
    for (const { rebalanceTimeoutMs } of this.members.values()) longestMs = Math.max(longestMs, rebalanceTimeoutMs)
    return longestMs
  }

  #stored(): StoredGroup {
    const { generationId, protocolType, protocolName, leader } = this
    return { generationId, protocolType, protocolName, leader, members: [...this.members.values()].map(storedMember) }
  }
}
