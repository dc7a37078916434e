import { MongoClient } from 'mongodb'
import type { Check } from '../../../cli/self-check/check.ts'
import { readTopic } from '../../../cli/self-check/read-topic.ts'
import type { KafkaClient } from '../../../ports/kafka-client.ts'
import { readHeaders } from '../../../records/headers.ts'
import type { TradeTopics } from '../../../topology/trade-topics.ts'
import type { ActualRecord } from '../../model/compare.ts'
import { JsonNumber, type JsonValue } from '../../model/json.ts'
import { textOf } from '../../model/message.ts'
import { DocumentComparison, type Fields, objectOf, type StoredDocument, traceOf } from './document-comparison.ts'
import { storedDocuments } from './stored-documents.ts'

/** What a record of each topic is as an event. */
const KINDS = {
  expired: { eventType: 'TRADE_EXPIRED', fieldsOf: expiryOf },
  repaired: { eventType: 'TRADE_REPAIRED', fieldsOf: repairOf },
  deadLetter: { eventType: 'DEAD_LETTER', fieldsOf: letterOf },
} as const
const EVENT_TYPES: readonly unknown[] = Object.values(KINDS).map(({ eventType }) => eventType)

type EventTopics = Pick<TradeTopics, keyof typeof KINDS>

/** `trade_events`: one document for each record of `trade.expired`, `trade.repaired` and `trade.dead-letter`. */
export async function checkEvents(client: KafkaClient, url: string, topics: EventTopics): Promise<Check> {
  const records = await readEventRecords(client, topics)
  const mongo = new MongoClient(url)
  try {
    const events = new EventComparison(records, topics)
    for await (const document of storedDocuments(mongo.db(), 'trade_events')) events.add(document)
    return events.check()
  } finally {
    await mongo.close()
  }
}

/** By the ids that their documents must have. */
export async function readEventRecords(client: KafkaClient, { expired, repaired, deadLetter }: EventTopics): Promise<Map<string, ActualRecord>> {
  const records = new Map<string, ActualRecord>()
  for (const { name: topic, topicId } of await client.topics([expired, repaired, deadLetter])) {
    await readTopic(client, topic, ({ offset, timestamp, hasKey, key, hasValue, value, headers: block, headerCount }, partition) => {
      const headers = headerCount === 0 ? [] : readHeaders(block).map(({ key: name, value: bytes }) => ({ key: name, value: bytes === undefined ? null : Buffer.from(bytes) }))
      records.set(`${topicId}#${partition}#${offset}`, { topic, partition, offset, timestamp, key: hasKey ? key.copy() : null, value: hasValue ? value.copy() : null, headers })
    })
  }
  return records
}

/** Is told the documents of `trade_events`, in any order. */
export class EventComparison {
  readonly #comparison: DocumentComparison
  #apart = 0

  constructor(records: Map<string, ActualRecord>, topics: EventTopics) {
    const kinds = new Map(Object.entries(KINDS).map(([name, kind]) => [topics[name as keyof typeof KINDS], kind])) // its own names
    const fieldsOf = (record: ActualRecord): Fields => {
      const kind = kinds.get(record.topic)
      if (kind === undefined) throw new Error(`${record.topic} is none of ${[...kinds.keys()].join(', ')}`)
      return new Map([['event_type', kind.eventType], ...traceOf(record), ...kind.fieldsOf(record)])
    }
    this.#comparison = new DocumentComparison({ records, fieldsOf })
  }

  add(document: StoredDocument): void {
    if (isOfRecord(document)) this.#comparison.add(document)
    else this.#apart++
  }

  check(): Check {
    return this.#comparison.check('MongoDB trade_events = trade.expired, trade.repaired and trade.dead-letter, one document each', `; ${this.#apart} events that sinks and the gateway have seen themselves`)
  }
}

/** What sinks and the gateway have seen themselves has other types, and ids that the database has made, or of other parts (`rebalance#...`, `replay#...`). */
function isOfRecord({ _id, event_type }: StoredDocument): boolean {
  return EVENT_TYPES.includes(event_type) || (typeof _id === 'string' && /^[^#]*#\d+#\d+$/.test(_id))
}

function expiryOf(record: ActualRecord): Fields {
  const trade = objectOf(record)
  return new Map<string, JsonValue | Date>([['severity', 'info'], ['trade_id', trade.get('trade_id') ?? null], ['data', trade], ['timestamp', new Date(String(trade.get('expired_at')))]])
}

function repairOf(record: ActualRecord): Fields {
  const repair = objectOf(record)
  return new Map<string, JsonValue | Date>([['severity', 'info'], ['trade_id', keyOf(record)], ['data', repair], ['timestamp', new Date(String(repair.get('repaired_at')))]])
}

/** Why, and where from, is told by headers: a sink's count before the processor's, which may have been there before. */
function letterOf(record: ActualRecord): Fields {
  const of = (own: string, sink = own) => textOfHeader(record, `__connect.errors.${sink}`) ?? textOfHeader(record, `__streams.errors.${own}`)
  const numberOf = (name: string) => (/^\d{1,15}$/.test(of(name) ?? '') ? new JsonNumber(String(Number(of(name)))) : null)
  const data = new Map<string, JsonValue>([
    ['dead_letter', `${record.partition}-${record.offset}`],
    ['exception', of('exception', 'exception.class.name')],
    ['message', of('message', 'exception.message')],
    ['topic', of('topic')],
    ['partition', numberOf('partition')],
    ['offset', numberOf('offset')],
  ])
  return new Map<string, JsonValue | Date>([['severity', 'warning'], ['trade_id', keyOf(record)], ['data', data], ['timestamp', new Date(record.timestamp)]])
}

function textOfHeader({ headers }: ActualRecord, name: string): string | null {
  return headers.findLast(({ key }) => key === name)?.value?.toString('utf8') ?? null
}

/** Of what could not be read the key may be anything. */
function keyOf({ key }: ActualRecord): string | null {
  return key === null ? null : (textOf(key) ?? null)
}
