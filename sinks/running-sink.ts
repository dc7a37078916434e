import type { ConnectorSnapshot } from './connector-snapshot.ts'

/** A sink that runs until it is closed or cannot go on. The client that it was given stays open. */
export interface RunningSink {
  snapshot(): ConnectorSnapshot
  /** Resolves when it has ended: with the error that stopped it, or `undefined` after `close`. */
  readonly ended: Promise<Error | undefined>
  close(): Promise<void>
}
