import { MongoClient } from 'mongodb'
import type { Check } from '../../../cli/self-check/check.ts'
import type { ActualRecord } from '../../model/compare.ts'
import { type JsonValue, JsonNumber } from '../../model/json.ts'
import { DocumentComparison, type Fields, objectOf, type StoredDocument, traceOf } from './document-comparison.ts'
import { storedDocuments } from './stored-documents.ts'

/** Where the records come from, as documents say it. */
export interface HistorySource {
  readonly topic: string
  readonly topicId: string
  /** What the sinks have numbered the topic with. */
  readonly generation: number
}

/** `trade_history`: one document for each record of `trade.processed`, with the state that the trade had. */
export async function checkHistory(url: string, { topic, topicId }: Omit<HistorySource, 'generation'>, processed: readonly ActualRecord[]): Promise<Check> {
  const client = new MongoClient(url)
  try {
    const generations = await client.db().collection<{ _id: string; generation: number }>('sink_generations').find().toArray()
    const generation = generations.find(({ _id }) => _id.endsWith(` ${topicId}`))?.generation ?? 0
    const comparison = historyComparison({ topic, topicId, generation }, processed)
    for await (const document of storedDocuments(client.db(), 'trade_history')) comparison.add(document)
    return checkOf(comparison)
  } finally {
    await client.close()
  }
}

export function compareHistory(documents: Iterable<StoredDocument>, source: HistorySource, processed: readonly ActualRecord[]): Check {
  const comparison = historyComparison(source, processed)
  for (const document of documents) comparison.add(document)
  return checkOf(comparison)
}

function checkOf(comparison: DocumentComparison): Check {
  return comparison.check('MongoDB trade_history = trade.processed, one document each')
}

function historyComparison(source: HistorySource, processed: readonly ActualRecord[]): DocumentComparison {
  const records = new Map(processed.map((record) => [`${source.topicId}#${record.partition}#${record.offset}`, record]))
  return new DocumentComparison({ records, fieldsOf: (record) => stateOf(record, source) })
}

const COLUMNS = ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date', 'expired']

/** The columns of `trades`; what else a trade has stands in `attributes`. A deleted one is its id. */
function stateOf(record: ActualRecord, { topic, generation }: HistorySource): Fields {
  const from: JsonValue = new Map<string, JsonValue>([['topic', topic], ...numbers({ partition: record.partition, offset: record.offset, generation })])
  const fields = new Map<string, JsonValue | Date>([...traceOf(record), ['timestamp', new Date(record.timestamp)], ['deleted', record.value === null], ['source', from]])
  if (record.value === null) return fields.set('trade_id', record.key?.toString('utf8') ?? null)
  const trade = objectOf(record)
  for (const column of COLUMNS) fields.set(column, trade.get(column) ?? null)
  fields.set('last_updated', new Date(String(trade.get('last_updated'))))
  return fields.set('attributes', new Map([...trade].filter(([name]) => !COLUMNS.includes(name) && name !== 'last_updated')))
}

function numbers(members: Readonly<Record<string, number>>): [string, JsonNumber][] {
  return Object.entries(members).map(([name, value]) => [name, new JsonNumber(String(value))])
}
