import { crc32 } from 'node:zlib'
import { type Db, MongoClient } from 'mongodb'
import { MongoDatabase } from '../../sinks/mongo/mongo-database.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { sum } from '../harness/bench-stack.ts'
import type { Scenario } from '../harness/scenario.ts'
import { mongoConnector } from '../peers/kafka-connect.ts'
import { mongoSinks, type SinkContender } from '../peers/sink-contenders.ts'
import { measureSink, prepareSink, sinkMetrics, type SinkTarget } from './measure-sink.ts'

/** What of a document is held against those of the others; an id begins with what each calls the topic. */
const CONTENT: Readonly<Record<string, readonly string[]>> = {
  audit: ['trade_id', 'version', 'action', 'status', 'outcome', 'reason', 'business_date', 'source.partition', 'source.offset', 'timestamp'],
  trade_history: ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired', 'last_updated', 'timestamp'],
}

let checksums: string | undefined

export const mongo: SinkTarget = {
  name: 'MongoDB',
  topics: [TRADE_TOPICS.audit, TRADE_TOPICS.processed],
  pid: ({ stack }) => stack.mongoPid,
  async empty({ stack }) {
    await withMongo(stack.mongo, (database) => database.dropDatabase())
    const ours = new MongoDatabase({ url: stack.mongo, groupId: 'none', mappings: new Map() })
    await ours.open()
    await ours.close()
  },
  async check({ stack, checked }, contender) {
    const found = await withMongo(stack.mongo, async (database) => {
      const all: { collection: string; documents: number; checksum: string }[] = []
      for (const [collection, fields] of Object.entries(CONTENT)) all.push({ collection, ...(await contentOf(database, collection, fields)) })
      return all
    })
    const text = JSON.stringify(found)
    checksums ??= text
    if (text !== checksums) throw new Error(`${contender.name} has written other documents than the first one: ${text}, expected ${checksums}`)
    checked(`all contenders, every round: the same documents in audit and in trade_history (${sum(found.map(({ documents }) => documents)).toLocaleString('en')} together), in content, origin and time`)
  },
}

/** What a drain has written to trade.audit and trade.processed goes into empty collections, a document for each record. */
export const sinkMongo: Scenario<SinkContender> = {
  name: 'sink-mongo',
  needsMongo: true,
  metrics: sinkMetrics(mongo),
  contenders: [...mongoSinks, mongoConnector],
  prepare: (context) => prepareSink(context, mongo, mongoSinks[0]),
  async measure(context, contender) {
    return new Map([['', await measureSink(context, mongo, contender)]])
  },
}

/** As text, whatever type of number or time a contender has chosen; whatever order the documents lie in. */
async function contentOf(database: Db, collection: string, fields: readonly string[]): Promise<{ documents: number; checksum: string }> {
  const origin = { $slice: [{ $split: [{ $toString: '$_id' }, '#'] }, -2] }
  const row = { $concatArrays: [origin, fields.map((field) => ({ $ifNull: [{ $toString: `$${field}` }, ''] }))] }
  let documents = 0
  let checksum = 0n
  for await (const { row: found } of database.collection(collection).aggregate<{ row: string[] }>([{ $project: { _id: 0, row } }], { batchSize: 10_000 })) {
    documents++
    // two of 32 bits, so that what differs in two documents does not cancel out
    const text = found.join('|')
    checksum += (BigInt(crc32(text)) << 32n) | BigInt(crc32(text, 1))
  }
  return { documents, checksum: checksum.toString() }
}

async function withMongo<Result>(url: string, work: (database: Db) => Promise<Result>): Promise<Result> {
  const client = new MongoClient(url)
  try {
    return await work(client.db('tradewind'))
  } finally {
    await client.close()
  }
}
