import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { ConnectionLostError } from '../ports/broker.ts'
import { KafkaAwayError } from '../ports/kafka-client.ts'
import { KafkaError, RecordRefusedError } from '../ports/kafka-error.ts'
import { OwnerUnavailableError } from './queries/owner-queries.ts'

/** Where the fault is: in the body (a JSON pointer), a parameter of the query or the path, or a header. */
export interface ProblemPart {
  readonly pointer?: string
  readonly parameter?: string
  readonly header?: string
  readonly detail: string
}

/** RFC 9457. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Which problem it is: stable, for programs.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.Optional(Type.String({ description: 'What was found, what was expected, what to do.' })),
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.Optional(Type.String()), parameter: Type.Optional(Type.String()), header: Type.Optional(Type.String()), detail: Type.String() })),
    ),
    request_id: Type.Optional(Type.String({ description: 'The request that this is about: its outcome can be asked for.' })),
    outcome: Type.Optional(Type.String()),
    trade_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    version: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  },
  { title: 'Problem', description: 'What went wrong (RFC 9457)' },
)

/** A problem as the answer of a route. */
export const ProblemAnswer = { description: 'What went wrong', content: { 'application/problem+json': { schema: ProblemSchema } } } as const

export interface ProblemOptions {
  readonly status: number
  /** Last part of the type. */
  readonly name: string
  readonly title: string
  readonly detail?: string
  readonly errors?: readonly ProblemPart[]
  readonly retryAfterS?: number
  readonly members?: Readonly<Record<string, unknown>>
}

/** An answer that is a problem. Routes throw it. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly statusCode: number
  readonly options: ProblemOptions

  constructor(options: ProblemOptions) {
    super(options.detail ?? options.title)
    this.statusCode = options.status
    this.options = options
  }

  /** The same with more members. */
  with(members: Readonly<Record<string, unknown>>): ProblemError {
    return new ProblemError({ ...this.options, members: { ...this.options.members, ...members } })
  }
}

export const PROBLEM_TYPE = 'application/problem+json'
const RETRY_AFTER_S = 1

export function problemBody({ status, name, title, detail, errors, members }: ProblemOptions): Record<string, unknown> {
  return { type: `urn:tradewind:problem:${name}`, title, status, ...(detail !== undefined && { detail }), ...(errors !== undefined && errors.length > 0 && { errors }), ...members }
}

export function notFound(detail: string): ProblemError {
  return new ProblemError({ status: 404, name: 'not-found', title: 'Not found', detail })
}

export function badRequest(name: string, detail: string, errors?: readonly ProblemPart[]): ProblemError {
  return new ProblemError({ status: 400, name, title: 'The request is not as it should be', detail, ...(errors !== undefined && { errors }) })
}

export function unavailable(name: string, detail: string, retryAfterS = RETRY_AFTER_S): ProblemError {
  return new ProblemError({ status: 503, name, title: 'Not available now', detail, retryAfterS })
}

export async function sendProblem(reply: FastifyReply, options: ProblemOptions): Promise<void> {
  if (options.retryAfterS !== undefined) reply.header('retry-after', String(options.retryAfterS))
  // Already text: the serializer of the route's answer is for answers that are no problem.
  await reply.code(options.status).type(PROBLEM_TYPE).serializer(String).send(JSON.stringify(problemBody(options)))
}

