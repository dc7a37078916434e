import type { FastifyInstance, FastifyRequest, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault, FastifyBaseLogger } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Clock } from '../ports/clock.ts'
import type { Action, Security } from './callers.ts'
import type { Ingest } from './ingest.ts'
import type { StateLookUps } from './queries/owner-queries.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes its body as a stream, and looks after slow senders itself. */
    streams?: boolean
  }
}

export type GatewayServer = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, TypeBoxTypeProvider>

/** What the routes work with. */
export interface Gateway {
  readonly ingest: Ingest
  readonly state: StateLookUps
  readonly security: Security
  readonly clock: Clock
  /** Partitions of the input topic. */
  readonly partitions: () => Promise<number>
}

/** The hook before a route: who is asking, and may he. */
export function allow({ security }: Gateway, action: Action): (request: FastifyRequest) => Promise<void> {
  return async (request) => security.authorise(security.callerOf(request), action)
}
