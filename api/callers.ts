import type { FastifyRequest } from 'fastify'

/** Who is asking. */
export interface Caller {
  /** Idempotency keys are kept apart by it. */
  readonly name: string
}

/** What somebody wants to do. */
export type Action = 'trades:write' | 'trades:read' | 'audit:read' | 'operate'

/** The one place where the gateway learns who is asking, and whether he may: `api/gateway.ts` asks it before each route. */
export interface Security {
  /** @throws ProblemError (401) */
  callerOf(request: FastifyRequest): Caller
  /** @throws ProblemError (403) */
  authorise(caller: Caller, action: Action): void
}

/** Everybody may do everything: for a gateway behind something that asks. */
export const openToAll: Security = {
  callerOf: () => ({ name: 'anonymous' }),
  authorise: () => {},
}
