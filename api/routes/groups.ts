import { Type } from 'typebox'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import type { GroupLook } from '../live/group-watch.ts'
import type { Live } from '../live/live.ts'
import { ProblemAnswer } from '../problem.ts'
import { rounded } from './live.ts'

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Seconds = nullable(Type.Number({ description: 'Age of the oldest record that was not worked off; null: not known' }))

export const RoleSchema = Type.Union([Type.Literal('processor'), Type.Literal('sink-postgres'), Type.Literal('sink-mongo')])

const GroupSchema = Type.Object({
  group: Type.String(),
  role: RoleSchema,
  state: Type.String({ description: 'As Kafka says it: Stable, Empty, PreparingRebalance, CompletingRebalance, Dead (it never was); Unknown: its coordinator is away' }),
  lag: Type.Integer(),
  lag_seconds: Seconds,
  members: Type.Array(Type.Object({ member_id: Type.String(), client_id: Type.String(), host: Type.String(), instance_id: nullable(Type.String()) })),
  partitions: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Type.Integer(),
      committed_offset: nullable(Type.Integer()),
      end_offset: Type.Integer({ description: 'The last stable offset: as far as committed records can be read' }),
      lag: Type.Integer(),
      lag_seconds: Seconds,
      owner: nullable(Type.String()),
    }),
  ),
})

/** The consumer groups of the processor and the sinks. */
export function groupRoutes(server: GatewayServer, gateway: Gateway, live: Live): void {
  server.get('/groups', {
    schema: {
      operationId: 'listGroups',
      summary: 'Groups of the processor and the sinks: members, and per partition offsets, lag and owner; a second old at most',
      tags: ['live'],
      response: { 200: Type.Object({ groups: Type.Array(GroupSchema) }), 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'trades:read'),
    handler: async () => ({ groups: (await live.groups.look()).groups.map(groupBody) }),
  })
}

function groupBody({ group, role, state, lag, members, partitions }: GroupLook): Type.Static<typeof GroupSchema> {
  return {
    group,
    role,
    state,
    lag,
    lag_seconds: oldestOf(partitions.map(({ lagSeconds }) => lagSeconds)),
    members: members.map((member) => ({ member_id: member.memberId, client_id: member.clientId, host: member.host, instance_id: member.instanceId ?? null })),
    partitions: partitions.map((partition) => ({
      topic: partition.topic,
      partition: partition.partition,
      committed_offset: partition.committed ?? null,
      end_offset: partition.end,
      lag: partition.lag,
      lag_seconds: partition.lagSeconds === undefined ? null : rounded(partition.lagSeconds),
      owner: partition.owner ?? null,
    })),
  }
}

/** Where one is not known the oldest is not known, unless it is among the known: so far it is at least that. */
function oldestOf(ages: readonly (number | undefined)[]): number | null {
  const known = ages.flatMap((age) => age ?? [])
  if (known.length < ages.length && known.every((age) => age === 0)) return null
  return rounded(Math.max(0, ...known))
}

