import { Type } from 'typebox'
import { allow, type Gateway, type GatewayServer } from '../gateway-parts.ts'
import { preferredWaitS } from '../prefer.ts'
import { notFound, ProblemAnswer } from '../problem.ts'
import type { RequestIds } from '../request-ids.ts'
import { CreatedAnswer, RequestIdParameter, requestBody } from './outcome.ts'

/** The status of a request, from the state store of the instance that owns its partition. */
export function requestRoutes(server: GatewayServer, gateway: Gateway & { readonly requestIds: RequestIds }): void {
  server.get('/requests/:id', {
    schema: {
      operationId: 'getRequest',
      summary: 'What became of a request',
      description: 'PENDING until it is processed. Kept for 24 hours.',
      tags: ['requests'],
      params: Type.Object({ id: RequestIdParameter }),
      headers: Type.Object({ prefer: Type.Optional(Type.String({ description: 'wait=N: while it is pending the answer is held, N seconds at most', examples: ['wait=2'] })) }),
      response: { 200: CreatedAnswer, 400: ProblemAnswer, 404: ProblemAnswer, 410: ProblemAnswer, 503: ProblemAnswer },
    },
    onRequest: allow(gateway, 'trades:read'),
    async handler(request, reply) {
      const requestId = gateway.requestIds.read(request.params.id)
      if (requestId === undefined) throw notFound('there is no such request: this id was never issued')
      const status = await gateway.ingest.status(requestId, (preferredWaitS(request.headers.prefer) ?? 0) * 1_000)
      reply.header('cache-control', 'no-store')
      return requestBody(requestId, status)
    },
  })
}
