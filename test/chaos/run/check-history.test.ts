import { BSON, Decimal128, Long } from 'mongodb'
import { expect, test } from 'vitest'
import { recordOf, sourceOf } from '../../../sinks/testing/sink-records.ts'
import { TRADE_HISTORY } from '../../../sinks/mongo/documents.ts'
import type { ActualRecord } from '../../model/compare.ts'
import { compareHistory } from './check-history.ts'
import type { StoredDocument } from './document-comparison.ts'

const SOURCE = { topic: 'x.trade.processed', topicId: 'id', generation: 3 }
const TRADE = '"trade_id":"A","version":2,"counterparty_id":"CP","book_id":"B","maturity_date":"2027-01-01","created_date":"2026-01-01","expired":false,"last_updated":"2026-12-11T10:00:00.000Z"'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const LOG = [record(0, TRADE, `00-${TRACE}-b7ad6b7169203331-01`), record(1, `${TRADE},"note":{"a":[1.50,null,"x"]},"long":9007199254740993,"decimal":0.12345678901234567890,"big":1e200000`), record(2, undefined)]

const AT = { timestamp: new Date(1_000) }
const STATE = { trade_id: 'A', version: 2, counterparty_id: 'CP', book_id: 'B', maturity_date: '2027-01-01', created_date: '2026-01-01', expired: false, last_updated: new Date('2026-12-11T10:00:00.000Z'), deleted: false }
const ATTRIBUTES = { note: { a: [1.5, null, 'x'] }, long: Long.fromString('9007199254740993'), decimal: Decimal128.fromString('0.12345678901234567890'), big: '1e200000' }
const [PLAIN, MORE, GONE] = [
  { _id: 'id#0#0', ...AT, ...STATE, attributes: {}, source: from(0), trace_id: TRACE },
  { _id: 'id#0#1', ...AT, ...STATE, attributes: ATTRIBUTES, source: from(1) },
  { _id: 'id#0#2', ...AT, trade_id: 'A', deleted: true, source: from(2) },
] as const

function record(offset: number, members: string | undefined, traceparent?: string): ActualRecord {
  const headers = traceparent === undefined ? [] : [{ key: 'traceparent', value: Buffer.from(traceparent) }]
  return { topic: 'trade.processed', partition: 0, offset, timestamp: 1_000, key: Buffer.from('A'), value: members === undefined ? null : Buffer.from(`{${members}}`), headers }
}

function from(offset: number) {
  return { topic: 'x.trade.processed', partition: 0, offset, generation: 3 }
}

function differences(...documents: StoredDocument[]): string | undefined {
  const { held, detail } = compareHistory(documents, SOURCE, LOG)
  return held ? undefined : detail
}

test('trade_history: a document for each record, with what the trade was', () => {
  expect(compareHistory([GONE, MORE, PLAIN], SOURCE, LOG)).toMatchObject({ held: true, detail: '3 documents, 3 records' })
})

test('trade_history: as the sink makes it of a record', () => {
  const document = TRADE_HISTORY.document(recordOf(sourceOf(0, { topic: SOURCE.topic, topicId: 'id' }), 1, 'A', LOG[1]?.value?.toString(), 1_000), 3)
  const readAgain = BSON.deserialize(BSON.serialize(document))
  expect(differences(PLAIN, { ...readAgain, _id: document._id }, GONE)).toBeUndefined()
})

