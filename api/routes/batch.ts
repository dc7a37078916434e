import { Readable } from 'node:stream'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { ArraySplitter, BrokenBodyError, LineSplitter } from '../batch/item-splitter.ts'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { preferredWaitS } from '../prefer.ts'
import { badRequest, problemBody, ProblemError, problemOf, ProblemAnswer, ProblemSchema } from '../problem.ts'
import { checkTrade, TRADE_EXAMPLE, TradeSchema } from '../trade-shape.ts'
import { PENDING_EXAMPLE, refusalProblem, RequestSchema, requestBody } from './outcome.ts'
import { header, traceHeaders } from './trades.ts'

const NDJSON = 'application/x-ndjson'
/** Items that are under way at a time, and their bytes: beyond either the body is read no further. */
const WINDOW = 2_000
const WINDOW_BYTES = 8_000_000
/** Results that may wait for who sends all of his items before he reads. */
const RESULT_BYTES = 16_000_000
/** How long nothing may come while nothing is under way: who waits for results sends nothing. */
const SILENCE_MS = 30_000
/** Between the key of a batch and the position of an item. No header can hold it: an item's claim is never that of a single trade. */
const ITEM_OF = '\u2192'

const ResultSchema = Type.Object(
  { index: Type.Integer({ description: 'Position in the body, from 0' }), status: Type.Integer({ description: 'As if the item had been sent alone' }), request: Type.Optional(RequestSchema), problem: Type.Optional(ProblemSchema) },
  { title: 'Batch result', examples: [{ index: 0, status: 202, request: PENDING_EXAMPLE }] },
)

