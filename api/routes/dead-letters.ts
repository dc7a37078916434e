import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { readCursor, writeCursor } from '../cursor.ts'
import { databaseCall } from '../databases/database-call.ts'
import type { EventDocument, OperationalEvent, TradeEvents } from '../databases/trade-events.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { type DeadLetter, droppedParts, originalHeaders } from '../live/dead-letter.ts'
import type { Live } from '../live/live.ts'
import { badRequest, notFound, ProblemAnswer, ProblemError } from '../problem.ts'
import { checkTrade } from '../trade-shape.ts'
import { PendingAnswer, requestBody, requestPath } from './outcome.ts'
import { header } from './trades.ts'

const REPLAYED = 'DEAD_LETTER_REPLAYED'
/** A value of 1 MB in base64, and room. */
const BODY_LIMIT_BYTES = 3_000_000
const MOST_LETTERS = 200
/** A producer may have set any timestamp; beyond this there is no date. */
const LATEST_MS = 8.64e15
const DEFAULT_LIMIT = 50
const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'

const nullable = <Schema extends Type.TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const LetterId = Type.String({ pattern: '^\\d{1,6}-\\d{1,15}$', description: 'Partition and offset', examples: ['3-42'] })

const LetterSchema = Type.Object({
  id: LetterId,
  timestamp: Type.String({ format: 'date-time' }),
  trade_id: nullable(Type.String({ description: 'The key as text, where it is UTF-8' })),
  key_base64: nullable(Type.String()),
  value_base64: nullable(Type.String()),
  value_text: nullable(Type.String({ description: 'Where it is UTF-8' })),
  headers: Type.Array(Type.Object({ key: Type.String(), value: nullable(Type.String()) })),
  error: Type.Object({
    exception: nullable(Type.String()),
    message: nullable(Type.String()),
    topic: nullable(Type.String()),
    partition: nullable(Type.Integer()),
    offset: nullable(Type.Integer()),
  }),
  dropped: Type.Array(Type.String(), { description: 'Parts of the record that its letter goes without' }),
  replayable: Type.Boolean({ description: 'It came from trade.ingested: what a sink refused is written by the processor alone' }),
  replays: Type.Array(Type.Object({ at: Type.String({ format: 'date-time' }), by: Type.String(), edited: Type.Boolean(), request_id: Type.String() })),
})

/** What is recorded of a replay. */
interface ReplayData extends Record<string, unknown> {
  readonly dead_letter: string
  readonly by: string
  readonly edited: boolean
  readonly request_id: string
}

const ReplayBody = Type.Object(
  {
    value_text: Type.Optional(Type.String({ maxLength: 1_000_000, description: 'The value to write instead' })),
    value_base64: Type.Optional(Type.String({ maxLength: 1_400_000, pattern: BASE64 })),
    again: Type.Optional(Type.Boolean({ description: 'Also where it was sent again before', default: false })),
    confirm: Type.Literal(true, { description: 'It is written to the topic that it came from' }),
  },
  { additionalProperties: false, examples: [{ confirm: true }] },
)

