import { BSON, MongoBulkWriteError, MongoError, MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb'
import { CONNECTION_CODES } from '../connection-codes.ts'
import { SinkError, SinkFatalError, SinkPoisonError, SinkRetriableError } from '../sink-database.ts'

/** Causes that pass, by the server's codes: no primary, shutting down, time limits, write concern not met, write conflict, lock time-out, disk full. */
const RETRIABLE_CODES = new Set([6, 7, 24, 46, 50, 64, 89, 91, 100, 112, 134, 189, 202, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436, 14031])
/** What a document can cause: bad value, type mismatch, validation rules, size, nesting, key too long. */
const POISON_CODES = new Set([2, 14, 15, 17280, 121, 10334, 17419, 17420])

/** Of the driver, without a code: it gives up servers, and what waits for them, when the replica set changes. */
const PASSING_NAMES = new Set(['MongoPoolClosedError', 'MongoServerClosedError', 'MongoNotConnectedError', 'MongoTopologyClosedError'])

const REFUSED = '. Check user, password and database of mongo.url, and what the user may do'
const HINTS = new Map<number | undefined, string>([
  [13, REFUSED],
  [18, REFUSED],
  [20, ' Retryable writes need a replica set; a single node can be one.'],
])

/** Names an error of MongoDB or of its driver by what to do about it. Whatever is not known to pass, or to be a document's fault, is fatal. */
export function classifyMongoError(error: unknown, doing: string): SinkError {
  if (error instanceof SinkError) return error
  const thrown = error instanceof Error ? error : new Error(String(error))
  const cause = thrown instanceof MongoBulkWriteError ? (earlyEnd(thrown) ?? thrown) : thrown
  const code = cause instanceof MongoServerError && typeof cause.code === 'number' ? cause.code : undefined
  const message = `MongoDB, ${doing}: ${cause.message}${code === undefined ? '' : ` (${code})`}`
  if (isRetriable(cause, code)) return new SinkRetriableError(message, { cause })
  if (cause instanceof BSON.BSONError || cause instanceof RangeError || isPoisonCode(code)) return new SinkPoisonError(message, [], { cause })
  return new SinkFatalError(message + (HINTS.get(code) ?? ''), { cause })
}

/**
 * What ended a bulk write before the server had told of each document, such as a connection that was cut: the driver wraps it. `undefined`: nothing did, and `writeErrors` names all documents that
 * were not written.
 */
export function earlyEnd(error: MongoBulkWriteError): Error | undefined {
  if (error.errorResponse instanceof Error) return error.errorResponse
  return [error.writeErrors].flat().length === 0 ? error : undefined
}

export function isPoisonCode(code: number | undefined): boolean {
  return code !== undefined && POISON_CODES.has(code)
}

export function isRetriableCode(code: number): boolean {
  return RETRIABLE_CODES.has(code)
}

function isRetriable(error: Error, code: number | undefined): boolean {
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) return true
  // The driver wraps what a socket says, but not while it waits for a large message to drain.
  if ('code' in error && typeof error.code === 'string' && CONNECTION_CODES.has(error.code)) return true
  if (error instanceof MongoError && (error.hasErrorLabel('RetryableWriteError') || error.hasErrorLabel('TransientTransactionError'))) return true
  return code === undefined ? PASSING_NAMES.has(error.name) : isRetriableCode(code)
}
