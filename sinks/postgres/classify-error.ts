import { CONNECTION_CODES } from '../connection-codes.ts'
import { SinkError, SinkFatalError, SinkPoisonError, SinkRetriableError } from '../sink-database.ts'

/** Failures of the network and of the driver's own time limits to which it gives no code. */
const CONNECTION_MESSAGES =
  /^(Connection terminated|Query read timeout|timeout (exceeded when trying to connect|expired)|Client (has encountered a connection error|was closed)|Connection ended)/

/**
 * SQLSTATE classes whose cause passes: connections (08), serialisation and deadlock (40), resources (53), the operator's interventions and restarts (57P0x, 57014),
 * locks (55P03), the system's I/O (58), and a server that has become read-only (25006): a fail-over under way.
 */
const RETRIABLE = /^(08...|40...|53...|55P03|57P0.|57014|58...|25006)$/
/** What a value can cause: data exceptions (22), integrity (23), a key twice in a statement (21), limits of the program (54). */
const POISON = /^(21...|22...|23...|54...)$/

/** A user, password or database that there is not (28, 3D), or rights that are missing (42501). */
const REFUSED = /^(28...|3D...|42501)$/

/** Names an error of PostgreSQL or of its driver by what to do about it. Whatever is not known to pass, or to be a record's fault, is fatal. */
export function classifyPostgresError(error: unknown, doing: string): SinkError {
  if (error instanceof SinkError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  const message = `PostgreSQL, ${doing}: ${cause.message || firstMessage(cause)}${code === undefined ? '' : ` (${code})`}`
  if (code === undefined ? CONNECTION_MESSAGES.test(cause.message) : CONNECTION_CODES.has(code) || RETRIABLE.test(code)) return new SinkRetriableError(message, { cause })
  if (code !== undefined && POISON.test(code)) return new SinkPoisonError(message, [], { cause })
  const hint = code !== undefined && REFUSED.test(code) ? '. Check user, password and database of postgres.url, and what the user may do' : ''
  return new SinkFatalError(message + hint, { cause })
}

/** A host with several addresses fails with an AggregateError without a message. */
function firstMessage(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  return first instanceof Error ? first.message : error.name
}
