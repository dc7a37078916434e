import type { Settings } from '../config/settings.ts'
import type { KafkaClient } from '../ports/kafka-client.ts'
import { tradeTopicDefinitions, tradeTopics } from '../topology/trade-topics.ts'
import { ensureTopics } from './topic-check.ts'

/** Creates the topics of the trade store, or checks them. Answers the partition counts. */
export function createTradeTopics(client: KafkaClient, settings: Settings): Promise<Map<string, number>> {
  return ensureTopics(
    client,
    tradeTopicDefinitions(tradeTopics(settings['topics.prefix'])).map((definition) => ({ ...definition, partitions: undefined })),
    { create: settings['topics.create'], partitions: settings['topics.partitions'], replicationFactor: settings['topics.replicationFactor'] },
  )
}
