import type { GroupDescription, TopicPartition } from '../../ports/broker.ts'
import { decodeAssignment, decodeSubscription } from '../../serdes/consumer-protocol.ts'

/** A member of a group as its coordinator shows it, with what members of ours say of themselves in the user data. */
export interface LiveMember {
  readonly memberId: string
  readonly clientId: string
  readonly host: string
  readonly instanceId: string | undefined
  /** Where it can be asked how it is. */
  readonly address: string | undefined
  readonly partitions: readonly TopicPartition[]
  /** Of a stream thread, those included that it is about to give up. */
  readonly tasks: readonly string[]
  /** In which the assignment was made, where it says. */
  readonly generation: number | undefined
}

/** Members of other programs may be among them: what cannot be read is as if it were empty. */
export function liveMember(member: GroupDescription['members'][number]): LiveMember {
  const { memberId, clientId, clientHost, groupInstanceId } = member
  const claim = readable(() => (member.metadata.length === 0 ? {} : fieldsOf(decodeSubscription(member.metadata).userData)), {})
  const assignment = readable(() => decodeAssignment(member.assignment), { partitions: [], userData: new Uint8Array() })
  const decision = fieldsOf(assignment.userData)
  return {
    memberId,
    clientId,
    host: clientHost.replace(/^\//, ''),
    instanceId: groupInstanceId,
    address: typeof claim['address'] === 'string' && claim['address'] !== '' ? claim['address'] : undefined,
    partitions: assignment.partitions,
    tasks: [...texts(decision['tasks']), ...texts(decision['moving'])],
    generation: typeof decision['generation'] === 'number' ? decision['generation'] : undefined,
  }
}

/** As people know it. */
export function nameOf({ instanceId, memberId }: LiveMember): string {
  return instanceId ?? memberId
}

function readable<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}

function fieldsOf(userData: Uint8Array): Readonly<Record<string, unknown>> {
  const value: unknown = readable(() => JSON.parse(Buffer.from(userData).toString()), undefined)
  // Each field is checked where it is read.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((element) => typeof element === 'string') : []
}
