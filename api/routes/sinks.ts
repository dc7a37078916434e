import { randomUUID } from 'node:crypto'
import { Type } from 'typebox'
import { sleep } from '../../ports/clock.ts'
import type { TradeEvents } from '../databases/trade-events.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { nameOf } from '../live/group-members.ts'
import type { GroupLook } from '../live/group-watch.ts'
import type { CommandOutcome, InstanceLook } from '../live/instance-watch.ts'
import type { Live } from '../live/live.ts'
import { notFound, ProblemAnswer, ProblemError, unavailable } from '../problem.ts'
import type { SinkStatus } from '../queries/instance-status.ts'
import { RoleSchema } from './groups.ts'
import { rounded } from './live.ts'

/** How long an answer waits for the note of what was done. */
const NOTE_MS = 2_000

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

const SinkInstanceSchema = Type.Object({
  instance_id: Type.String(),
  reachable: Type.Boolean(),
  error: Type.Optional(Type.String({ description: 'Why it did not answer' })),
  paused: Type.Boolean(),
  circuit: nullable(Type.Union([Type.Literal('closed'), Type.Literal('open'), Type.Literal('half-open')], { description: 'Open: the database fails, nothing is taken from Kafka' })),
  rows_total: Type.Integer({ description: 'Since it started' }),
  rows_per_second: nullable(Type.Number()),
  batch_rows_mean: nullable(Type.Number({ description: 'Rows of a write, on average' })),
  write_ms: nullable(Type.Object({ p50: Type.Number(), p99: Type.Number() }, { description: 'How long the database took for a write, in the last half minute' })),
  retries_total: Type.Integer(),
  dead_letters_total: Type.Integer(),
  last_error: nullable(Type.String()),
})

const SinkSchema = Type.Object({
  group: Type.String(),
  role: RoleSchema,
  state: Type.Union([Type.Literal('running'), Type.Literal('paused'), Type.Literal('partly-paused'), Type.Literal('retrying'), Type.Literal('stopped'), Type.Literal('unknown')], {
    description: 'Of those that answer. Partly paused: some instances are, their partitions stand still; stopped: nobody is in the group; unknown: nobody of the group answers',
  }),
  lag: Type.Integer(),
  instances: Type.Array(SinkInstanceSchema),
})

const Problems = { 400: ProblemAnswer, 403: ProblemAnswer, 404: ProblemAnswer, 409: ProblemAnswer, 429: ProblemAnswer, 503: ProblemAnswer }

