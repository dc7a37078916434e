/** What is done at the first SIGINT or SIGTERM, and at each after it. */
export interface Interruptions {
  readonly first: () => void
  readonly second: () => void
}

/** `source`: this process. Both signals mean the same. */
export function onInterruption(source: NodeJS.EventEmitter, { first, second }: Interruptions): void {
  let isInterrupted = false
  const interrupted = () => {
    const act = isInterrupted ? second : first
    isInterrupted = true
    act()
  }
  for (const signal of ['SIGINT', 'SIGTERM']) source.on(signal, interrupted)
}
