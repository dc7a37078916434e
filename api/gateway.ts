import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import { AllowedMethods } from './allowed-methods.ts'
import { PREFIX } from './api-prefix.ts'
import { recordRebalances } from './live/recorded-rebalances.ts'
import { openToAll, type Security } from './callers.ts'
import type { Gateway, GatewayServer } from './gateway-parts.ts'
import { Ingest, type IngestOptions } from './ingest.ts'
import type { Live } from './live/live.ts'
import { answerWithProblems, PROBLEM_TYPE, type ProblemOptions, problemBody, problemOf, sendProblem } from './problem.ts'
import { ReadYourWrite } from './read-your-write.ts'
import { RequestIds } from './request-ids.ts'
import { batchRoutes } from './routes/batch.ts'
import { dashboardRoutes } from './routes/dashboard.ts'
import { deadLetterRoutes } from './routes/dead-letters.ts'
import { eventRoutes } from './routes/events.ts'
import { groupRoutes } from './routes/groups.ts'
import { instanceRoutes } from './routes/instances.ts'
import { type Databases, listRoutes } from './routes/lists.ts'
import { liveRoutes } from './routes/live.ts'
import { metricRoutes } from './routes/metrics.ts'
import { type Operations, operationRoutes, probeRoutes } from './routes/operations.ts'
import { timelineRoutes } from './routes/timeline.ts'
import { operationalEventRoutes } from './routes/operational-events.ts'
import { requestRoutes } from './routes/requests.ts'
import { sinkRoutes } from './routes/sinks.ts'
import { topologyRoutes } from './routes/topology.ts'
import { strictValidatorCompiler } from './strict-queries.ts'
import { tradeRoutes } from './routes/trades.ts'
import { writeLimit } from './write-limit.ts'

export interface GatewayOptions extends Omit<IngestOptions, 'requestIds'>, Databases, Operations {
  /** Started and closed by whoever made it. */
  readonly live: Live
  /** Signs request ids. */
  readonly secret: string
  /** Default: everybody may do everything. */
  readonly security?: Security
  /** Told of errors that nobody reckoned with: the answer to them is 500. */
  readonly unexpected: (error: Error) => void
  /** Writing calls that a caller may make a second. Default: as many as he likes. */
  readonly writesPerSecond?: number | undefined
  /** Where a trace is shown: a URL with `{trace_id}` in it. Default: nowhere, and traces are named only. */
  readonly traceUrl?: string | undefined
  /** How long a sender may take for a body. Default 30 s. */
  readonly bodyTimeoutMs?: number
}

/** A trade has to fit, in its largest form, into 1 MiB of a topic. */
const BODY_LIMIT_BYTES = 1_000_000
/** How long a sender may take for its headers, and how long a connection may be silent. */
const HEADERS_TIMEOUT_MS = 10_000
const SILENCE_TIMEOUT_MS = 60_000
const BODY_TIMEOUT_MS = 30_000
/** 50 code points of four bytes, each written as %XX. */
const LONGEST_PARAMETER = 1_000

/** The HTTP gateway of the trade store. Nothing listens yet: `listen` it, or `inject` into it. */
export async function createGateway(options: GatewayOptions): Promise<GatewayServer> {
  const server = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: LONGEST_PARAMETER, ignoreDuplicateSlashes: false },
    connectionTimeout: SILENCE_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    forceCloseConnections: true,
    clientErrorHandler: answerClientError,
    frameworkErrors(error, _request, reply) {
      void sendProblem(reply, problemOf(error).options)
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
  server.setValidatorCompiler(strictValidatorCompiler)
  const allowed = new AllowedMethods(server)
  answerWithProblems(server, options.unexpected, (path) => allowed.of(path))
  // Bodies stay bytes: a parser would lose digits, and the order and doubles of keys.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  limitBodyTime(server, options.bodyTimeoutMs ?? BODY_TIMEOUT_MS)
  await document(server)

  const limitWrites = await writeLimit(server, options.writesPerSecond)
  const requestIds = new RequestIds({ secret: options.secret, now: () => options.clock.now(), uuid: randomUUID })
  const ingest = new Ingest({ ...options, requestIds })
  const { live, clock } = options
  const readYourWrite = new ReadYourWrite({ requestIds, ingest, kafka: live.kafka, instances: live.instances, clock, topics: live.topics })
  const gateway: Gateway = { ...options, security: options.security ?? openToAll, ingest, readYourWrite, limitWrites }
  recordRebalances(live.groups.rebalances, options.events)
  metricRoutes(server, gateway, live)
  await server.register(
    (api: GatewayServer, _options, done) => {
      tradeRoutes(api, gateway)
      requestRoutes(api, { ...gateway, requestIds })
      listRoutes(api, gateway, options)
      eventRoutes(api, gateway, options)
      timelineRoutes(api, gateway, options)
      operationalEventRoutes(api, gateway, options)
      operationRoutes(api, gateway, options)
      liveRoutes(api, gateway, live)
      groupRoutes(api, gateway, live)
      instanceRoutes(api, gateway, live)
      sinkRoutes(api, gateway, options)
      topologyRoutes(api, gateway, live)
      deadLetterRoutes(api, { ...gateway, topic: options.topic }, options)
      // On its own: it takes bodies as streams.
      void api.register((batch: GatewayServer, _none, registered) => {
        batchRoutes(batch, gateway)
        registered()
      })
      done()
    },
    { prefix: PREFIX },
  )
  probeRoutes(server, gateway, options)
  await dashboardRoutes(server)
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger())
  return server
}

/** OpenAPI, from the schemas that the routes validate and answer with. */
async function document(server: GatewayServer): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Tradewind trade store', version: '1', description: 'Trades in, what became of them out. Errors are problem documents (RFC 9457).' },
      tags: [
        { name: 'trades', description: 'Send, read and delete trades' },
        { name: 'requests', description: 'What became of a request' },
        { name: 'queries', description: 'Lists and logs: eventually consistent' },
        { name: 'operations', description: 'For those who run it' },
        { name: 'live', description: 'What happens now' },
      ],
    },
  })
  await server.register(swaggerUi, { routePrefix: '/docs' })
}

/** Who sends its body too slowly is told so, and let go. Routes that take bodies of any length say `config: { streams: true }` and look after it themselves. */
function limitBodyTime(server: GatewayServer, timeoutMs: number): void {
  server.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.streams === true || request.headers['content-length'] === '0' || request.method === 'GET' || request.method === 'HEAD') return
    const timer = setTimeout(() => {
      if (request.raw.complete) return
      if (reply.sent) {
        // It was answered long ago, and still sends.
        request.raw.destroy()
        return
      }
      reply.header('connection', 'close')
      void sendProblem(reply, { status: 408, name: 'too-slow', title: 'Too slow', detail: `the body was not there within ${timeoutMs / 1_000} s` })
    }, timeoutMs)
    request.raw.once('close', () => clearTimeout(timer))
  })
}

const CLIENT_ERRORS: Readonly<Record<string, ProblemOptions>> = {
  HPE_HEADER_OVERFLOW: { status: 431, name: 'headers-too-large', title: 'Headers too large', detail: 'all headers together take at most 16 KB' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, name: 'too-slow', title: 'Too slow', detail: 'the request was not there in time' },
}
const NOT_HTTP: ProblemOptions = { status: 400, name: 'not-http', title: 'Not HTTP', detail: 'this is no HTTP request that can be read' }

/** What Node refuses before there is a request. */
function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = CLIENT_ERRORS[error.code ?? ''] ?? NOT_HTTP
  const body = JSON.stringify(problemBody(problem))
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`)
}
