import { expect, test } from 'vitest'
import { ByteView } from '../../records/byte-view.ts'
import { HeaderBlockBuilder } from '../../records/headers.ts'
import { SinkRecord } from '../sink-record.ts'
import { recordOf, sourceOf, tradeOf, tradeValue } from '../testing/sink-records.ts'
import { AUDIT, DEAD_LETTER_EVENTS, EXPIRY_EVENTS, REPAIR_EVENTS, TRADE_HISTORY } from './documents.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`

function withHeaders(record: SinkRecord, headers: Readonly<Record<string, string>>, key: Uint8Array | undefined = undefined): SinkRecord {
  const builder = new HeaderBlockBuilder()
  builder.reset()
  for (const [name, value] of Object.entries(headers)) builder.add(name, value)
  const view = (buffer: Buffer, start: number, end: number) => new ByteView().set(buffer, start, end)
  return new SinkRecord(record.source, {
    offset: record.offset,
    timestamp: record.timestampMs,
    key: key !== undefined ? new ByteView(Buffer.from(key)) : view(record.keyBuffer, Math.max(0, record.keyStart), record.keyEnd),
    hasKey: record.hasKey || key !== undefined,
    value: view(record.valueBuffer, Math.max(0, record.valueStart), record.valueEnd),
    hasValue: record.hasValue,
    headers: builder.into(new ByteView()),
    headerCount: Object.keys(headers).length,
  })
}

test('a repair is an event of its trade, with what it was refused for before', () => {
  const source = sourceOf(2, { topic: 'trade.repaired', topicId: 'repaired-id' })
  const value = JSON.stringify({ trade: JSON.parse(tradeValue('T1', 2)), repaired: { outcome: 'PAST_MATURITY', reason: 'it was over' }, repaired_at: '2026-12-11T10:00:00.000Z' })
  const { data, ...document } = REPAIR_EVENTS.document(recordOf(source, 7, 'T1', value), 1)
  expect(document).toEqual({ _id: 'repaired-id#2#7', event_type: 'TRADE_REPAIRED', severity: 'info', trade_id: 'T1', timestamp: new Date('2026-12-11T10:00:00.000Z') })
  expect(Object.fromEntries(data as Map<string, unknown>)).toMatchObject({ trade: { version: 2 }, repaired: { outcome: 'PAST_MATURITY' } })
})

test('a dead letter is an event that says where it lies, why, and where it came from; its value stays where it is', () => {
  const source = sourceOf(3, { topic: 'trade.dead-letter', topicId: 'letters-id' })
  const letter = recordOf(source, 42, 'T1', 'no JSON', 1_790_000_000_123)
  const headers = { '__streams.errors.exception': 'InvalidTrade', '__streams.errors.message': 'no JSON', '__streams.errors.topic': 'trade.ingested', '__streams.errors.partition': '3', '__streams.errors.offset': '99' }
  expect(DEAD_LETTER_EVENTS.document(withHeaders(letter, headers), 1)).toEqual({
    _id: 'letters-id#3#42',
    event_type: 'DEAD_LETTER',
    severity: 'warning',
    trade_id: 'T1',
    data: { dead_letter: '3-42', exception: 'InvalidTrade', message: 'no JSON', topic: 'trade.ingested', partition: 3, offset: 99 },
    timestamp: new Date(1_790_000_000_123),
  })
})

test('what a sink refused says so by the name of the sink; a letter without key, text or headers is an event, too', () => {
  const source = sourceOf(3, { topic: 'trade.dead-letter', topicId: 'letters-id' })
  const refused = { '__streams.errors.exception': 'Before', '__connect.errors.exception.class.name': 'PostgresError', '__connect.errors.topic': 'trade.processed', '__connect.errors.offset': '12' }
  expect(DEAD_LETTER_EVENTS.document(withHeaders(recordOf(source, 1, 'T1', '{}'), refused), 1)['data']).toMatchObject({ exception: 'PostgresError', topic: 'trade.processed', offset: 12, message: null })
  expect(DEAD_LETTER_EVENTS.document(withHeaders(recordOf(source, 2, undefined, undefined), {}, Buffer.from([0xff])), 1)).toMatchObject({ trade_id: null, data: { dead_letter: '3-2', exception: null } })
  expect(DEAD_LETTER_EVENTS.document(recordOf(source, 3, undefined, undefined), 1)).toMatchObject({ trade_id: null })
})

test('every document of a record that is part of a trace names it, and no other', () => {
  const audit = JSON.stringify({ trade_id: 'T1', timestamp: '2026-12-11T10:00:00.000Z' })
  const repaired = JSON.stringify({ trade: {}, repaired_at: '2026-12-11T10:00:00.000Z' })
  const source = sourceOf(0)
  for (const [mapping, record] of [
    [AUDIT, recordOf(source, 0, 'T1', audit)],
    [TRADE_HISTORY, tradeOf(source, 0, 'T1', 1)],
    [TRADE_HISTORY, recordOf(source, 0, 'T1', undefined)],
    [EXPIRY_EVENTS, recordOf(source, 0, 'T1', tradeValue('T1', 1, { expired_at: '2026-12-11T10:00:00.000Z' }))],
    [REPAIR_EVENTS, recordOf(source, 0, 'T1', repaired)],
    [DEAD_LETTER_EVENTS, recordOf(source, 0, 'T1', undefined)],
  ] as const) {
    expect(mapping.document(withHeaders(record, { traceparent: TRACEPARENT }), 1)['trace_id']).toBe(TRACE)
    expect('trace_id' in mapping.document(record, 1)).toBe(false)
  }
  for (const traceparent of ['', 'nonsense', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, TRACEPARENT.toUpperCase()]) {
    expect('trace_id' in AUDIT.document(withHeaders(recordOf(source, 0, 'T1', audit), { traceparent }), 1), traceparent).toBe(false)
  }
})
