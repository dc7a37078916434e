import { Type } from 'typebox'
import { readTradeState } from '../../processors/trade-state.ts'
import { ByteView } from '../../records/byte-view.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { readCursor, writeCursor } from '../cursor.ts'
import { databaseCall } from '../databases/database-call.ts'
import type { EventDocument } from '../databases/trade-events.ts'
import { parseExactly } from '../exact-json.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { badRequest, notFound, ProblemAnswer } from '../problem.ts'
import { ConsistencyHeader } from '../read-your-write.ts'
import type { Databases } from './lists.ts'
import { TradeIdParams } from './trades.ts'

const DEFAULT_LIMIT = 50
/** Of a Date. */
const LAST_MOMENT_MS = 8_640_000_000_000_000
/** Of each kind, in a timeline. */
const TIMELINE_LIMIT = 500
const word = (example: string) => Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z_]+$', examples: [example] })
const Moment = Type.String({ format: 'date-time', description: 'ISO 8601', examples: ['2026-12-11T00:00:00Z'] })
const Entry = Type.Object({ id: Type.String(), timestamp: Type.String({ format: 'date-time' }) }, { additionalProperties: true })
const Errors = { 400: ProblemAnswer, 503: ProblemAnswer }

/** The audit log and the timeline of a trade. */
export function eventRoutes(server: GatewayServer, gateway: Gateway, { trades, events }: Databases): void {
  server.get('/audit-logs', {
    schema: {
      operationId: 'listAudit',
      summary: 'Audit entries, the newest first, page by page',
      description: 'Eventually consistent, kept for 90 days by default. One entry for every record that came in, and one for every expiry.',
      tags: ['queries'],
      headers: ConsistencyHeader,
      querystring: Type.Object(
        {
          trade_id: Type.Optional(TradeIdParams.properties.id),
          action: Type.Optional(word('CREATE')),
          status: Type.Optional(word('success')),
          outcome: Type.Optional(word('CREATED')),
          from: Type.Optional(Moment),
          to: Type.Optional(Moment),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: DEFAULT_LIMIT })),
          cursor: Type.Optional(Type.String({ maxLength: 1_000 })),
        },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ items: Type.Array(Entry), next: Type.Union([Type.String(), Type.Null()]) }), 404: ProblemAnswer, ...Errors },
    },
    onRequest: allow(gateway, 'audit:read'),
    preHandler: gateway.readYourWrite.before('sink-mongo'),
    async handler({ query }) {
      const { limit = DEFAULT_LIMIT, cursor, trade_id: tradeId, from, to, ...same } = query
      const key = cursor === undefined ? undefined : readCursor<[number, string]>(cursor, [LAST_MOMENT_MS, 'string'])
      const filter = { ...same, tradeId, fromMs: momentOf('from', from), toMs: momentOf('to', to) }
      const after = key === undefined ? undefined : { timestampMs: key[0], id: key[1] }
      const found = await databaseCall('MongoDB', () => events.audit(filter, { after, limit: limit + 1 }))
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(entryOf), next: found.length > limit && last !== undefined ? writeCursor([last.timestampMs, last.id]) : null }
    },
  })

  server.get('/trades/:id/timeline', {
    schema: {
      operationId: 'getTimeline',
      summary: 'All that happened to one trade, in one answer',
      description: 'Its state in the store of its owner, its versions in PostgreSQL, and what came in, became of it and was written, from MongoDB, by time.',
      tags: ['queries'],
      params: TradeIdParams,
      headers: ConsistencyHeader,
      response: {
        200: Type.Object({
          trade_id: Type.String(),
          state: Type.Unknown({ description: 'As GET /trades/{id}; null: unknown or deleted' }),
          repair_case: Type.Unknown({ description: 'The last refusal, while it is open' }),
          versions: Type.Array(Type.Unknown()),
          truncated: Type.Object({ audit: Type.Boolean(), states: Type.Boolean(), events: Type.Boolean(), versions: Type.Boolean() }, { description: `Of which there are more than ${TIMELINE_LIMIT}: the newest are here` }),
          events: Type.Array(Type.Object({ kind: Type.Union([Type.Literal('audit'), Type.Literal('state'), Type.Literal('event')]), id: Type.String(), timestamp: Type.String({ format: 'date-time' }) }, { additionalProperties: true })),
        }),
        404: ProblemAnswer,
        ...Errors,
      },
    },
    onRequest: allow(gateway, 'audit:read'),
    preHandler: gateway.readYourWrite.before('sink-postgres', 'sink-mongo'),
    async handler({ params: { id } }) {
      const key = Buffer.from(id)
      const read = (collection: Parameters<typeof events.ofTrade>[0]) => databaseCall('MongoDB', () => events.ofTrade(collection, id, TIMELINE_LIMIT + 1))
      const [stored, versions, audit, states, happened] = await Promise.all([
        gateway.state.get('trades', partitionOf(murmur2(key, 0, key.length), await gateway.partitions()), id),
        databaseCall('PostgreSQL', () => trades.newestVersions(id, TIMELINE_LIMIT + 1)),
        read('audit'),
        read('trade_history'),
        read('trade_events'),
      ])
      const all = [...ofKind('audit', newest(audit)), ...ofKind('state', newest(states)), ...ofKind('event', newest(happened))]
      if (stored === undefined && versions.length === 0 && all.length === 0) throw notFound(`nothing is known of a trade ${JSON.stringify(id)}`)
      const state = stored === undefined ? undefined : readTradeState(new ByteView(stored))
      return {
        trade_id: id,
        state: parsed(state?.json),
        repair_case: parsed(state?.repairCase?.json),
        versions: newest(versions).map(({ json }) => parseExactly(json)),
        truncated: { audit: isCut(audit), states: isCut(states), events: isCut(happened), versions: isCut(versions) },
        events: all.toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0)),
      }
    },
  })
}

/** A date-time may be one that no clock here knows, such as a leap second. @throws ProblemError */
function momentOf(parameter: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw badRequest('invalid-request', `${parameter}: found ${text}, expected a moment of ISO 8601, its seconds from 00 to 59`, [{ parameter, detail: 'not a moment that is known here' }])
  return ms
}

function entryOf({ id, timestampMs, fields }: EventDocument): { id: string; timestamp: string } {
  return { ...fields, id, timestamp: new Date(timestampMs).toISOString() }
}

function ofKind<Kind extends string>(kind: Kind, documents: readonly EventDocument[]): { kind: Kind; id: string; timestamp: string }[] {
  return documents.map((document) => ({ ...entryOf(document), kind }))
}

/** One more than is shown was asked for. */
function isCut({ length }: readonly unknown[]): boolean {
  return length > TIMELINE_LIMIT
}

function newest<Found>(found: readonly Found[]): readonly Found[] {
  return found.slice(-TIMELINE_LIMIT)
}

function parsed(json: Buffer | undefined): unknown {
  return json === undefined ? null : parseExactly(json.toString())
}
