import type { Settings } from '../config/settings.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { TRADE_TOPIC_DEFINITIONS, type TopicDefinition } from '../topology/trade-topics.ts'
import { ensureTopics } from './topic-check.ts'

/** Creates the topics of the trade store, or checks them. Answers the partition counts. */
export function createTradeTopics(client: KafkaClient, settings: Settings, definitions: readonly TopicDefinition[] = TRADE_TOPIC_DEFINITIONS): Promise<Map<string, number>> {
  return ensureTopics(
    client,
    definitions.map(({ name, configs }) => ({ name, configs, partitions: undefined, mustBe: name === 'trade.processed' ? ['cleanup.policy', 'min.compaction.lag.ms', 'delete.retention.ms'] : ['cleanup.policy'] })),
    { create: settings['topics.create'], partitions: settings['topics.partitions'], replicationFactor: settings['topics.replicationFactor'] },
  )
}
