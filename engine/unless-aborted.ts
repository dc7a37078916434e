/** The wait was given up. */
export class AbortedError extends Error {
  override readonly name = 'AbortedError'
}

/** What the promise becomes; rejects with `AbortedError` as soon as the signal is aborted, whatever becomes of the promise then. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AbortedError('given up'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