/** Every error that leaves the gateway is a problem document. `unexpected` is told of those that are ours; `methodsOf` says which methods a path takes. */
export function answerWithProblems(server: FastifyInstance, unexpected: (error: Error, request: FastifyRequest) => void, methodsOf: (path: string) => readonly string[] = () => []): void {
  const nothingThere = (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const path = request.url.split('?')[0] ?? ''
    const methods = methodsOf(path)
    if (methods.length === 0) return sendProblem(reply, notFound(`there is no ${request.method} ${path.slice(0, 200)}; /docs lists what there is`).options)
    reply.header('allow', methods.join(', '))
    return sendProblem(reply, { status: 405, name: 'method-not-allowed', title: 'Method not allowed', detail: `${path.slice(0, 200)} takes ${methods.join(', ')}, not ${request.method}` })
  }
  server.setNotFoundHandler(nothingThere)
  server.setErrorHandler(async (error: FastifyError, request, reply) => {
    // Of a method that no route has, told before it is seen that none has it.
    if (error.code === 'FST_ERR_ROUTE_MISSING_CONTENT_TYPE') return nothingThere(request, reply)
    const problem = problemOf(error)
    if (problem.options.status >= 500 && problem.options.name === 'unexpected') unexpected(error, request)
    // What is left of the body is read and thrown away, for a while: who is cut off while he sends does not see the answer.
    if (problem.options.status === 413) reply.removeHeader('connection')
    await sendProblem(reply, problem.options)
  })
}

export function problemOf(error: FastifyError | Error): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof KafkaAwayError) return unavailable('kafka-away', `${error.message}: ${error.isSent ? 'whether the record arrived is not known' : 'nothing was written'}; try again, with the same Idempotency-Key if there was one`)
  if (error instanceof RecordRefusedError) return new ProblemError({ status: 413, name: 'too-large', title: 'Too large', detail: error.message })
  if (error instanceof KafkaError) return unavailable('kafka-away', `${error.message}: whether the record arrived is not known; try again, with the same Idempotency-Key if there was one`)
  if (error instanceof ConnectionLostError) return unavailable('kafka-away', `Kafka cannot be asked (${error.message}); try again`)
  if (error instanceof OwnerUnavailableError) return unavailable('state-away', `${error.message}; try again`)
  if ('validation' in error && error.validation !== undefined) return invalidParts(error)
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500
  const code = 'code' in error ? error.code : undefined
  if (status === 413) return new ProblemError({ status, name: 'too-large', title: 'Too large', detail: 'the body is larger than this call takes; a trade has to fit into 1 MB, and many trades go to /api/v1/trades:batch' })
  if (status === 415) return new ProblemError({ status, name: 'media-type', title: 'Unsupported media type', detail: 'expected Content-Type: application/json (or application/x-ndjson for a batch)' })
  if (status >= 400 && status < 500) return new ProblemError({ status, name: typeof code === 'string' ? code.toLowerCase().replaceAll('_', '-') : 'bad-request', title: 'The request is not as it should be', detail: error.message })
  return new ProblemError({ status: 500, name: 'unexpected', title: 'Something is wrong here', detail: 'the fault is not yours; it was noted' })
}

/** Faults of parameters, headers and bodies, by the route's schema. */
function invalidParts(error: FastifyError): ProblemError {
  const kind = error.validationContext === 'headers' ? 'header' : error.validationContext === 'body' ? 'pointer' : 'parameter'
  const errors = (error.validation ?? []).flatMap(({ keyword, instancePath, message, params }): ProblemPart[] => {
    // What is not allowed is told twice: here, and with its name below.
    if (keyword === 'boolean') return []
    const names = keyword === 'additionalProperties' ? params['additionalProperties'] : keyword === 'required' ? params['requiredProperties'] : undefined
    const detail = keyword === 'additionalProperties' ? 'not known here' : keyword === 'required' ? 'not there' : (message ?? 'not as it should be')
    const places = Array.isArray(names) ? names.map((name) => (kind === 'pointer' ? `${instancePath}/${String(name)}` : String(name))) : [kind === 'pointer' ? instancePath : instancePath.slice(1)]
    return places.map((place) => ({ [kind]: place.slice(0, 200), detail }))
  })
  const detail = errors.map((part) => `${part.header ?? part.parameter ?? part.pointer ?? ''}: ${part.detail}`).join('; ')
  return badRequest('invalid-request', detail, errors)
}