/** Records that could not be read: looked at, mended, and sent again. */
export function deadLetterRoutes(server: GatewayServer, gateway: Gateway & { readonly topic: string }, { live, events }: { live: Live; events: TradeEvents }): void {
  server.get('/dead-letters', {
    schema: {
      operationId: 'listDeadLetters',
      summary: 'Dead letters, the newest first, page by page',
      description: 'From the topic, where they are kept for 30 days. A page ends early at 8 MB.',
      tags: ['live'],
      querystring: Type.Object(
        { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_LETTERS, default: DEFAULT_LIMIT })), cursor: Type.Optional(Type.String({ maxLength: 8_000 })) },
        { additionalProperties: false },
      ),
      response: { 200: Type.Object({ items: Type.Array(LetterSchema), next: nullable(Type.String()) }), 400: ProblemAnswer, 431: ProblemAnswer, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'audit:read'),
    async handler({ query: { limit = DEFAULT_LIMIT, cursor } }) {
      const { letters, next } = await live.deadLetters.page(limit, cursor === undefined ? undefined : offsetsOf(cursor))
      const topicId = await live.deadLetters.topicId()
      const found = await databaseCall('MongoDB', () => events.recorded(letters.map((letter) => replayPrefix(topicId, letter))))
      return {
        items: letters.map((letter) => letterBody(letter, { input: gateway.topic, replays: found.filter(({ id }) => id.startsWith(replayPrefix(topicId, letter))) })),
        next: next === undefined ? null : writeCursor([next.join(',')]),
      }
    },
  })

  server.get('/dead-letters/:id', {
    schema: {
      operationId: 'getDeadLetter',
      summary: 'One dead letter, with who has sent it again',
      tags: ['live'],
      params: Type.Object({ id: LetterId }),
      response: { 200: LetterSchema, 400: ProblemAnswer, 404: ProblemAnswer, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'audit:read'),
    async handler({ params }) {
      const letter = await letterOf(params.id)
      const topicId = await live.deadLetters.topicId()
      const replays = await databaseCall('MongoDB', () => events.recorded([replayPrefix(topicId, letter)]))
      return letterBody(letter, { input: gateway.topic, replays })
    },
  })

  // On its own: its bodies are read as JSON, by the usual parser.
  void server.register((own: GatewayServer, _options, registered) => {
    own.removeAllContentTypeParsers()
    own.addContentTypeParser('application/json', { parseAs: 'string' }, own.getDefaultJsonParser('error', 'error'))
    own.post('/dead-letters/:id/replay', {
      bodyLimit: BODY_LIMIT_BYTES,
      schema: {
        operationId: 'replayDeadLetter',
        summary: 'Send a dead letter again, as it was or with another value, to the topic that it came from',
        description: 'Under a request id of its own: what becomes of it is told there. Another value has to be a trade. Who did it is recorded as an event DEAD_LETTER_REPLAYED, before it is written. What was sent again before is refused (409 `replayed-before`), but with `again`.',
        tags: ['live'],
        params: Type.Object({ id: LetterId }),
        headers: Type.Object({ 'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) }),
        body: ReplayBody,
        response: { 202: PendingAnswer, 400: ProblemAnswer, 403: ProblemAnswer, 404: ProblemAnswer, 409: ProblemAnswer, 413: ProblemAnswer, 415: ProblemAnswer, 422: ProblemAnswer, 429: ProblemAnswer, 503: ProblemAnswer },
      },
      validatorCompiler: TypeBoxValidatorCompiler,
      onRequest: allow(gateway, 'operate'),
      async handler(request, reply) {
        const letter = await replayableLetter(request.params.id)
        const edited = editedValue(request.body, letter)
        const key = letter.key ?? (edited === undefined ? undefined : Buffer.from(edited.tradeId))
        const caller = gateway.security.callerOf(request)
        const topicId = await live.deadLetters.topicId()
        const { requestId, known } = await gateway.ingest.submitRecord({
          key,
          partition: letter.error.partition ?? letter.partition,
          value: edited?.bytes ?? letter.value,
          caller,
          headers: originalHeaders(letter).map(({ key: name, value }) => [name, value] as const),
          idempotencyKey: header(request, 'idempotency-key'),
          announced: (id) =>
            announce(replayPrefix(topicId, letter), request.body.again === true, {
              eventType: REPLAYED,
              severity: 'info',
              tradeId: textOf(key),
              data: { dead_letter: idOf(letter), by: caller.name, edited: edited !== undefined, request_id: id },
              timestampMs: gateway.clock.now(),
            }),
        })
        await reply.code(202).header('location', requestPath(requestId)).send(requestBody(requestId, known ?? { status: 'PENDING' }))
      },
    })
    registered()
  })

  /** Records who sends a letter again. Of several who are the first at the same time one is: they share an id, and the first to write it keeps it. */
  async function announce(prefix: string, isAgain: boolean, event: Omit<OperationalEvent, 'id'> & { readonly data: ReplayData }): Promise<void> {
    const own = event.data.request_id
    const recorded = () => databaseCall('MongoDB', () => events.recorded([prefix]))
    const before = await recorded()
    // The retry of one that was recorded, and perhaps not written.
    if (before.some((one) => replayBody(one).request_id === own)) return
    if (!isAgain) refuseRepeated(before)
    const id = `${prefix}${isAgain ? own : 'first'}`
    await databaseCall('MongoDB', () => events.record({ id, ...event }))
    if (!isAgain) refuseRepeated((await recorded()).filter((one) => one.id === id && replayBody(one).request_id !== own))
  }

  async function letterOf(id: string): Promise<DeadLetter> {
    const [partition = 0, offset = 0] = id.split('-').map(Number)
    const letter = await live.deadLetters.letter(partition, offset)
    if (letter === undefined) throw notFound(`there is no dead letter ${id}: it never was, or is past its retention`)
    return letter
  }

  async function replayableLetter(id: string): Promise<DeadLetter> {
    const letter = await letterOf(id)
    const { topic } = letter.error
    if (topic !== gateway.topic) {
      const detail = `the dead letter ${id} came from ${topic ?? 'nobody knows where'}, not from ${gateway.topic}: what a sink refused is the processor's to write. Mend what the database refuses, and send the trade again as it is to be`
      throw new ProblemError({ status: 409, name: 'not-replayable', title: 'It cannot be sent again', detail })
    }
    return letter
  }
}

/** The trade to write instead; `undefined`: the record as it was. */
function editedValue({ value_text: text, value_base64: base64 }: Type.Static<typeof ReplayBody>, letter: DeadLetter): { tradeId: string; bytes: Buffer } | undefined {
  if (text !== undefined && base64 !== undefined) throw badRequest('invalid-request', 'value_text and value_base64: one of them, or neither', [{ pointer: '/value_base64', detail: 'value_text is there, too' }])
  const pointer = text === undefined ? '/value_base64' : '/value_text'
  const bytes = text !== undefined ? Buffer.from(text) : base64 === undefined ? undefined : Buffer.from(base64, 'base64')
  if (bytes === undefined) {
    const dropped = droppedParts(letter).filter((part) => part === 'value' || part === 'key')
    if (dropped.length === 0) return undefined
    throw new ProblemError({ status: 409, name: 'not-replayable', title: 'It cannot be sent again', detail: `the letter goes without the ${dropped.join(' and the ')} of its record, which did not fit: give the value that is to be written` })
  }
  const checked = checkTrade(bytes)
  if (checked instanceof ProblemError) {
    const errors = (checked.options.errors ?? []).map(({ detail }) => ({ pointer, detail }))
    throw badRequest('invalid-trade', checked.message, errors)
  }
  const key = letter.key
  if (key !== undefined && !key.equals(Buffer.from(checked.tradeId))) {
    throw badRequest('invalid-trade', `the trade is ${JSON.stringify(checked.tradeId)}, the key of the record is ${JSON.stringify(key.toString())}: a record's key is its trade_id`, [{ pointer, detail: 'trade_id: not the key of the record' }])
  }
  return checked
}

function letterBody(letter: DeadLetter, { input, replays }: { input: string; replays: readonly EventDocument[] }): Type.Static<typeof LetterSchema> {
  const { timestampMs, key, value, headers, error } = letter
  return {
    id: idOf(letter),
    timestamp: new Date(Math.min(Math.max(timestampMs, 0), LATEST_MS)).toISOString(),
    trade_id: textOf(key) ?? null,
    key_base64: key?.toString('base64') ?? null,
    value_base64: value?.toString('base64') ?? null,
    value_text: textOf(value) ?? null,
    headers: headers.map((one) => ({ key: one.key, value: one.value?.toString() ?? null })),
    error: { exception: error.exception ?? null, message: error.message ?? null, topic: error.topic ?? null, partition: error.partition ?? null, offset: error.offset ?? null },
    dropped: [...droppedParts(letter)],
    replayable: error.topic === input,
    replays: replays.map(replayBody),
  }
}

/** @throws ProblemError where there is one */
function refuseRepeated(replays: readonly EventDocument[]): void {
  const last = replays.at(-1)
  if (last === undefined) return
  const { by, at, request_id: requestId } = replayBody(last)
  const detail = `it was sent again before, by ${by} at ${at}, as request ${requestId}: see what became of that, and say "again": true to send it once more`
  throw new ProblemError({ status: 409, name: 'replayed-before', title: 'It was sent again before', detail, members: { request_id: requestId } })
}

function replayBody({ timestampMs, fields }: EventDocument): { at: string; by: string; edited: boolean; request_id: string } {
  // As `record` was given it above.
  const { by, edited, request_id: requestId } = fields['data'] as ReplayData
  return { at: new Date(timestampMs).toISOString(), by, edited, request_id: requestId }
}

function idOf({ partition, offset }: DeadLetter): string {
  return `${partition}-${offset}`
}

function replayPrefix(topicId: string, letter: DeadLetter): string {
  return `replay#${topicId}#${idOf(letter)}#`
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Buffer | undefined): string | undefined {
  try {
    return bytes === undefined ? undefined : utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Offsets of each partition, in one text: how many there are depends on the topic. */
function offsetsOf(cursor: string): readonly number[] {
  const [text] = readCursor<[string]>(cursor, ['string'])
  const offsets = text.split(',').map((part) => (/^\d{1,15}$/.test(part) ? Number(part) : Number.NaN))
  if (offsets.some(Number.isNaN)) throw badRequest('invalid-cursor', 'the cursor is not one that a page has ended with', [{ parameter: 'cursor', detail: 'take `next` of the page before, as it is' }])
  return offsets
}