/** POST of many trades in one body, of any length: it is worked off while it comes. */
export function batchRoutes(server: GatewayServer, gateway: Gateway): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(['application/json', NDJSON, 'application/ndjson', 'application/jsonl'], (_request, payload, done) => done(null, payload))
  server.post('/trades::batch', {
    config: { streams: true },
    schema: {
      operationId: 'postTrades',
      summary: 'Send many trades',
      description: 'A JSON array, or NDJSON, of any length. One result an item, in the order given, while the body comes. With an Idempotency-Key each item is claimed under the key and its position.',
      tags: ['trades'],
      headers: Type.Object({ prefer: Type.Optional(Type.String({ examples: ['wait=2'] })), 'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 200 })) }),
      body: { content: { 'application/json': { schema: Type.Array(TradeSchema, { minItems: 1 }), example: [TRADE_EXAMPLE] }, [NDJSON]: { schema: TradeSchema } } },
      response: { 207: { description: 'In the form in which the trades came', content: { 'application/json': { schema: Type.Object({ results: Type.Array(ResultSchema) }), example: { results: [{ index: 0, status: 202, request: PENDING_EXAMPLE }] } }, [NDJSON]: { schema: ResultSchema } } }, 400: ProblemAnswer, 403: ProblemAnswer, 415: ProblemAnswer, 429: ProblemAnswer, 503: ProblemAnswer },
    },
    // Each item is checked as bytes, when it comes.
    validatorCompiler: (route) => (route.httpPart === 'body' ? () => true : TypeBoxValidatorCompiler(route)),
    onRequest: allow(gateway, 'trades:write'),
    async handler(request, reply) {
      // Without a body there is nothing that a parser could have left.
      if (request.body === undefined) throw badRequest('empty-batch', 'expected at least one trade, as a JSON array or as lines of JSON')
      const isLines = !(request.headers['content-type'] ?? '').startsWith('application/json')
      const results = new BatchRun(gateway, request, isLines).results()
      // The first one decides whether there is anything to answer with 207.
      const first = await results.next()
      if (first.done === true) throw badRequest('empty-batch', `expected at least one trade, as ${isLines ? 'lines of JSON' : 'elements of a JSON array'}`)
      const text = isLines ? lines(first.value, results) : array(first.value, results)
      await sendText(reply.code(207).type(isLines ? NDJSON : 'application/json; charset=utf-8'), text)
    },
  })
}

/** Text as it comes. The schema of the route says what it is; nothing writes it a second time. */
async function sendText(reply: FastifyReply, text: AsyncIterable<string>): Promise<void> {
  await reply.send(Readable.from(text, { objectMode: false, highWaterMark: RESULT_BYTES }))
}

interface ItemResult {
  readonly index: number
  readonly status: number
  readonly request?: object
  readonly problem?: object
}

interface Item {
  readonly bytes: number
  readonly result: Promise<ItemResult>
}

/** One body: it is read no further than results are taken, and no more than a window of items is under way. */
class BatchRun {
  readonly #gateway: Gateway
  readonly #request: FastifyRequest
  readonly #splitter: LineSplitter | ArraySplitter
  readonly #waitMs: number
  /** In the order given. */
  readonly #underWay: Item[] = []
  #bytesUnderWay = 0
  /** Since then nothing has come, and nothing was under way. */
  #quietSinceMs = 0
  #count = 0
  #isEnded = false
  #broken: ProblemError | undefined

  constructor(gateway: Gateway, request: FastifyRequest, isLines: boolean) {
    this.#gateway = gateway
    this.#request = request
    this.#splitter = isLines ? new LineSplitter() : new ArraySplitter()
    this.#waitMs = (preferredWaitS(header(request, 'prefer')) ?? 0) * 1_000
  }

  /** @throws ProblemError for a body of which nothing could be read. */
  async *results(): AsyncGenerator<ItemResult, void> {
    // The parser has left the stream there.
    const body = this.#request.body as Readable
    const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]()
    let reading: Promise<undefined> | undefined
    for (;;) {
      if (!this.#isEnded && !this.#isFull) reading ??= this.#next(chunks)
      const [head] = this.#underWay
      if (head === undefined && reading === undefined) break
      // A sender may wait for results before it sends more: whatever is there first is worked off.
      const result = await Promise.race([head?.result, reading].filter((coming) => coming !== undefined))
      if (result === undefined) {
        reading = undefined
        continue
      }
      yield result
      // Until it was taken it was under way.
      this.#underWay.shift()
      this.#bytesUnderWay -= head?.bytes ?? 0
      this.#quietSinceMs = this.#gateway.clock.monotonicMs()
    }
    if (this.#broken === undefined) return
    if (this.#count === 0) throw this.#broken
    yield problemResult(this.#count, this.#broken)
  }

  get #isFull(): boolean {
    return this.#underWay.length >= WINDOW || this.#bytesUnderWay >= WINDOW_BYTES
  }

  /** Takes what comes next; the items in it are started. */
  async #next(chunks: AsyncIterator<Buffer>): Promise<undefined> {
    const item = (bytes: Buffer) => {
      this.#underWay.push({ bytes: bytes.length, result: this.#submit(this.#count++, bytes) })
      this.#bytesUnderWay += bytes.length
    }
    try {
      const { done, value } = await this.#inTime(chunks.next())
      this.#isEnded = done === true
      if (done === true) this.#splitter.end(item)
      else this.#splitter.push(value, item)
    } catch (error) {
      this.#isEnded = true
      this.#broken = error instanceof ProblemError ? error : badRequest('broken-batch', error instanceof BrokenBodyError ? error.message : 'the body broke off')
      this.#request.raw.resume()
    }
  }

  #inTime<T>(coming: Promise<T>): Promise<T> {
    const { clock } = this.#gateway
    this.#quietSinceMs = clock.monotonicMs()
    return new Promise((resolve, reject) => {
      const look = () => {
        const leftMs = this.#underWay.length > 0 ? SILENCE_MS : this.#quietSinceMs + SILENCE_MS - clock.monotonicMs()
        if (leftMs > 0) timer = clock.after(leftMs, look)
        else reject(new ProblemError({ status: 408, name: 'too-slow', title: 'Too slow', detail: `nothing came for ${SILENCE_MS / 1_000} s` }))
      }
      let timer = clock.after(SILENCE_MS, look)
      coming.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  async #submit(index: number, bytes: Buffer): Promise<ItemResult> {
    try {
      const checked = checkTrade(bytes)
      if (checked instanceof ProblemError) return problemResult(index, checked)
      const { ingest, security } = this.#gateway
      const key = header(this.#request, 'idempotency-key')
      const { requestId, known } = await ingest.submit({
        tradeId: checked.tradeId,
        value: bytes,
        caller: security.callerOf(this.#request),
        headers: traceHeaders(this.#request),
        idempotencyKey: key === undefined ? undefined : `${key}${ITEM_OF}${index}`,
      })
      const status = known ?? (this.#waitMs > 0 ? await ingest.outcome(requestId, this.#waitMs) : { status: 'PENDING' as const })
      if (status.status === 'FAILED') return problemResult(index, new ProblemError(refusalProblem(requestId, status)))
      const code = status.status === 'PENDING' ? 202 : status.outcome === 'CREATED' ? 201 : 200
      return { index, status: code, request: requestBody(requestId, status) }
    } catch (error) {
      const found = error instanceof Error ? error : new Error(String(error))
      const problem = problemOf(found)
      if (problem.options.name === 'unexpected') this.#gateway.unexpected(found)
      return problemResult(index, problem)
    }
  }
}

function problemResult(index: number, { options }: ProblemError): ItemResult {
  return { index, status: options.status, problem: problemBody(options) }
}

async function* lines(first: ItemResult, rest: AsyncGenerator<ItemResult, void>): AsyncGenerator<string> {
  yield `${JSON.stringify(first)}\n`
  for await (const result of rest) yield `${JSON.stringify(result)}\n`
}

async function* array(first: ItemResult, rest: AsyncGenerator<ItemResult, void>): AsyncGenerator<string> {
  yield `{"results":[${JSON.stringify(first)}`
  for await (const result of rest) yield `,${JSON.stringify(result)}`
  yield ']}'
}
