import type { GroupDescription, JoinGroupRequest, JoinGroupResponse } from '../../../ports/broker.ts'
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

/** The members as their leader is told of them. */
export function introduced(members: Iterable<MemberState>, protocolName: string): JoinGroupResponse['members'] {
  return [...members].map(({ memberId, groupInstanceId, protocols }) => ({ memberId, groupInstanceId, metadata: metadataOf(protocols, protocolName) }))
}

/** Metadata and assignment are shown in a stable group only. */
export function described(member: MemberState, groupState: string, protocolName: string): GroupDescription['members'][number] {
  const { memberId, groupInstanceId, clientId, protocols, assignment } = member
  const isStable = groupState === 'Stable'
  return { memberId, groupInstanceId, clientId, clientHost: '/127.0.0.1', metadata: isStable ? metadataOf(protocols, protocolName) : NO_BYTES, assignment: isStable ? assignment : NO_BYTES }
}

/** Whether somebody may join those who are there: the same type, and a protocol that all have. */
export function supports({ protocolType, protocols }: JoinGroupRequest, groupType: string, members: Iterable<MemberState>): boolean {
  if (protocolType === '' || protocols.length === 0) return false
  const present = [...members]
  if (present.length === 0) return true
  return protocolType === groupType && protocols.some(({ name }) => present.every((member) => hasProtocol(member, name)))
}

/** Each member votes for the first in its list that all support; the most votes win. */
export function selectedProtocol(members: Iterable<MemberState>): string {
  const present = [...members]
  const votes = new Map<string, number>()
  for (const { protocols } of present) {
    const choice = protocols.find(({ name }) => present.every((member) => hasProtocol(member, name)))?.name ?? ''
    votes.set(choice, (votes.get(choice) ?? 0) + 1)
  }
  return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best), ['', 0])[0]
}

/** The answer of a JoinGroup that is given when the generation begins. */
export function held(member: MemberState): Promise<JoinGroupResponse> {
  return new Promise((resolve) => {
    member.joining = resolve
  })
}

function hasProtocol({ protocols }: MemberState, name: string): boolean {
  return protocols.some((own) => own.name === name)
}

function metadataOf(protocols: MemberState['protocols'], name: string): Buffer {
  return protocols.find((own) => own.name === name)?.metadata ?? NO_BYTES
}

const NO_BYTES = Buffer.alloc(0)
