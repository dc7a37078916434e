import type { JoinGroupRequest, JoinGroupResponse } from '../../../ports/broker.ts'
import type { Timer } from '../../../ports/clock.ts'

export interface SyncGroupAnswer {
  readonly errorCode: number
  readonly assignment: Buffer
}

/** What a group remembers of a member when its coordinator moves. */
export interface StoredMember {
  readonly memberId: string
  readonly groupInstanceId: string | undefined
  readonly clientId: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
  readonly assignment: Buffer
}

/** One member, as the coordinator that has the group in its memory knows it. */
export interface MemberState {
  memberId: string
  readonly groupInstanceId: string | undefined
  readonly clientId: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
  assignment: Buffer
  /** JoinGroup has not been answered for the first time yet. */
  isNew: boolean
  /** Answers the JoinGroup, or the SyncGroup, that is held. A later one of the same member takes its place, and the earlier one is never answered: so does Kafka. */
  joining: ((answer: JoinGroupResponse) => void) | undefined
  syncing: ((answer: SyncGroupAnswer) => void) | undefined
  session: Timer | undefined
}

export function newMember(request: JoinGroupRequest, memberId: string, clientId: string): MemberState {
  const { groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs } = request
  return {
    memberId,
    groupInstanceId,
    clientId,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocols: protocolsOf(request),
    assignment: Buffer.alloc(0),
    isNew: true,
    joining: undefined,
    syncing: undefined,
    session: undefined,
  }
}

export function loadedMember(stored: StoredMember): MemberState {
  return { ...stored, isNew: false, joining: undefined, syncing: undefined, session: undefined }
}

export function storedMember({ memberId, groupInstanceId, clientId, sessionTimeoutMs, rebalanceTimeoutMs, protocols, assignment }: MemberState): StoredMember {
  return { memberId, groupInstanceId, clientId, sessionTimeoutMs, rebalanceTimeoutMs, protocols, assignment }
}

export function protocolsOf({ protocols }: JoinGroupRequest): { name: string; metadata: Buffer }[] {
  return protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))
}

/** Whether a member joins with what it has joined with before. */
export function hasProtocols(member: MemberState, protocols: readonly { name: string; metadata: Buffer }[]): boolean {
  return member.protocols.length === protocols.length && protocols.every(({ name, metadata }, i) => member.protocols[i]?.name === name && member.protocols[i].metadata.equals(metadata))
}

export function refusedJoin(errorCode: number, memberId: string): JoinGroupResponse {
  return { errorCode, generationId: -1, protocolName: '', leader: '', skipAssignment: false, memberId, members: [] }
}
