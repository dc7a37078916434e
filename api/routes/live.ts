import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import type { EventFilter } from '../live/feed-event.ts'
import type { FeedPosition } from '../live/feed-position.ts'
import { HISTORY_STEP_MS } from '../live/history.ts'
import type { Live } from '../live/live.ts'
import { badRequest, ProblemAnswer } from '../problem.ts'
import { header } from './trades.ts'

const MOST_VALUES = 50
const Listed = (description: string) => {
  const one = Type.String({ minLength: 1, maxLength: 2_000, pattern: '^[^\\u0000]*$' })
  return Type.Optional(Type.Union([one, Type.Array(one, { maxItems: MOST_VALUES })], { description: `${description}; several: repeated, or separated by commas` }))
}
const Id = Type.Optional(Type.String({ maxLength: 10_000, description: 'The id of the last event that was seen: what came after it is sent first' }))
const HistorySchema = Type.Object({
  step_ms: Type.Integer(),
  now: Type.String({ format: 'date-time', description: 'When it was asked, by the clock of the samples' }),
  samples: Type.Array(
    Type.Object({
      at: Type.String({ format: 'date-time' }),
      in_per_second: Type.Number({ description: 'Records written to trade.ingested' }),
      committed_per_second: Type.Number({ description: 'Records that the processor has committed' }),
      outcomes_per_second: Type.Record(Type.String(), Type.Number(), { description: 'Above 1,000 a second estimated from a sample' }),
      lag: Type.Record(Type.String(), Type.Number(), { description: 'By group' }),
      latency_ms: Type.Union([Type.Object({ p50: Type.Number(), p99: Type.Number() }), Type.Null()], { description: 'From a record to its committed audit entry; null: none came while it was measured' }),
    }),
  ),
})

/** What happens now, and what has happened in the last minutes. */
export function liveRoutes(server: GatewayServer, gateway: Gateway, live: Live): void {
  server.get('/events', {
    // A HEAD would listen for ever, to nothing.
    exposeHeadRoute: false,
    schema: {
      operationId: 'streamEvents',
      summary: 'What is committed, as it is committed: audit entries and states of trades',
      description: [
        'Server-sent events. `audit`: an entry of trade.audit with `e2e_ms` (from the timestamp of its record to here; null where it is replayed). `state`: `{trade_id, deleted, trade}`.',
        'Who comes back with Last-Event-ID gets what he missed, up to 100,000 records. Who reads too slowly loses the oldest: `dropped` says how many.',
        'Filters hold together; `outcome` leaves audit entries only. A comment comes every 15 s.',
      ].join(' '),
      tags: ['live'],
      querystring: Type.Object(
        { trade_id: Listed('Of these trades'), book: Listed('Of trades in these books'), outcome: Listed('With these outcomes'), last_event_id: Id },
        { additionalProperties: false },
      ),
      headers: Type.Object({ 'last-event-id': Id }),
      response: { 200: { description: 'A stream without an end', content: { 'text/event-stream': { schema: Type.String() } } }, 400: ProblemAnswer, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'audit:read'),
    async handler(request, reply) {
      const { trade_id: tradeId, book, outcome, last_event_id: lastEventId } = request.query
      const filter: EventFilter = { tradeIds: valuesOf(tradeId), books: valuesOf(book), outcomes: valuesOf(outcome) }
      const after = positionOf(header(request, 'last-event-id') ?? lastEventId)
      await sendEvents(reply, live.feed.listen(filter, after))
    },
  })

  server.get('/statistics/history', {
    schema: {
      operationId: 'getHistory',
      summary: 'Rates, outcomes, latency and lag of the last 15 minutes, as this gateway has seen them; the oldest first',
      description: 'Sampled every 5 s, whether somebody looks or not, from offsets and from the newest audit entries: neither the processor nor a database is asked.',
      tags: ['live'],
      response: { 200: HistorySchema },
    },
    onRequest: allow(gateway, 'trades:read'),
    handler: async () => ({
      step_ms: HISTORY_STEP_MS,
      now: new Date(gateway.clock.now()).toISOString(),
      samples: live.history.samples.map(({ atMs, inPerSecond, committedPerSecond, outcomesPerSecond, lag, latencyMs }) => ({
        at: new Date(atMs).toISOString(),
        in_per_second: rounded(inPerSecond),
        committed_per_second: rounded(committedPerSecond),
        outcomes_per_second: Object.fromEntries(Object.entries(outcomesPerSecond).map(([outcome, rate]) => [outcome, rounded(rate)])),
        lag: { ...lag },
        latency_ms: latencyMs === undefined ? null : { p50: rounded(latencyMs.p50), p99: rounded(latencyMs.p99) },
      })),
    }),
  })

  function positionOf(id: string | undefined): FeedPosition | undefined {
    if (id === undefined || id === '') return undefined
    const position = live.feed.positionOf(id)
    if (position === undefined) throw badRequest('invalid-event-id', 'the id is not one of an event of this stream', [{ header: 'last-event-id', detail: 'take the id of an event as it is, or leave it out to begin with now' }])
    return position
  }
}

/** Ids may have commas in them: a text with commas stands for itself, too. */
function valuesOf(given: string | readonly string[] | undefined): ReadonlySet<string> {
  const texts = given === undefined ? [] : typeof given === 'string' ? [given] : given
  const values = texts.flatMap((text) => (text.includes(',') ? [text, ...text.split(',')] : [text])).filter((value) => value !== '')
  if (values.length > 2 * MOST_VALUES) throw badRequest('invalid-request', `at most ${MOST_VALUES} values of a filter`)
  return new Set(values)
}

async function sendEvents(reply: FastifyReply, stream: Readable): Promise<void> {
  // A proxy that gathers what it passes on would hold events up.
  await reply.type('text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(stream)
}

/** To thousandths: no more of it is meant. */
export function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
