import type { KafkaClient } from '../../ports/kafka-client.ts'
import { documentTopics, type TradeTopics } from '../../topology/trade-topics.ts'
import type { Roles } from './roles.ts'

const LOOK_EVERY_MS = 250

/** Waits until the processor has committed all input and both sinks have written all of its output. Answers whether they did in time. */
export async function drained(options: { client: KafkaClient; topics: TradeTopics; applicationId: string; timeoutMs: number; roles: Roles }): Promise<boolean> {
  const { client, topics, applicationId, roles } = options
  const deadlineMs = performance.now() + options.timeoutMs
  const groups: readonly (readonly [string, readonly string[]])[] = [
    [applicationId, [topics.ingested]],
    [`${applicationId}-sink-postgres`, [topics.processed]],
    [`${applicationId}-sink-mongo`, documentTopics(topics)],
  ]
  for (const [group, read] of groups) {
    while ((await lagOf(client, group, read)) > 0) {
      if (performance.now() > deadlineMs) return false
      roles.check()
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }
  return true
}

/** Records between a group's committed offsets and the ends of the topics. A partition without an offset counts whole. */
export async function lagOf(client: KafkaClient, group: string, topics: readonly string[]): Promise<number> {
  const partitions = (await client.topics(topics)).flatMap(({ name, partitions: list }) => list.map(({ partition }) => ({ topic: name, partition })))
  const ends = await client.listOffsets(partitions, 'latest')
  const committed = await client.committedOffsets(group, partitions, { requireStable: false })
  return ends.reduce((lag, { topic, partition, offset }) => {
    const done = committed.find((found) => found.topic === topic && found.partition === partition)?.offset ?? 0
    return lag + Math.max(0, offset - done)
  }, 0)
}
