import { Connector, type ConnectorOptions } from '../connector.ts'
import type { RunningSink } from '../running-sink.ts'
import { PostgresDatabase, type PostgresDatabaseOptions } from './postgres-database.ts'

export interface PostgresSinkOptions extends Omit<ConnectorOptions, 'database' | 'groupId' | 'topics'>, Omit<PostgresDatabaseOptions, 'groupId' | 'connections'> {
  /** Consumer group, and name of the progress in the database. Default `tradewind-postgres`. */
  readonly groupId?: string
  /** Default `trade.processed`. */
  readonly topic?: string
}

/** Keeps the tables `trades` and `trade_versions`. Resolves once the schema is up to date and the group is being joined; rejects with `SinkFatalError`. */
export async function startPostgresSink(options: PostgresSinkOptions): Promise<RunningSink> {
  const groupId = options.groupId ?? 'tradewind-postgres'
  const database = new PostgresDatabase({ ...options, groupId, connections: options.lanes ?? 2 })
  const connector = new Connector({ ...options, database, groupId, topics: [options.topic ?? 'trade.processed'] })
  await connector.start()
  return connector
}
