import type { FastifyInstance, FastifyRequest, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault, FastifyBaseLogger } from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Clock } from '../ports/clock.ts'
import type { Action, Caller, Security } from './callers.ts'
import type { Ingest } from './ingest.ts'
import { ProblemError } from './problem.ts'
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
  /** Told of errors that nobody reckoned with. */
  readonly unexpected: (error: Error) => void
}

/** What changes something counts against the limit of its caller. */
const WRITES: readonly Action[] = ['trades:write', 'operate']

const READING_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** The hook `onRequest` of a route, before its body is read: not another site's page, who is asking, may he, and not too often. */
export function allow({ security, limitWrites }: Gateway, action: Action): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (!READING_METHODS.includes(request.method)) refuseOtherSites(request)
    const caller = security.callerOf(request)
    security.authorise(caller, action)
    if (WRITES.includes(action)) await limitWrites(caller, request)
  }
}

/** A browser sends what any page tells it to, in the name of who looks at it; it says which page that was. Programs say nothing of the kind. @throws ProblemError (403) */
function refuseOtherSites({ headers }: FastifyRequest): void {
  const { origin, host = '', 'sec-fetch-site': site } = headers
  if ((site === undefined || site === 'same-origin' || site === 'none') && (origin === undefined || isOfHost(origin, host))) return
  throw new ProblemError({
    status: 403,
    name: 'other-site',
    title: 'Not from this page',
    detail: `calls that change something are not taken from pages of other sites: found ${origin === undefined ? `Sec-Fetch-Site: ${String(site).slice(0, 50)}` : `Origin: ${origin.slice(0, 200)}`}, expected that of Host: ${host.slice(0, 200)} (a proxy in front of the gateway has to pass Host on as it is)`,
  })
}

/** The port that is the default of the scheme may be left out, in either of them. */
function isOfHost(origin: string, host: string): boolean {
  const { protocol = '', host: found } = URL.parse(origin) ?? {}
  return found !== undefined && found !== '' && found === URL.parse(`${protocol}//${host}`)?.host
}
