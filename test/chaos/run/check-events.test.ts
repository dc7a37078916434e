import { ObjectId } from 'mongodb'
import { expect, test } from 'vitest'
import { tradeTopics } from '../../../topology/trade-topics.ts'
import { topicsInMemory } from '../../support/topics-in-memory.ts'
import { EventComparison, readEventRecords } from './check-events.ts'
import type { StoredDocument } from './document-comparison.ts'

const TOPICS = tradeTopics('x.')
const [EXPIRED, REPAIRED, LETTERS] = [TOPICS.expired, TOPICS.repaired, TOPICS.deadLetter].map((topic) => `id-of-${topic}#0`)
const TIME = '2026-12-11T10:00:00.000Z'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const RECORD_TIME = new Date(1_800_000_000_000)

const REPAIR = { trade: { trade_id: 'R', version: 2 }, repaired: { outcome: 'INVALID', source: { partition: 0, offset: 3 } }, repaired_at: TIME }
const OWN = { exception: 'InvalidTrade', message: 'no JSON', topic: 'trade.ingested', partition: '3', offset: '99' }
const RECORDS = {
  [TOPICS.expired]: { partitions: [[{ key: 'E', value: `{"trade_id":"E","version":1,"expired_at":"${TIME}"}`, headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01` } }]] },
  [TOPICS.repaired]: { partitions: [[{ key: 'R', value: JSON.stringify(REPAIR) }]] },
  [TOPICS.deadLetter]: {
    partitions: [
      [
        { key: 'L', value: 'no JSON', headers: headersOf('__streams.errors.', OWN) },
        { value: '{}', headers: { ...headersOf('__streams.errors.', OWN), ...headersOf('__connect.errors.', { 'exception.class.name': 'PostgresError', topic: 'trade.processed', partition: '0', offset: '7' }) } },
      ],
    ],
  },
}

const EVENT = { severity: 'info', timestamp: new Date(TIME) }
const EXPIRY = { _id: `${EXPIRED}#0`, ...EVENT, event_type: 'TRADE_EXPIRED', trade_id: 'E', data: { trade_id: 'E', version: 1, expired_at: TIME }, trace_id: TRACE }
const REPAIRING = { _id: `${REPAIRED}#0`, ...EVENT, event_type: 'TRADE_REPAIRED', trade_id: 'R', data: REPAIR }
const LETTER = { _id: `${LETTERS}#0`, event_type: 'DEAD_LETTER', severity: 'warning', timestamp: RECORD_TIME, trade_id: 'L', data: { dead_letter: '0-0', ...OWN, partition: 3, offset: 99 } }
const OF_SINK = { ...LETTER, _id: `${LETTERS}#1`, trade_id: null, data: { dead_letter: '0-1', exception: 'PostgresError', message: 'no JSON', topic: 'trade.processed', partition: 0, offset: 7 } }
const EVENTS = [EXPIRY, REPAIRING, LETTER, OF_SINK]

function headersOf(prefix: string, headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [`${prefix}${name}`, value]))
}

async function checked(documents: readonly StoredDocument[]) {
  const events = new EventComparison(await readEventRecords(topicsInMemory(RECORDS), TOPICS), TOPICS)
  for (const document of documents) events.add(document)
  return events.check()
}

test('trade_events: a document for each record of three topics; what sinks and the gateway have seen themselves is apart', async () => {
  const seen = [
    { _id: new ObjectId(), event_type: 'SINK_STARTED', severity: 'info', data: {} },
    { _id: new ObjectId(), event_type: 'DEAD_LETTERED', severity: 'warning', data: {} },
    { _id: 'rebalance#group#12#0011223344556677', event_type: 'REBALANCED', trade_id: null },
    { _id: `replay#id-of-${TOPICS.deadLetter}#0-0#first`, event_type: 'DEAD_LETTER_REPLAYED', trade_id: 'L' },
  ]
  expect(await checked([...seen, ...EVENTS.toReversed()])).toMatchObject({ held: true, detail: '4 documents, 4 records; 4 events that sinks and the gateway have seen themselves' })
})

test.each(EVENTS.map((event) => [event.event_type, event] as const))('trade_events: a %s that is missing, of nothing or of a wrong type is found', async (_, event) => {
  const others = EVENTS.filter((other) => other !== event)
  expect((await checked(others)).detail).toContain(`record ${event._id} has no document`)
  expect((await checked([...EVENTS, { ...event, _id: `${event._id}7` }])).detail).toContain(`document ${event._id}7 has no record`)
  expect((await checked([...EVENTS, { ...event, _id: new ObjectId() }])).detail).toContain('has no record')
  expect((await checked([...others, { ...event, event_type: 'REBALANCED' }])).detail).toContain(`document ${event._id}: event_type is "REBALANCED", expected "${event.event_type}"`)
  expect((await checked([...others, { ...event, trade_id: 'other' }])).detail).toContain(`document ${event._id}: trade_id is "other", expected ${JSON.stringify(event.trade_id)}`)
})

test('trade_events: an event of a topic that was there before is found', async () => {
  expect((await checked([...EVENTS, { ...EXPIRY, _id: 'before#0#0', event_type: 'SOMETHING' }])).detail).toContain('document before#0#0 has no record')
})

test.each<[string, StoredDocument, object]>([
  ['expiry with another trade', EXPIRY, { data: { ...EXPIRY.data, version: 2 } }],
  ['expiry at another time', EXPIRY, { timestamp: new Date(0) }],
  ['expiry without its trace', EXPIRY, { trace_id: undefined }],
  ['expiry with more', EXPIRY, { more: 1 }],
  ['repair of another refusal', REPAIRING, { data: { ...REPAIR, repaired: { ...REPAIR.repaired, source: { partition: 0, offset: 4 } } } }],
  ['repair at another time', REPAIRING, { timestamp: new Date(0) }],
  ['letter of another severity', LETTER, { severity: 'info' }],
  ['letter that lies elsewhere', LETTER, { data: { ...LETTER.data, dead_letter: '0-1' } }],
  ['letter for another reason', LETTER, { data: { ...LETTER.data, message: 'other' } }],
  ['letter of another exception', LETTER, { data: { ...LETTER.data, exception: null } }],
  ['letter from another topic', LETTER, { data: { ...LETTER.data, topic: 'other' } }],
  ['letter from another partition', LETTER, { data: { ...LETTER.data, partition: 4 } }],
  ['letter from another offset', LETTER, { data: { ...LETTER.data, offset: 98 } }],
  ['letter of a sink that says what the processor said', OF_SINK, { data: { ...OF_SINK.data, topic: 'trade.ingested' } }],
])('trade_events: an event that differs is found: %s', async (_, event, change) => {
  const { held, detail } = await checked([...EVENTS.filter((other) => other !== event), { ...event, ...change }])
  expect([held, detail]).toEqual([false, expect.stringContaining(`1 differences (4 documents, 4 records; 0 events that sinks and the gateway have seen themselves): document ${event._id}: ${Object.keys(change)[0]} is`)])
})
