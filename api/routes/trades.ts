import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { readTradeState } from '../../processors/trade-state.ts'
import { ByteView } from '../../records/byte-view.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import type { Command } from '../ingest.ts'
import { preferredWaitS } from '../prefer.ts'
import { notFound, ProblemError, ProblemAnswer } from '../problem.ts'
import { TRADE_ID_QUERY, TradeIdParams, tradeIdOf } from '../trade-id.ts'
import { type CheckedTrade, checkTrade, TRADE_EXAMPLE, TradeSchema } from '../trade-shape.ts'
import { CreatedAnswer, DeletedAnswer, PendingAnswer, requestBody, requestPath, sendOutcome, UpdatedAnswer } from './outcome.ts'

const IDEMPOTENCY_KEY_CHARACTERS = 255
const TRACE_HEADERS = ['traceparent', 'tracestate'] as const

/** `key`: an example. One call's key is not another's. */
const requestHeaders = (key: string) =>
  Type.Object({
    prefer: Type.Optional(
      Type.String({ description: 'wait=N: the answer is held until the outcome is known, N seconds at most (30 at most)', examples: ['wait=2'] }),
    ),
    'idempotency-key': Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: IDEMPOTENCY_KEY_CHARACTERS,
        description: 'A retry with the same key and payload is the same request, for 24 h; another payload: 422',
        examples: [key],
      }),
    ),
    traceparent: Type.Optional(Type.String({ description: 'W3C trace context: goes with the trade all the way' })),
  })

const Problems = { 400: ProblemAnswer, 403: ProblemAnswer, 413: ProblemAnswer, 415: ProblemAnswer, 422: ProblemAnswer, 429: ProblemAnswer, 503: ProblemAnswer }

/** POST, GET and DELETE of one trade. */
export function tradeRoutes(server: GatewayServer, gateway: Gateway): void {
  const { ingest, clock, state } = gateway

  server.post('/trades', {
    schema: {
      operationId: 'postTrade',
      summary: 'Send a trade',
      description: 'Its shape is checked at once; version and maturity are judged by the processor. 202 once Kafka has it on all in-sync replicas.',
      tags: ['trades'],
      headers: requestHeaders('order-4711-1'),
      body: TradeSchema,
      response: { 200: UpdatedAnswer, 201: CreatedAnswer, 202: PendingAnswer, ...Problems },
    },
    // The body is checked as bytes, by the rules that the processor reads it with; the schema says the same in the words of OpenAPI (a test compares them).
    validatorCompiler: (route) => (route.httpPart === 'body' ? validBody : TypeBoxValidatorCompiler(route)),
    onRequest: allow(gateway, 'trades:write'),
    async handler(request, reply) {
      // What validBody has left there.
      const { tradeId, bytes } = request.body as unknown as CheckedTrade
      await submit(request, reply, commandOf(request, tradeId, bytes))
    },
  })

  server.delete('/trades/:id', {
    schema: {
      operationId: 'deleteTrade',
      summary: 'Delete a trade',
      tags: ['trades'],
      params: TradeIdParams,
      querystring: Type.Object(TRADE_ID_QUERY),
      headers: requestHeaders('delete-4711-1'),
      response: { 200: DeletedAnswer, 202: PendingAnswer, 404: ProblemAnswer, ...Problems },
    },
    onRequest: allow(gateway, 'trades:write'),
    handler: (request, reply) => submit(request, reply, commandOf(request, tradeIdOf(request), undefined)),
  })

  server.get('/trades/:id', {
    schema: {
      operationId: 'getTrade',
      summary: 'The latest state of a trade, from the state store of the instance that owns it',
      tags: ['trades'],
      params: TradeIdParams,
      querystring: Type.Object(TRADE_ID_QUERY),
      response: { 200: StoredTradeSchema, 400: ProblemAnswer, 404: ProblemAnswer, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'trades:read'),
    async handler(request, reply) {
      const id = tradeIdOf(request)
      const key = Buffer.from(id)
      const value = await state.get('trades', partitionOf(murmur2(key, 0, key.length), await gateway.partitions()), id)
      const json = value === undefined ? undefined : readTradeState(new ByteView(value)).json
      if (json === undefined) throw notFound(`there is no trade ${JSON.stringify(id)}: it is unknown, or was deleted`)
      // As it was written: numbers keep all their digits.
      await sendJson(reply, json)
    },
  })

  async function submit(request: FastifyRequest, reply: FastifyReply, command: Command): Promise<void> {
    const waitS = preferredWaitS(header(request, 'prefer'))
    const startMs = clock.monotonicMs()
    const { requestId, known } = await ingest.submit(command)
    if (known !== undefined) return sendOutcome(reply, requestId, known)
    if (waitS === undefined) {
      await reply
        .code(202)
        .header('location', requestPath(requestId))
        .send(requestBody(requestId, { status: 'PENDING' }))
      return
    }
    reply.header('preference-applied', `wait=${waitS}`)
    await sendOutcome(reply, requestId, await ingest.outcome(requestId, Math.max(0, startMs + waitS * 1_000 - clock.monotonicMs())))
  }

  function commandOf(request: FastifyRequest, tradeId: string, value: Buffer | undefined): Command {
    return { tradeId, value, caller: gateway.security.callerOf(request), headers: traceHeaders(request), idempotencyKey: header(request, 'idempotency-key') }
  }
}

/** JSON that is written already. The route's schema is for the documentation: reading the text to write it again would lose digits. */
async function sendJson(reply: FastifyReply, json: Buffer): Promise<void> {
  await reply
    .type('application/json; charset=utf-8')
    .serializer((text: string) => text)
    .send(json.toString())
}

export const STORED_TRADE_EXAMPLE = { ...TRADE_EXAMPLE, expired: false, last_updated: '2026-12-11T09:30:00.123Z' }

export const StoredTradeSchema = Type.Object(
  { ...TradeSchema.properties, expired: Type.Boolean(), last_updated: Type.String({ format: 'date-time' }) },
  { title: 'Stored trade', additionalProperties: true, examples: [STORED_TRADE_EXAMPLE] },
)

/** Of the trace of the caller. */
export function traceHeaders(request: FastifyRequest): [string, string][] {
  return TRACE_HEADERS.flatMap((name): [string, string][] => {
    const value = header(request, name)
    return value === undefined ? [] : [[name, value]]
  })
}

export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

function validBody(body: unknown): { value: CheckedTrade } | { error: ProblemError } {
  const checked = checkTrade(Buffer.isBuffer(body) ? body : Buffer.alloc(0))
  return checked instanceof ProblemError ? { error: checked } : { value: checked }
}
