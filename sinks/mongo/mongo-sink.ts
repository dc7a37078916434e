import { Connector, type ConnectorOptions } from '../connector.ts'
import type { SinkEvent } from '../connector-snapshot.ts'
import { type RunningSink, runConnector } from '../running-sink.ts'
import { AUDIT, DEAD_LETTER_EVENTS, EXPIRY_EVENTS, REPAIR_EVENTS, TRADE_HISTORY } from './documents.ts'
import { MongoDatabase, type MongoDatabaseOptions } from './mongo-database.ts'

export interface MongoSinkOptions extends Omit<ConnectorOptions, 'database' | 'groupId' | 'topics'>, Omit<MongoDatabaseOptions, 'groupId' | 'mappings'> {
  /** Consumer group, and name of the progress in the database. Default `tradewind-mongo`. */
  readonly groupId?: string
  readonly auditTopic?: string
  readonly processedTopic?: string
  readonly expiredTopic?: string
  readonly repairedTopic?: string
}

/** Keeps the collections `audit`, `trade_history` and `trade_events`; its own operational events go to the last one. */
export function startMongoSink(options: MongoSinkOptions): RunningSink {
  const groupId = options.groupId ?? 'tradewind-mongo'
  const mappings = new Map([
    [options.auditTopic ?? 'trade.audit', AUDIT],
    [options.processedTopic ?? 'trade.processed', TRADE_HISTORY],
    [options.expiredTopic ?? 'trade.expired', EXPIRY_EVENTS],
    [options.repairedTopic ?? 'trade.repaired', REPAIR_EVENTS],
    [options.deadLetterTopic ?? 'trade.dead-letter', DEAD_LETTER_EVENTS],
  ])
  const database = new MongoDatabase({ ...options, groupId, mappings })
  const onEvent = (event: SinkEvent) => {
    options.onEvent?.(event)
    const { type: eventType, severity, message, data, timestampMs } = event
    // Best effort: some events say that the database is away.
    database.recordEvent({ eventType, severity, data: { message, group: groupId, ...data }, timestampMs }).catch(() => undefined)
  }
  return runConnector(new Connector({ ...options, database, groupId, topics: [...mappings.keys()], onEvent }))
}
