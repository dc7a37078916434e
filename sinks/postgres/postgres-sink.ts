import { Connector, type ConnectorOptions } from '../connector.ts'
import { type RunningSink, runConnector } from '../running-sink.ts'
import { PostgresDatabase, type PostgresDatabaseOptions } from './postgres-database.ts'

export interface PostgresSinkOptions extends Omit<ConnectorOptions, 'database' | 'groupId' | 'topics'>, Omit<PostgresDatabaseOptions, 'groupId' | 'connections'> {
  /** Consumer group, and name of the progress in the database. Default `tradewind-postgres`. */
  readonly groupId?: string
  /** Default `trade.processed`. */
  readonly topic?: string
}

/** Keeps the tables `trades` and `trade_versions`. */
export function startPostgresSink(options: PostgresSinkOptions): RunningSink {
  const groupId = options.groupId ?? 'tradewind-postgres'
  const database = new PostgresDatabase({ ...options, groupId, connections: (options.lanes ?? 2) + 1 })
  return runConnector(new Connector({ ...options, database, groupId, topics: [options.topic ?? 'trade.processed'] }))
}
