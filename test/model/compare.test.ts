import { expect, test } from 'vitest'
import { type ActualRecord, compare, report } from './compare.ts'
import { DAY_MS, faultless, ModelFixture, NOW_MS, requestId } from './model-fixture.ts'
import type { ModelOutputs } from './trade-model.ts'

/** A bit of everything. */
function story(): ModelOutputs[] {
  const fixture = new ModelFixture()
  const trace = { key: 'traceparent', value: Buffer.from(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`) }
  const outputs = [
    fixture.send('T1', '{"version":3,'), fixture.trade({ x: 1.5 }, { headers: [trace, requestId('r1')] }), fixture.trade({ x: 1.5 }, { headers: [trace, requestId('r1')] }), fixture.trade({ version: 4, maturity_date: '2026-12-11' }),
    fixture.trade({ version: 2 }), fixture.trade({ trade_id: 'T2' }), fixture.delete('T2'), fixture.delete('T2'), fixture.send(null, 'x'), fixture.trade({ trade_id: 'T3', maturity_date: '2020-01-01' }),
    fixture.trade({ trade_id: 'T4', version: 0 }, { timestamp: NOW_MS - 2 * DAY_MS }),
  ]
  fixture.model.turnTo('2026-12-12')
  return [...outputs, ...fixture.model.expire(NOW_MS + DAY_MS)]
}

/** What compare says of a product that is faultless but for one change. */
function withChange(topic: string, change: (record: ActualRecord) => ActualRecord[]): string {
  let changed = false
  const actual = faultless(story()).flatMap((record) => {
    if (record.topic !== topic || changed) return [record]
    changed = true
    return change(record)
  })
  return report(compare(actual, story()))
}

function edit(record: ActualRecord, from: string | RegExp, to: string): ActualRecord[] {
  const text = record.value?.toString() ?? ''
  expect(text).toMatch(from)
  return [{ ...record, value: Buffer.from(text.replace(from, to)) }]
}

test('a faultless product has no differences', () => {
  expect(report(compare(faultless(story()), story()))).toBe('')
})

test('the order of fields and the form of numbers are free', () => {
  expect(withChange('trade.processed', (record) => edit(record, '{"x":1.5', '{ "x" : 15e-1'))).toBe('')
})

test.each([
  ['a missing record', 'trade.repaired', () => [], 'no such record'],
  ['a record too many', 'trade.expired', (record: ActualRecord) => [record, { ...record, offset: record.offset + 1 }], 'no such record'],
  ['a field too many', 'trade.processed', (record: ActualRecord) => edit(record, '{', '{"y":1,'), 'y: absent'],
  ['a field too few', 'trade.processed', (record: ActualRecord) => edit(record, '"book_id":"B1",', ''), 'book_id: absent'],
  ['a field twice', 'trade.processed', (record: ActualRecord) => edit(record, '{', '{"x":1.5,'), 'x 2 times'],
  ['another number', 'trade.processed', (record: ActualRecord) => edit(record, '"x":1.5', '"x":1.50000000000000000001'), 'x: 1.5'],
  ['another time', 'trade.processed', (record: ActualRecord) => edit(record, '10:00:00.000Z', '10:00:00.001Z'), 'last_updated'],
  ['a time without milliseconds', 'trade.audit', (record: ActualRecord) => edit(record, '10:00:00.000Z', '10:00:00Z'), 'timestamp'],
  ['a reason too few', 'trade.audit', (record: ActualRecord) => edit(record, '"reason":"x"', '"reason":null'), 'reason: null'],
  ['a reason too long', 'trade.audit', (record: ActualRecord) => edit(record, '"reason":"x"', `"reason":"${'y'.repeat(201)}"`), 'reason'],
  ['another reason in a repair than in its refusal', 'trade.repaired', (record: ActualRecord) => edit(record, '"reason":"x"', '"reason":"z"'), 'repaired.reason'],
  ['another key', 'trade.audit', (record: ActualRecord) => [{ ...record, key: Buffer.from('T9') }], 'key "T9"'],
  ['another partition', 'trade.audit', (record: ActualRecord) => [{ ...record, partition: record.partition + 1 }], 'partition'],
  ['another record timestamp', 'trade.dead-letter', (record: ActualRecord) => [{ ...record, timestamp: record.timestamp + 1 }], 'timestamp'],
  ['other raw bytes', 'trade.dead-letter', (record: ActualRecord) => [{ ...record, value: Buffer.from('{') }], 'value "{"'],
  ['no raw bytes', 'trade.dead-letter', (record: ActualRecord) => [{ ...record, value: null }], 'value null'],
  ['a header too few', 'trade.processed', (record: ActualRecord) => [{ ...record, headers: record.headers.slice(1) }], 'request-id'],
  ['a header too many', 'trade.processed', (record: ActualRecord) => [{ ...record, headers: [...record.headers, { key: 'h', value: null }] }], 'no further headers'],
  ['an error header too few', 'trade.dead-letter', (record: ActualRecord) => [{ ...record, headers: record.headers.filter(({ key }) => !key.endsWith('stacktrace')) }], '__streams.errors.stacktrace'],
  ['another trace', 'trade.processed', (record: ActualRecord) => [{ ...record, headers: record.headers.map(({ key, value }) => ({ key, value: Buffer.from(String(value).replace('aaa', 'aac')) })) }], 'traceparent'],
])('%s is found', (_, topic, change, found) => {
  expect(withChange(topic, change)).toContain(found)
})

test('traceparent keeps the trace id, its span may be another', () => {
  expect(withChange('trade.processed', (record) => [{ ...record, headers: record.headers.map(({ key, value }) => ({ key, value: Buffer.from(String(value).replace('-bbb', '-ccc')) })) }])).toBe('')
})

test('audit entries of a key that are not in input order are found', () => {
  const actual = faultless(story()).map((record) => (record.topic === 'trade.audit' && record.key?.toString() === 'T1' ? { ...record, offset: 100 - record.offset } : record))
  expect(report(compare(actual, story()))).toContain('in input order')
})

test('a stale version whose reason does not name both versions is found', () => {
  const actual = faultless(story()).map((record) => (record.value?.includes('STALE_VERSION') ? { ...record, value: Buffer.from(record.value.toString().replace('"reason":"2 4"', '"reason":"2 14"')) } : record))
  expect(report(compare(actual, story()))).toContain('naming 2 naming 4')
})

test('the time of processing may be a range, the time of the input may not', () => {
  const later = faultless(story()).map((record) => (
    record.key?.toString() === 'T4' ? { ...record, timestamp: NOW_MS + 700, value: record.topic === 'trade.audit' ? Buffer.from(String(record.value).replace('10:00:00.000Z', '10:00:00.700Z')) : record.value } : record
  ))
  const processing = { fromMs: NOW_MS - 1000, toMs: NOW_MS + DAY_MS }
  expect(report(compare(later, story(), { processing }))).toBe('')
  expect(report(compare(later, story()))).toContain('timestamp')
  expect(report(compare(later, story(), { processing: { fromMs: NOW_MS, toMs: NOW_MS + 600 } }))).toContain('timestamp')
})

test('no more differences are told than asked for', () => {
  expect(compare([], story(), { limit: 3 })).toHaveLength(3)
})
