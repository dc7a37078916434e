import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { readTradeState } from '../../processors/trade-state.ts'
import { ByteView } from '../../records/byte-view.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { PREFIX } from '../api-prefix.ts'
import { byPages } from '../databases/by-pages.ts'
import { databaseCall } from '../databases/database-call.ts'
import type { EventDocument } from '../databases/trade-events.ts'
import type { VersionRow } from '../databases/trade-rows.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { notFound, ProblemAnswer } from '../problem.ts'
import { ConsistencyHeader } from '../read-your-write.ts'
import { TRADE_ID_QUERY, TradeIdParams, tradeIdOf } from '../trade-id.ts'
import { ANSWER_BYTES, withinBudget } from '../within-budget.ts'
import { entryOf } from './events.ts'
import type { Databases } from './lists.ts'

/** Of each kind. */
const LIMIT = 500
/** Of each kind: what one of them holds does not depend on the others. The state, its repair case and the row come to it, 1 MB each at most. */
const SHARE_BYTES = ANSWER_BYTES / 4

type Kind = 'audit' | 'state' | 'event'

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
  truncated: Type.Object({ audit: Type.Boolean(), states: Type.Boolean(), events: Type.Boolean(), versions: Type.Boolean() }, { description: `Of which there are more than ${LIMIT}, or more than ${SHARE_BYTES / 1_000_000} MB: the newest are here` }),
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
    async handler(request, reply) {
      const id = tradeIdOf(request)
      const key = Buffer.from(id)
      const read = (kind: Kind, collection: Parameters<typeof events.ofTrade>[0]) => {
        const textOf = (document: EventDocument) => JSON.stringify({ ...entryOf(document), kind, links: linksOf(document, traceUrl) })
        return databaseCall('MongoDB', () => withinBudget(events.ofTrade(collection, id, LIMIT + 1), { limit: LIMIT, bytes: SHARE_BYTES, textOf }))
      }
      const newestVersions = byPages<VersionRow, number>({ read: (page) => databaseCall('PostgreSQL', () => trades.newestVersions(id, page)), keyOf: ({ version }) => version, after: undefined, most: LIMIT + 1 })
      const [stored, row, versions, audit, states, happened] = await Promise.all([
        gateway.state.get('trades', partitionOf(murmur2(key, 0, key.length), await gateway.partitions()), id),
        databaseCall('PostgreSQL', () => trades.row(id)),
        withinBudget(newestVersions, { limit: LIMIT, bytes: SHARE_BYTES, textOf: ({ json }) => json }),
        read('audit', 'audit'),
        read('state', 'trade_history'),
        read('event', 'trade_events'),
      ])
      const all = [audit, states, happened].flatMap(({ taken }) => taken.toReversed()).toSorted((a, b) => a.item.timestampMs - b.item.timestampMs)
      if (stored === undefined && row === undefined && versions.taken.length === 0 && all.length === 0) throw notFound(`nothing is known of a trade ${JSON.stringify(id)}`)
      const state = stored === undefined ? undefined : readTradeState(new ByteView(stored))
      const members: Record<keyof Type.Static<typeof TimelineSchema>, string> = {
        trade_id: JSON.stringify(id),
        state: state?.json?.toString() ?? 'null',
        repair_case: state?.repairCase?.json.toString() ?? 'null',
        row: row === undefined ? 'null' : `{"trade":${row.json},"deleted":${row.deleted},"partition":${row.partition},"offset":${row.offset}}`,
        versions: listOf(versions.taken.toReversed()),
        truncated: JSON.stringify({ audit: audit.isCut, states: states.isCut, events: happened.isCut, versions: versions.isCut }),
        events: listOf(all),
      }
      await sendMembers(reply, members)
    },
  })
}

/** Each of them is JSON already, written once: numbers keep all their digits. */
async function sendMembers(reply: FastifyReply, members: Readonly<Record<string, string>>): Promise<void> {
  const texts = Object.entries(members).map(([name, text]) => `"${name}":${text}`)
  await reply
    .type('application/json; charset=utf-8')
    .serializer(String)
    .send(`{${texts.join(',')}}`)
}

function listOf(parts: readonly { readonly text: string }[]): string {
  return `[${parts.map(({ text }) => text).join(',')}]`
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
