import type { KafkaClient } from '../../ports/kafka-client.ts'
import type { TradeTopics } from '../../topology/trade-topics.ts'
import { type Check, Differences } from './check.ts'
import { readTopic } from './read-topic.ts'

/** Every input record has exactly one audit entry. */
export async function checkAudit(client: KafkaClient, topics: TradeTopics): Promise<Check> {
  const entries = new Map<string, number>()
  const differences = new Differences()
  let inputs = 0
  let audits = 0
  await readTopic(client, topics.audit, (record) => {
    // The broker keeps what we wrote: an entry that is no JSON would be a fault of ours, and end the check.
    const { source } = JSON.parse(record.value.toString()) as { source: { topic: string; partition: number; offset: number } | null }
    if (source === null) return
    audits++
    const at = `${source.partition}@${source.offset}`
    entries.set(at, (entries.get(at) ?? 0) + 1)
  })
  await readTopic(client, topics.ingested, (record, partition) => {
    inputs++
    const at = `${partition}@${record.offset}`
    const count = entries.get(at) ?? 0
    if (count !== 1) differences.add(`input ${at} has ${count} audit entries`)
    entries.delete(at)
  })
  // What retention has removed from the input may still be in the audit.
  const starts = new Map((await inputStarts(client, topics.ingested)).map(({ partition, offset }) => [partition, offset]))
  for (const at of entries.keys()) {
    const [partition = 0, offset = 0] = at.split('@').map(Number)
    if (offset >= (starts.get(partition) ?? 0)) differences.add(`audit entry for ${at}, where there is no input`)
  }
  return differences.check('audit entries = input records, exactly one each', `${inputs} inputs, ${audits} entries`)
}

async function inputStarts(client: KafkaClient, input: string): Promise<{ partition: number; offset: number }[]> {
  const [topic] = await client.topics([input])
  return client.listOffsets(
    (topic?.partitions ?? []).map(({ partition }) => ({ topic: input, partition })),
    'earliest',
  )
}
