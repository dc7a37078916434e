/** What was awaited took too long. */
export class NotWithinError extends Error {
  override readonly name = 'NotWithinError'
}

/**
 * Nothing in a run is awaited without a bound: a run that hangs says nothing. What is late goes on in the background and is not looked at any more.
 *
 * @throws NotWithinError, which names what was awaited.
 */
export async function within<T>(what: string, ms: number, work: () => Promise<T>, describe: () => string = () => ''): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new NotWithinError([`${what}: not within ${ms / 1000} s`, describe()].filter(Boolean).join('. '))), ms)
  try {
    return await Promise.race([work(), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
