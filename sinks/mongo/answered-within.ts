import { SinkRetriableError } from '../sink-database.ts'

/**
 * Limits the time of an operation. The driver's own limits do not reach a large write that waits for its socket to drain: where the driver gives that connection up itself (`socketTimeoutMS`, a monitor
 * that finds the server gone), nothing ends the wait. What the operation does later changes nothing: everything that is written to MongoDB may be written again.
 *
 * @throws SinkRetriableError when the time is over.
 */
export async function answeredWithin<T>(limitMs: number, doing: string, work: () => Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new SinkRetriableError(`MongoDB, ${doing}: no answer within ${limitMs / 1000} s`)), limitMs)
  const answer = work()
  // Whoever raced it may have gone.
  answer.catch(() => {})
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