test.each<[string, StoredDocument[], string]>([
  ['is missing', [MORE, GONE], 'record id#0#0 has no document'],
  ['is of nothing', [PLAIN, MORE, GONE, { ...PLAIN, _id: 'id#0#9' }], 'document id#0#9 has no record'],
  ['is of the topic that was there before', [{ ...PLAIN, _id: 'before#0#0' }, MORE, GONE], 'document before#0#0 has no record'],
  ['is there twice', [PLAIN, PLAIN, MORE, GONE], 'document id#0#0 has no record'],
  ['has a field too much', [{ ...PLAIN, colour: 'red' }, MORE, GONE], 'document id#0#0: colour is "red", expected no such field'],
  ['was not deleted', [PLAIN, MORE, { ...GONE, deleted: false }], 'document id#0#2: deleted is false, expected true'],
  ['was deleted and has a state', [PLAIN, MORE, { ...GONE, version: 2 }], 'document id#0#2: version is 2, expected no such field'],
  ['is of another trade that was deleted', [PLAIN, MORE, { ...GONE, trade_id: 'B' }], 'document id#0#2: trade_id is "B", expected "A"'],
])('trade_history: a document that %s is found', (_, documents, found) => expect(differences(...documents)).toContain(found))

test.each<[string, object, string]>([
  ['trade_id', { trade_id: 'B' }, '"B", expected "A"'],
  ['version', { version: 1 }, '1, expected 2'],
  ['counterparty_id', { counterparty_id: 'other' }, '"other", expected "CP"'],
  ['book_id', { book_id: 'other' }, '"other", expected "B"'],
  ['maturity_date', { maturity_date: '2027-01-02' }, '"2027-01-02", expected "2027-01-01"'],
  ['created_date', { created_date: null }, 'null, expected "2026-01-01"'],
  ['expired', { expired: true }, 'true, expected false'],
  ['last_updated', { last_updated: new Date(0) }, '1970-01-01T00:00:00.000Z, expected 2026-12-11T10:00:00.000Z'],
  ['last_updated', { last_updated: '2026-12-11T10:00:00.000Z' }, '"2026-12-11T10:00:00.000Z", expected 2026-12-11T10:00:00.000Z'],
  ['deleted', { deleted: true }, 'true, expected false'],
  ['timestamp', { timestamp: new Date(2_000) }, '1970-01-01T00:00:02.000Z, expected 1970-01-01T00:00:01.000Z'],
  ['timestamp', { timestamp: undefined }, 'not there, expected 1970-01-01T00:00:01.000Z'],
  ['source', { source: { ...from(1), topic: 'other' } }, '{"topic":"other"'],
  ['source', { source: { ...from(1), partition: 1 } }, '{"topic":"x.trade.processed","partition":1'],
  ['source', { source: from(0) }, '{"topic":"x.trade.processed","partition":0,"offset":0'],
  ['source', { source: { ...from(1), generation: 2 } }, '{"topic":"x.trade.processed","partition":0,"offset":1,"generation":2'],
  ['trace_id', { trace_id: TRACE }, `"${TRACE}", expected no such field`],
  ['attributes', { attributes: {} }, '{}, expected {"note"'],
  ['attributes', { attributes: { ...ATTRIBUTES, more: 1 } }, '{"note"'],
  ['attributes', { attributes: { ...ATTRIBUTES, note: { a: [1.5, 'x', null] } } }, '{"note"'],
  ['attributes', { attributes: { ...ATTRIBUTES, note: { a: ['1.50', null, 'x'] } } }, '{"note"'],
  ['attributes', { attributes: { ...ATTRIBUTES, long: 9_007_199_254_740_992 } }, '{"note"'],
  ['attributes', { attributes: { ...ATTRIBUTES, decimal: 0.1234567890123456 } }, '{"note"'],
  ['attributes', { attributes: { ...ATTRIBUTES, big: Number.POSITIVE_INFINITY } }, '{"note"'],
  ['attributes', { attributes: { ...ATTRIBUTES, big: '1e200001' } }, '{"note"'],
])('trade_history: a document whose %s differs is found: %j', (field, change, found) => {
  expect(differences(PLAIN, { ...MORE, ...change }, GONE)).toContain(`1 differences (3 documents, 3 records): document id#0#1: ${field} is ${found}`)
})

test('trade_history: a document without its trace is found', () => {
  const { trace_id: _, ...document } = PLAIN
  expect(differences(document, MORE, GONE)).toContain(`document id#0#0: trace_id is not there, expected "${TRACE}"`)
})
