import { type Check, Differences } from '../../../cli/self-check/check.ts'
import type { KafkaClient } from '../../../ports/kafka-client.ts'

/** An open transaction keeps the last stable offset of a partition below its end. With no writer left, none may be open: of topics, changelogs, and Kafka's own. */
export async function checkTransactions(client: KafkaClient): Promise<Check> {
  const { topics } = await client.broker.metadata(undefined)
  const partitions = topics.flatMap(({ name, partitions: list }) => list.map(({ partition }) => ({ topic: name, partition })))
  const ends = await client.listOffsets(partitions, 'latest')
  const stable = await client.listOffsets(partitions, 'stable')
  const differences = new Differences()
  for (const { topic, partition, offset } of ends) {
    const lastStable = stable.find((found) => found.topic === topic && found.partition === partition)?.offset
    if (lastStable !== offset) differences.add(`${topic}-${partition}: the log ends at ${offset}, the last stable offset is ${lastStable}`)
  }
  return differences.check('no partition has a hanging transaction', `${partitions.length} partitions of ${topics.length} topics`)
}
