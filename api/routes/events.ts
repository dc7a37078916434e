import { Type } from 'typebox'
import { readCursor, writeCursor } from '../cursor.ts'
import { databaseCall } from '../databases/database-call.ts'
import type { EventDocument } from '../databases/trade-events.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { badRequest, ProblemAnswer } from '../problem.ts'
import { ConsistencyHeader } from '../read-your-write.ts'
import type { Databases } from './lists.ts'
import { TradeIdParams } from '../trade-id.ts'

const DEFAULT_LIMIT = 50
/** Of a Date. */
const LAST_MOMENT_MS = 8_640_000_000_000_000
export const word = (example: string) => Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z_]+$', examples: [example] })
export const Moment = Type.String({ format: 'date-time', description: 'ISO 8601', examples: ['2026-12-11T00:00:00Z'] })
const Entry = Type.Object({ id: Type.String(), timestamp: Type.String({ format: 'date-time' }) }, { additionalProperties: true })
const Errors = { 400: ProblemAnswer, 503: ProblemAnswer }

/** The audit log. */
export function eventRoutes(server: GatewayServer, gateway: Gateway, { events }: Pick<Databases, 'events'>): void {
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
}

/** A date-time may be one that no clock here knows, such as a leap second. @throws ProblemError */
export function momentOf(parameter: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw badRequest('invalid-request', `${parameter}: found ${text}, expected a moment of ISO 8601, its seconds from 00 to 59`, [{ parameter, detail: 'not a moment that is known here' }])
  return ms
}

export function entryOf({ id, timestampMs, fields }: EventDocument): { id: string; timestamp: string } {
  return { ...fields, id, timestamp: new Date(timestampMs).toISOString() }
}
