import { Type } from 'typebox'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { nameOf } from '../live/group-members.ts'
import type { InstanceLook, InstancesLook } from '../live/instance-watch.ts'
import type { Live } from '../live/live.ts'
import { ProblemAnswer } from '../problem.ts'
import type { ProcessorStatus, SinkStatus } from '../queries/instance-status.ts'
import { RoleSchema } from './groups.ts'
import { rounded } from './live.ts'

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

const TaskSchema = Type.Object({
  task: Type.String(),
  state: Type.String({ description: 'restoring, running, suspended (it is on its way to another instance)' }),
  restore_remaining: nullable(Type.Integer({ description: 'Changelog offsets still to read; null: not known yet' })),
  committed_offset: nullable(Type.Integer({ description: 'Of its source partition, where it has one' })),
  records_per_second: nullable(Type.Number({ description: 'Null: it is the first look' })),
  stores: Type.Array(Type.Object({ name: Type.String(), entries: Type.Integer(), size_bytes: Type.Integer() })),
})

const InstanceSchema = Type.Object({
  instance_id: Type.String({ description: 'A stream thread, or a sink' }),
  role: RoleSchema,
  address: nullable(Type.String({ description: 'Where it was asked' })),
  reachable: Type.Boolean(),
  error: Type.Optional(Type.String({ description: 'Why it did not answer' })),
  started_at: nullable(Type.String({ format: 'date-time' })),
  rss_bytes: nullable(Type.Integer({ description: 'Of its process' })),
  cpu_seconds: nullable(Type.Number({ description: 'Of its process' })),
  state: nullable(Type.String({ description: 'Of the thread, or of the sink: paused by somebody, retrying while its database fails' })),
  tasks: Type.Array(TaskSchema),
})

const RebalanceSchema = Type.Object({
  at: Type.String({ format: 'date-time' }),
  group: Type.String(),
  generation: nullable(Type.Integer()),
  owners: Type.Record(Type.String(), Type.Array(Type.String()), { description: 'Instance to its tasks, or partitions' }),
})

/** Who runs what. */
export function instanceRoutes(server: GatewayServer, gateway: Gateway, live: Live): void {
  server.get('/instances', {
    schema: {
      operationId: 'listInstances',
      summary: 'Stream threads and sinks, with their tasks and how far restores have got; assignments as they changed, as far as this gateway has seen them',
      description: 'Each instance is asked when this is called, and not otherwise; one that does not answer within a second is not reachable.',
      tags: ['live'],
      response: { 200: Type.Object({ instances: Type.Array(InstanceSchema), rebalances: Type.Array(RebalanceSchema) }), 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'trades:read'),
    async handler() {
      const found = await live.instances.look()
      return {
        instances: found.instances.map((instance) => instanceBody(instance, found)).toSorted((a, b) => (a.role + a.instance_id < b.role + b.instance_id ? -1 : 1)),
        rebalances: live.groups.rebalances.timeline.map(({ atMs, group, generation, owners }) => ({
          at: new Date(atMs).toISOString(),
          group,
          generation: generation ?? null,
          owners: Object.fromEntries(Object.entries(owners).map(([instance, owned]) => [instance, [...owned]])),
        })),
      }
    },
  })
}

function instanceBody(instance: InstanceLook, all: InstancesLook): Type.Static<typeof InstanceSchema> {
  const { role, member, status, error } = instance
  return {
    instance_id: nameOf(member),
    role,
    address: member.address ?? null,
    reachable: status !== undefined,
    ...(error !== undefined && { error }),
    started_at: status === undefined ? null : new Date(status.startedAtMs).toISOString(),
    rss_bytes: status?.rssBytes ?? null,
    cpu_seconds: status === undefined ? null : rounded(status.cpuSeconds),
    state: status === undefined ? null : status.role === 'sink' ? sinkState(status) : status.thread.state,
    tasks: status?.role === 'processor' ? tasksOf(status, instance, all) : [],
  }
}

/** The connector calls itself paused, too, while its circuit is not closed. */
function sinkState({ state, isPaused, circuit }: SinkStatus): string {
  return isPaused ? 'paused' : circuit !== 'closed' ? 'retrying' : state
}

function tasksOf({ thread }: ProcessorStatus, { group }: InstanceLook, { look }: InstancesLook): Type.Static<typeof TaskSchema>[] {
  const partitions = look.groups.find((one) => one.group === group)?.partitions ?? []
  return thread.tasks.map(({ id, state, stores, restoreRemaining }) => {
    // A task has the partitions of its number; which topics are its own it says while it runs.
    const own = partitions.filter(({ partition }) => id.endsWith(`_${partition}`))
    const rates = own.map(({ committedPerSecond }) => committedPerSecond)
    return {
      task: id,
      state,
      restore_remaining: restoreRemaining ?? null,
      committed_offset: own.length === 1 ? (own[0]?.committed ?? null) : null,
      records_per_second: rates.includes(undefined) ? null : rounded(rates.reduce<number>((sum, rate) => sum + (rate ?? 0), 0)),
      stores: stores.map(({ name, keys, sizeBytes }) => ({ name, entries: keys, size_bytes: sizeBytes })),
    }
  })
}
