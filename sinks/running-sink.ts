import type { TopicPartition } from '../ports/broker.ts'
import type { Connector } from './connector.ts'
import type { ConnectorSnapshot } from './connector-snapshot.ts'

/** A sink that runs until it is closed or cannot go on. The client that it was given stays open. */
export interface RunningSink {
  /** Resolves once the database is open, its schema up to date, and the group is being joined: a database that is away is waited for. Rejects with the error that `ended` tells, too. */
  readonly started: Promise<void>
  /** Resolves when it has ended: with the error that stopped it, or `undefined` after `close`. */
  readonly ended: Promise<Error | undefined>
  snapshot(): ConnectorSnapshot
  /** See `Connector.pause`. */
  pause(): void
  resume(): void
  /** See `Connector.hasReached`. */
  hasReached(partition: TopicPartition, offset: number): boolean | undefined
  close(): Promise<void>
}

export function runConnector(connector: Connector): RunningSink {
  const started = connector.start()
  // who does not look at `started` learns it from `ended`
  started.catch(() => undefined)
  return {
    started,
    ended: connector.ended,
    snapshot: () => connector.snapshot(),
    pause: () => connector.pause(),
    resume: () => connector.resume(),
    hasReached: (partition, offset) => connector.hasReached(partition, offset),
    close: () => connector.close(),
  }
}
