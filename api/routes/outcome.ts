import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Outcome } from '../../processors/outcome.ts'
import type { RequestAnswer } from '../../processors/request-state.ts'
import type { RequestStatus } from '../ingest.ts'
import { PREFIX } from '../api-prefix.ts'
import { ProblemError, type ProblemOptions } from '../problem.ts'
import type { RequestId } from '../request-ids.ts'
import { tradePath } from '../trade-id.ts'

const nullable = (schema: Type.TSchema) => Type.Union([schema, Type.Null()])

/** What became of a request. */
export const RequestSchema = Type.Object(
  {
    request_id: Type.String(),
    status: Type.Union([Type.Literal('PENDING'), Type.Literal('SUCCESS'), Type.Literal('FAILED')]),
    trade_id: nullable(Type.String()),
    version: nullable(Type.Integer()),
    outcome: nullable(Type.String({ description: 'CREATED, UPDATED, REPLACED, DUPLICATE, DELETED; refused: STALE_VERSION, PAST_MATURITY, INVALID, NOT_FOUND' })),
    reason: nullable(Type.String({ description: 'For people: what was found, what was expected' })),
  },
  { title: 'Request' },
)

const REQUEST_ID = '3-1760000000000-00000000-0000-0000-0000-000000000000-000000000000000000000000'
const answered = (status: 'SUCCESS' | 'PENDING', outcome: string | null) => ({ request_id: REQUEST_ID, status, trade_id: outcome === null ? null : 'T1', version: outcome === null ? null : 1, outcome, reason: null })

export const PENDING_EXAMPLE = answered('PENDING', null)

/** The same with what it looks like: while nothing is known, of a new trade, of a known one, of one that is deleted. */
export const PendingAnswer = { ...RequestSchema, examples: [PENDING_EXAMPLE] }
export const CreatedAnswer = { ...RequestSchema, examples: [answered('SUCCESS', 'CREATED')] }
export const UpdatedAnswer = { ...RequestSchema, examples: [answered('SUCCESS', 'UPDATED')] }
export const DeletedAnswer = { ...RequestSchema, examples: [answered('SUCCESS', 'DELETED')] }

/** Of a path. */
export const RequestIdParameter = Type.String({ minLength: 1, maxLength: 200, description: 'As in the Location that the request was answered with', examples: [REQUEST_ID] })

export function requestBody(requestId: RequestId, status: RequestStatus): Type.Static<typeof RequestSchema> {
  const answer: Omit<RequestAnswer, 'status' | 'outcome'> & { outcome: Outcome | null } = status.status === 'PENDING' ? { trade_id: null, version: null, outcome: null, reason: null } : status
  return { request_id: requestId.text, status: status.status, trade_id: answer.trade_id, version: answer.version, outcome: answer.outcome, reason: answer.reason }
}

export function requestPath(requestId: RequestId): string {
  return `${PREFIX}/requests/${requestId.text}`
}

/** 202 while it is pending, the outcome's own status where it is known. A refusal is a problem that names the rule. */
export async function sendOutcome(reply: FastifyReply, requestId: RequestId, status: RequestStatus): Promise<void> {
  if (status.status === 'PENDING') {
    await reply.code(202).header('location', requestPath(requestId)).send(requestBody(requestId, status))
    return
  }
  if (status.status === 'FAILED') throw new ProblemError(refusalProblem(requestId, status))
  const created = status.outcome === 'CREATED'
  reply.code(created ? 201 : 200)
  reply.header('location', created && status.trade_id !== null ? tradePath(status.trade_id) : requestPath(requestId))
  await reply.send(requestBody(requestId, status))
}

/** What `sendOutcome` and the results of a batch say of a request that was refused. */
export function refusalProblem(requestId: RequestId, { outcome, reason, trade_id, version }: RequestAnswer): ProblemOptions {
  return {
    status: outcome === 'NOT_FOUND' ? 404 : 400,
    name: outcome.toLowerCase().replaceAll('_', '-'),
    title: TITLES[outcome] ?? 'Refused',
    ...(reason !== null && { detail: reason }),
    members: { outcome, request_id: requestId.text, trade_id, version },
  }
}

const TITLES: { readonly [outcome in Outcome]?: string } = {
  STALE_VERSION: 'Refused: a higher version is stored',
  PAST_MATURITY: 'Refused: the maturity date has passed',
  INVALID: 'Refused: not a trade',
  NOT_FOUND: 'There is no such trade',
}
