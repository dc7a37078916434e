import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { readCursor, writeCursor } from '../cursor.ts'
import { byPages } from '../databases/by-pages.ts'
import { databaseCall } from '../databases/database-call.ts'
import type { TradeEvents } from '../databases/trade-events.ts'
import type { TradeFilter, TradeRows } from '../databases/trade-rows.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { badRequest, notFound, ProblemAnswer } from '../problem.ts'
import { ConsistencyHeader } from '../read-your-write.ts'
import { TRADE_ID_QUERY, TradeIdParams, tradeIdOf } from '../trade-id.ts'
import { ANSWER_BYTES, type Taken, withinBudget } from '../within-budget.ts'
import { STORED_TRADE_EXAMPLE, StoredTradeSchema } from './trades.ts'

export interface Databases {
  readonly trades: TradeRows
  readonly events: TradeEvents
}

const identifier = (example: string) => Type.String({ minLength: 1, maxLength: 50, pattern: '^[^\\u0000]*$', examples: [example] })
const Day = Type.String({ format: 'date', pattern: '^(?!0000)', examples: ['2027-05-20'] })
/** Of every list. */
const PAGE = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50, examples: [100] })),
  cursor: Type.Optional(Type.String({ maxLength: 1_000, description: '`next` of the page before' })),
}
const FILTER = { expired: Type.Optional(Type.Boolean({ examples: [false] })), maturity_from: Type.Optional(Day), maturity_to: Type.Optional(Day) }
const strict = { additionalProperties: false }
const Trades = Type.Object(
  {
    items: Type.Array(StoredTradeSchema),
    next: Type.Union([Type.String(), Type.Null()], { description: 'Cursor of the next page; null: this is the last one' }),
  },
  { examples: [{ items: [STORED_TRADE_EXAMPLE], next: null }] },
)
const Errors = { 400: ProblemAnswer, 503: ProblemAnswer }
const DEFAULT_LIMIT = 50
const BUDGET = { bytes: ANSWER_BYTES, textOf: ({ json }: { readonly json: string }) => json }
/** An int of PostgreSQL. */
const LARGEST_VERSION = 2_147_483_647

interface ListQuery {
  readonly limit?: number
  readonly cursor?: string
  readonly expired?: boolean
  readonly maturity_from?: string
  readonly maturity_to?: string
}

/** Lists of trades, from PostgreSQL: eventually consistent. */
export function listRoutes(server: GatewayServer, gateway: Gateway, { trades }: Databases): void {
  const written = gateway.readYourWrite.before('sink-postgres')
  server.get('/trades', {
    schema: {
      operationId: 'listTrades',
      summary: 'Trades, page by page, by trade_id',
      description: 'Eventually consistent. A page is stable under writes: no trade is shown twice or left out because another one was written. It ends early at 8 MB.',
      tags: ['queries'],
      headers: ConsistencyHeader,
      querystring: Type.Object({ book: Type.Optional(identifier('B1')), counterparty: Type.Optional(identifier('CP-1')), ...FILTER, ...PAGE }, strict),
      response: { 200: Trades, 404: ProblemAnswer, ...Errors },
    },
    onRequest: allow(gateway, 'trades:read'),
    preHandler: written,
    handler: ({ query }, reply) => list(reply, { ...filterOf(query), bookId: query.book, counterpartyId: query.counterparty }, query),
  })

  server.get('/trades/book/:id', {
    schema: {
      operationId: 'listBook',
      summary: 'The trades of a book, page by page',
      description: 'A page ends early at 8 MB.',
      tags: ['queries'],
      params: Type.Object({ id: identifier('B1') }),
      headers: ConsistencyHeader,
      querystring: Type.Object({ ...FILTER, ...PAGE }, strict),
      response: { 200: Trades, 404: ProblemAnswer, ...Errors },
    },
    onRequest: allow(gateway, 'trades:read'),
    preHandler: written,
    handler: ({ query, params }, reply) => list(reply, { ...filterOf(query), bookId: params.id }, query),
  })

  server.get('/trades/:id/versions', {
    schema: {
      operationId: 'listVersions',
      summary: 'All versions of a trade, each with its last accepted content, from the lowest',
      description: 'A page ends early at 8 MB.',
      tags: ['queries'],
      params: TradeIdParams,
      headers: ConsistencyHeader,
      querystring: Type.Object({ from: Type.Optional(Type.Integer({ minimum: 1, maximum: LARGEST_VERSION, description: 'No lower version than this one', examples: [1] })), ...PAGE, ...TRADE_ID_QUERY }, strict),
      response: { 200: Trades, 404: ProblemAnswer, ...Errors },
    },
    onRequest: allow(gateway, 'trades:read'),
    preHandler: written,
    async handler(request, reply) {
      const { limit = DEFAULT_LIMIT, cursor, from } = request.query
      const id = tradeIdOf(request)
      const seen = cursor === undefined ? undefined : readCursor<[number]>(cursor, [LARGEST_VERSION])[0]
      const after = from === undefined ? seen : Math.max(from - 1, seen ?? 0)
      const rows = byPages({ read: (page) => databaseCall('PostgreSQL', () => trades.versions(id, page)), keyOf: ({ version }) => version, after, most: limit + 1 })
      const page = await withinBudget(rows, { limit, ...BUDGET })
      if (page.taken.length === 0 && seen === undefined) throw notFound(`no version of trade ${JSON.stringify(id)} ${from === undefined ? '' : `from ${from} on `}is known`)
      await sendPage(reply, page, ({ version }) => [version])
    },
  })

  async function list(reply: FastifyReply, filter: TradeFilter, { limit = DEFAULT_LIMIT, cursor }: ListQuery): Promise<void> {
    if (filter.maturityFrom !== undefined && filter.maturityTo !== undefined && filter.maturityFrom > filter.maturityTo) {
      throw badRequest('invalid-request', 'maturity_from is after maturity_to', [
        { parameter: 'maturity_from', detail: `found ${filter.maturityFrom}, expected at most ${filter.maturityTo}` },
      ])
    }
    const after = cursor === undefined ? undefined : readCursor<[string]>(cursor, ['string'])[0]
    const rows = byPages({ read: (page) => databaseCall('PostgreSQL', () => trades.list(filter, page)), keyOf: (row) => row.trade_id, after, most: limit + 1 })
    await sendPage(reply, await withinBudget(rows, { limit, ...BUDGET }), (row) => [row.trade_id])
  }
}

function filterOf({ expired, maturity_from: maturityFrom, maturity_to: maturityTo }: ListQuery): TradeFilter {
  return { expired, maturityFrom, maturityTo }
}

async function sendPage<Row>(reply: FastifyReply, { taken, isCut }: Taken<Row>, keyOf: (row: Row) => readonly (string | number)[]): Promise<void> {
  const last = taken.at(-1)
  const next = isCut && last !== undefined ? JSON.stringify(writeCursor(keyOf(last.item))) : 'null'
  await reply
    .type('application/json; charset=utf-8')
    .serializer(String)
    .send(`{"items":[${taken.map(({ text }) => text).join(',')}],"next":${next}}`)
}
