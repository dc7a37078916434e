import { Type } from 'typebox'
import { readTradeState } from '../../processors/trade-state.ts'
import { ByteView } from '../../records/byte-view.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { PREFIX } from '../api-prefix.ts'
import { databaseCall } from '../databases/database-call.ts'
import type { EventDocument } from '../databases/trade-events.ts'
import { parseExactly } from '../exact-json.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { notFound, ProblemAnswer } from '../problem.ts'
import { ConsistencyHeader } from '../read-your-write.ts'
import { TRADE_ID_QUERY, TradeIdParams, tradeIdOf } from '../trade-id.ts'
import { entryOf } from './events.ts'
import type { Databases } from './lists.ts'

/** Of each kind. */
const LIMIT = 500

const Links = Type.Object({
  request: Type.Optional(Type.String({ description: 'Of the request that it belongs to' })),
  dead_letter: Type.Optional(Type.String({ description: 'Of the dead letter' })),
  trace: Type.Optional(Type.String({ description: 'Of its trace, where trace.url is set' })),
})

const EventSchema = Type.Object(
  {
    kind: Type.Union([Type.Literal('audit'), Type.Literal('state'), Type.Literal('event')], {
      description: 'audit: a record came in, or the trade expired, and what became of it; state: the row of trade_history, written with that; event: TRADE_EXPIRED, TRADE_REPAIRED, DEAD_LETTER, DEAD_LETTER_REPLAYED',
    }),
    id: Type.String(),
    timestamp: Type.String({ format: 'date-time' }),
    trace_id: Type.Optional(Type.String({ description: 'Of the traceparent that the record came with' })),
    links: Links,
  },
  { additionalProperties: true },
)

const TimelineSchema = Type.Object({
  trade_id: Type.String(),
  state: Type.Unknown({ description: 'As GET /trades/{id}; null: unknown or deleted' }),
  repair_case: Type.Unknown({ description: 'The last refusal, while it is open' }),
  row: Type.Unknown({ description: 'The row in PostgreSQL: {trade, deleted, partition, offset}, with the record of trade.processed that has written it; null: there is none' }),
  versions: Type.Array(Type.Unknown()),
  truncated: Type.Object({ audit: Type.Boolean(), states: Type.Boolean(), events: Type.Boolean(), versions: Type.Boolean() }, { description: `Of which there are more than ${LIMIT}: the newest are here` }),
  events: Type.Array(EventSchema),
})

/** All that happened to one trade. */
export function timelineRoutes(server: GatewayServer, gateway: Gateway, { trades, events, traceUrl }: Databases & { readonly traceUrl?: string | undefined }): void {
  server.get('/trades/:id/timeline', {
    schema: {
      operationId: 'getTimeline',
      summary: 'All that happened to one trade, in one answer',
      description: 'Its state in the store of its owner, its row and its versions in PostgreSQL, and what came in, became of it and was written, from MongoDB, by time: refusals, expiry, repairs and dead letters, too. Each with its trace, where its record came with a traceparent.',
      tags: ['queries'],
      params: TradeIdParams,
      querystring: Type.Object(TRADE_ID_QUERY),
      headers: ConsistencyHeader,
      response: { 200: TimelineSchema, 404: ProblemAnswer, 400: ProblemAnswer, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'audit:read'),
    preHandler: gateway.readYourWrite.before('sink-postgres', 'sink-mongo'),
    async handler(request) {
      const id = tradeIdOf(request)
      const key = Buffer.from(id)
      const read = (collection: Parameters<typeof events.ofTrade>[0]) => databaseCall('MongoDB', () => events.ofTrade(collection, id, LIMIT + 1))
      const [stored, row, versions, audit, states, happened] = await Promise.all([
        gateway.state.get('trades', partitionOf(murmur2(key, 0, key.length), await gateway.partitions()), id),
        databaseCall('PostgreSQL', () => trades.row(id)),
        databaseCall('PostgreSQL', () => trades.newestVersions(id, LIMIT + 1)),
        read('audit'),
        read('trade_history'),
        read('trade_events'),
      ])
      const ofKind = <Kind extends string>(kind: Kind, documents: readonly EventDocument[]) => newest(documents).map((document) => ({ ...entryOf(document), kind, links: linksOf(document, traceUrl) }))
      const all = [...ofKind('audit', audit), ...ofKind('state', states), ...ofKind('event', happened)]
      if (stored === undefined && row === undefined && versions.length === 0 && all.length === 0) throw notFound(`nothing is known of a trade ${JSON.stringify(id)}`)
      const state = stored === undefined ? undefined : readTradeState(new ByteView(stored))
      return {
        trade_id: id,
        state: parsed(state?.json),
        repair_case: parsed(state?.repairCase?.json),
        row: row === undefined ? null : { trade: parseExactly(row.json), deleted: row.deleted, partition: row.partition, offset: row.offset },
        versions: newest(versions).map(({ json }) => parseExactly(json)),
        truncated: { audit: isCut(audit), states: isCut(states), events: isCut(happened), versions: isCut(versions) },
        events: all.toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0)),
      }
    },
  })
}

/** Events whose `data` is ours. That of TRADE_EXPIRED and TRADE_REPAIRED is the trade, with all that its sender has put into it. */
const NAMING: ReadonlySet<unknown> = new Set(['DEAD_LETTER', 'DEAD_LETTER_REPLAYED'])

/** What a document names that can be looked up. */
function linksOf({ fields }: EventDocument, traceUrl: string | undefined): { request?: string; dead_letter?: string; trace?: string } {
  const { trace_id: traceId } = fields
  const data = NAMING.has(fields['event_type']) ? fields['data'] : undefined
  const named = (from: unknown, name: string): string | undefined => {
    const value = typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined
    return typeof value === 'string' ? value : undefined
  }
  const requestId = named(fields, 'request_id') ?? named(data, 'request_id')
  const letter = named(data, 'dead_letter')
  return {
    ...(requestId !== undefined && { request: `${PREFIX}/requests/${encodeURIComponent(requestId)}` }),
    ...(letter !== undefined && { dead_letter: `${PREFIX}/dead-letters/${encodeURIComponent(letter)}` }),
    ...(traceUrl !== undefined && typeof traceId === 'string' && { trace: traceUrl.replace('{trace_id}', encodeURIComponent(traceId)) }),
  }
}

/** One more than is shown was asked for. */
function isCut({ length }: readonly unknown[]): boolean {
  return length > LIMIT
}

function newest<Found>(found: readonly Found[]): readonly Found[] {
  return found.slice(-LIMIT)
}

function parsed(json: Buffer | undefined): unknown {
  return json === undefined ? null : parseExactly(json.toString())
}
