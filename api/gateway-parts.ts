import type { FastifyInstance, FastifyRequest, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault, FastifyBaseLogger } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Clock } from '../ports/clock.ts'
import type { Action, Caller, Security } from './callers.ts'
import type { Ingest } from './ingest.ts'
import type { ReadYourWrite } from './read-your-write.ts'
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
  readonly readYourWrite: ReadYourWrite
  /** Rejects where somebody writes more often than he may. */
  readonly limitWrites: (caller: Caller, request: FastifyRequest) => Promise<void>
  /** Partitions of the input topic. */
  readonly partitions: () => Promise<number>
}

/** What changes something counts against the limit of its caller. */
const WRITES: readonly Action[] = ['trades:write', 'operate']

/** The hook before a route: who is asking, may he, and not too often. */
export function allow({ security, limitWrites }: Gateway, action: Action): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const caller = security.callerOf(request)
    security.authorise(caller, action)
    if (WRITES.includes(action)) await limitWrites(caller, request)
  }
}
