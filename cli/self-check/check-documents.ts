import { isDeepStrictEqual } from 'node:util'
import type { KafkaClient } from '../../ports/kafka-client.ts'
import { readAudit } from '../../sinks/mongo/read-audit.ts'
import { type Check, Differences } from './check.ts'
import { readTopic } from './read-topic.ts'

/** MongoDB's `audit` = trade.audit, document by document. */
export async function checkDocuments(client: KafkaClient, mongo: string, audit: string): Promise<Check> {
  const [topic] = await client.topics([audit])
  const expected = new Map<string, Record<string, unknown>>()
  await readTopic(client, audit, (record, partition) => {
    // Audit entries are written by our own processor.
    const entry = JSON.parse(record.value.toString()) as Record<string, unknown>
    expected.set(`${topic?.topicId}#${partition}#${record.offset}`, entry)
  })
  const entries = expected.size
  const differences = new Differences()
  let documents = 0
  // The trace comes from a header.
  await readAudit(mongo, ({ _id, trace_id: _, ...document }) => {
    const entry = expected.get(_id)
    // Documents of a topic of the same name that was made anew stay until their time is over.
    if (entry === undefined && !_id.startsWith(`${topic?.topicId}#`)) return
    documents++
    expected.delete(_id)
    if (entry === undefined) differences.add(`document ${_id} has no audit entry`)
    else if (!isDeepStrictEqual(plain(document), entry)) differences.add(`document ${_id} is ${JSON.stringify(document)}, expected ${JSON.stringify(entry)}`)
  })
  for (const id of expected.keys()) differences.add(`audit entry ${id} has no document`)
  return differences.check('MongoDB audit = trade.audit', `${documents} documents, ${entries} entries`)
}

/** The document as the JSON it came from: times as text, the driver's number types as numbers. */
function plain(document: Readonly<Record<string, unknown>>): unknown {
  return JSON.parse(JSON.stringify(document, (_key, value: unknown) => (isLong(value) ? Number(value) : value)))
}

function isLong(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '_bsontype' in value
}
