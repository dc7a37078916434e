import { type AnyBulkWriteOperation, MongoClient } from 'mongodb'
import { TRADE_TOPICS } from '../../../topology/trade-topics.ts'
import { TopicReader } from './topic-reader.ts'

/**
 * `bulk-write-loop.ts BROKERS MONGO`: reads trade.audit and trade.processed from their start and adds a document for each record, a batch after the other, until it is told to stop. No
 * group, no progress, no retry, no dead letters: the least that anybody can do with these documents and this database.
 */
const [brokers = '', mongo = ''] = process.argv.slice(2)
const BATCH_DOCUMENTS = 5_000

interface Document {
  readonly _id: string
  readonly [field: string]: unknown
}

const client = new MongoClient(mongo, { writeConcern: { w: 'majority' } })
const database = client.db('tradewind')
const collections = { [TRADE_TOPICS.audit]: database.collection<Document>('audit'), [TRADE_TOPICS.processed]: database.collection<Document>('trade_history') }

const reader = await TopicReader.start(brokers, Object.keys(collections))
while (!reader.isStopping) {
  const inserts = Object.fromEntries(Object.keys(collections).map((topic) => [topic, [] as AnyBulkWriteOperation<Document>[]]))
  const documents = await reader.next(BATCH_DOCUMENTS, (cursor, topic, partition) => {
    const at = { topic, partition, offset: cursor.offset }
    // the processor wrote it
    const value = JSON.parse(cursor.value.toString()) as Record<string, unknown>
    inserts[topic]?.push({ insertOne: { document: topic === TRADE_TOPICS.audit ? auditOf(value, at) : stateOf(value, at, cursor.timestamp) } })
  })
  await Promise.all(Object.entries(collections).map(([topic, collection]) => (inserts[topic]?.length ? collection.bulkWrite(inserts[topic], { ordered: false }) : undefined)))
  reader.written(documents.length)
}
await reader.close()
await client.close()

interface Origin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

function auditOf(entry: Record<string, unknown>, { topic, partition, offset }: Origin): Document {
  return { ...entry, _id: `${topic}#${partition}#${offset}`, timestamp: new Date(String(entry['timestamp'])) }
}

function stateOf({ last_updated, ...trade }: Record<string, unknown>, source: Origin, timestamp: number): Document {
  const _id = `${source.topic}#${source.partition}#${source.offset}`
  return { _id, timestamp: new Date(timestamp), ...trade, last_updated: new Date(String(last_updated)), deleted: false, attributes: {}, source: { ...source, generation: 0 } }
}