/** The sinks: how they are, and stopping them for a while. */
export function sinkRoutes(server: GatewayServer, gateway: Gateway, { live, events }: { live: Live; events: TradeEvents }): void {
  server.get('/sinks', {
    schema: {
      operationId: 'listSinks',
      summary: 'The sinks: rows, writes, retries, circuit breaker, lag',
      description: 'Each instance is asked when this is called, and not otherwise.',
      tags: ['live'],
      response: { 200: Type.Object({ sinks: Type.Array(SinkSchema) }), 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'trades:read'),
    async handler() {
      const { look, instances } = await live.instances.look()
      return { sinks: look.groups.filter(({ role }) => role !== 'processor').map((group) => sinkBody(group, instances)) }
    },
  })

  for (const command of ['pause', 'resume'] as const) {
    server.post(`/sinks/:group/${command}`, {
      schema: {
        operationId: `${command}Sink`,
        summary: command === 'pause' ? 'Stop taking records from Kafka, in all instances' : 'Go on, in all instances',
        description: 'A paused sink stays in its group and keeps its partitions. Nothing remembers it: an instance that is started, or started again, runs.',
        tags: ['live'],
        params: Type.Object({ group: Type.String({ minLength: 1, maxLength: 255, examples: ['trades-sink-postgres'] }) }),
        response: { 200: SinkSchema, ...Problems },
      },
      onRequest: allow(gateway, 'operate'),
      async handler(request) {
        const group = await sinkOf(request.params.group)
        if (group.members.length === 0) throw new ProblemError({ status: 409, name: 'not-running', title: 'No instance runs', detail: `nobody is in group ${group.group}: start the sink` })
        const told = await live.instances.command(group, command)
        const failed = told.flatMap(({ member, error }) => (error === undefined ? [] : [`${nameOf(member)}: ${error}`]))
        const noted = failed.length < told.length ? note(command, group.group, gateway.security.callerOf(request).name, told) : undefined
        if (failed.length > 0) {
          await noted
          throw unavailable('instance-away', `${failed.length} of ${group.members.length} instances could not be told (${failed.join('; ')}), the others were; try again`)
        }
        const [{ instances }] = await Promise.all([live.instances.look(), noted])
        return sinkBody(group, instances)
      },
    })
  }

  /** Who did it, and to whom. An operator's hands are not bound because MongoDB is away, or slow: it is noted once it is done, as far as it can be, and the answer waits a short time for that. */
  async function note(command: 'pause' | 'resume', group: string, by: string, told: readonly CommandOutcome[]): Promise<void> {
    const eventType = command === 'pause' ? 'SINK_PAUSED' : 'SINK_RESUMED'
    const failed = Object.fromEntries(told.flatMap(({ member, error }) => (error === undefined ? [] : [[nameOf(member), error]])))
    const data = { group, by, told: told.flatMap(({ member, error }) => (error === undefined ? [nameOf(member)] : [])), failed }
    const isPartly = data.told.length < told.length
    const recorded = events.record({ id: `${eventType}#${randomUUID()}`, eventType, severity: isPartly ? 'warning' : 'info', tradeId: undefined, data, timestampMs: gateway.clock.now() })
    const over = new AbortController()
    await Promise.race([recorded.catch(() => {}), sleep(gateway.clock, NOTE_MS, over.signal)])
    over.abort()
  }

  async function sinkOf(name: string): Promise<GroupLook> {
    const group = (await live.groups.look()).groups.find((one) => one.group === name && one.role !== 'processor')
    if (group === undefined) throw notFound(`there is no sink ${JSON.stringify(name)}; GET /api/v1/sinks lists those that there are`)
    return group
  }

  function sinkBody({ group, role, lag, members }: GroupLook, all: readonly InstanceLook[]): Type.Static<typeof SinkSchema> {
    const own = all.filter((instance) => instance.group === group)
    const statuses = own.flatMap(({ status }) => (status?.role === 'sink' ? [status] : []))
    return { group, role, state: members.length === 0 ? 'stopped' : stateOf(statuses), lag, instances: own.map(instanceBody) }
  }

  function instanceBody({ member, status, error }: InstanceLook): Type.Static<typeof SinkInstanceSchema> {
    const sink = status?.role === 'sink' ? status : undefined
    const perSecond = sink === undefined ? undefined : live.instances.rates.perSecond(`${nameOf(member)} rows`, gateway.clock.monotonicMs(), sink.rowsWritten)
    return {
      instance_id: nameOf(member),
      reachable: status !== undefined,
      ...(error !== undefined && { error }),
      paused: sink?.isPaused ?? false,
      circuit: sink?.circuit ?? null,
      rows_total: sink?.rowsWritten ?? 0,
      rows_per_second: perSecond === undefined ? null : rounded(perSecond),
      batch_rows_mean: meanOf(sink),
      write_ms: sink?.writeMs === undefined ? null : { p50: rounded(sink.writeMs.p50), p99: rounded(sink.writeMs.p99) },
      retries_total: sink?.retries ?? 0,
      dead_letters_total: sink?.deadLettered ?? 0,
      last_error: sink?.lastError ?? null,
    }
  }
}

/** What somebody has to end by hand comes before what may pass by itself. */
function stateOf(statuses: readonly SinkStatus[]): Type.Static<typeof SinkSchema>['state'] {
  if (statuses.length === 0) return 'unknown'
  if (statuses.some(({ isPaused }) => isPaused)) return statuses.every(({ isPaused }) => isPaused) ? 'paused' : 'partly-paused'
  return statuses.some(({ circuit }) => circuit !== 'closed') ? 'retrying' : 'running'
}

function meanOf(sink: SinkStatus | undefined): number | null {
  return sink === undefined || sink.batches === 0 ? null : rounded((sink.rowsWritten + sink.rowsStale) / sink.batches)
}
