import { Type } from 'typebox'
import { databaseCall } from '../databases/database-call.ts'
import type { EventDocument } from '../databases/trade-events.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { ProblemAnswer } from '../problem.ts'
import { Moment, entryOf, momentOf, word } from './events.ts'
import type { Databases } from './lists.ts'

const DEFAULT_LIMIT = 50

const EventSchema = Type.Object(
  {
    id: Type.String(),
    timestamp: Type.String({ format: 'date-time' }),
    event_type: Type.String({
      description: 'REBALANCED, SINK_PAUSED, SINK_RESUMED (with who did it); of the MongoDB sink: SINK_STARTED, SINK_STOPPED, SINK_FAILED, DATABASE_AWAY, DATABASE_BACK, DEAD_LETTERED, PARTITION_FENCED, RECORDS_LOST; DEAD_LETTER of a record without a key; UNKNOWN: not written by us',
    }),
    severity: Type.String({ description: 'info, warning, error' }),
    data: Type.Object({}, { additionalProperties: true }),
  },
  { additionalProperties: true, examples: [{ id: 'rebalance#trades#7#1f0c', timestamp: '2026-12-11T03:04:05.000Z', event_type: 'REBALANCED', severity: 'info', data: { group: 'trades', generation: 7, owners: { 'trades-1': ['0_0'] } } }] },
)

/** What happened to instances and sinks, as MongoDB has it. */
export function operationalEventRoutes(server: GatewayServer, gateway: Gateway, { events }: Pick<Databases, 'events'>): void {
  server.get('/operational-events', {
    schema: {
      operationId: 'listOperationalEvents',
      summary: 'What happened to instances and sinks, the newest first: rebalances, pauses and by whom, databases that were away',
      description: 'Of all gateways, kept for 90 days by default. Further back: `to` is the timestamp of the last one. What happened to one trade is in its timeline.',
      tags: ['live'],
      querystring: Type.Object(
        {
          event_type: Type.Optional(word('REBALANCED')),
          severity: Type.Optional(word('warning')),
          from: Type.Optional(Moment),
          to: Type.Optional(Moment),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: DEFAULT_LIMIT, examples: [100] })),
        },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ items: Type.Array(EventSchema) }), 400: ProblemAnswer, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'audit:read'),
    async handler({ query: { event_type: eventType, severity, from, to, limit = DEFAULT_LIMIT } }) {
      const filter = { eventType, severity, fromMs: momentOf('from', from), toMs: momentOf('to', to) }
      const found = await databaseCall('MongoDB', () => events.operational(filter, limit))
      return { items: found.map(eventOf) }
    },
  })
}

/** Others may write into the collection, too: what has not the form of an event is shown as far as it goes, and does not take the whole answer with it. */
function eventOf(document: EventDocument): Type.Static<typeof EventSchema> {
  const { event_type: type, severity, data } = document.fields
  const isObject = typeof data === 'object' && data !== null && !Array.isArray(data)
  return { ...entryOf(document), event_type: typeof type === 'string' ? type : 'UNKNOWN', severity: typeof severity === 'string' ? severity : 'info', data: isObject ? { ...data } : {} }
}
