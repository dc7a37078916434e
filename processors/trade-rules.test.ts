import { expect, test } from 'vitest'
import { DAY_MS, membersWith, NOON, text, TRADE, TradeHarness } from './testing/trade-harness.ts'

const TIME = '2026-12-11T12:00:00.000Z'

test('a new trade is created', () => {
  const harness = new TradeHarness()
  const outcomes = harness.trade({ note: [1, { a: null }], expired: true })
  expect(outcomes.outputs).toEqual(['audit', 'processed'])
  expect(outcomes.json('processed')).toEqual({ ...TRADE, note: [1, { a: null }], expired: false, last_updated: TIME })
  expect(outcomes.audit).toEqual({
    trade_id: 'T1',
    version: 1,
    action: 'CREATE',
    status: 'success',
    outcome: 'CREATED',
    reason: null,
    business_date: '2026-12-11',
    source: { topic: 'trade.ingested', partition: harness.context.partition, offset: 0 },
    request_id: null,
    timestamp: TIME,
    details: {},
  })
  expect(outcomes.all.map(({ key, timestamp }) => [key?.toString(), timestamp])).toEqual([
    ['T1', NOON],
    ['T1', NOON],
  ])
  expect(harness.state()?.json?.toString()).toBe(outcomes.of('processed')?.value?.toString())
})

test('a higher version updates, the same one replaces, a lower one is stale', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 3 })
  const updated = harness.trade({ version: 5, book_id: 'B2' })
  expect(updated.audit).toMatchObject({ outcome: 'UPDATED', action: 'UPDATE', status: 'success', reason: null, version: 5, details: {} })
  expect(updated.json('processed')).toMatchObject({ version: 5, book_id: 'B2' })
  const replaced = harness.trade({ version: 5, book_id: 'B3' })
  expect(replaced.audit).toMatchObject({ outcome: 'REPLACED', action: 'UPDATE', status: 'success', reason: null, version: 5 })
  expect(harness.state()?.json?.toString()).toContain('"book_id":"B3"')
  const stale = harness.trade({ version: 4 })
  expect(stale.outputs).toEqual(['audit'])
  expect(stale.audit).toMatchObject({
    outcome: 'STALE_VERSION',
    action: 'VALIDATION_FAILED',
    status: 'failed',
    version: 4,
    reason: 'version: found 4, stored 5, expected the same or a higher one',
    details: { field: 'version', found: '4', stored: '5', expected: '5 or higher' },
  })
  expect(harness.state()?.version).toBe(5)
})

test('a decision reads the whole value of a trade only where contents are compared', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 2 })
  harness.trade({ version: 3 })
  harness.trade({ version: 1 })
  harness.trade({ version: 4, maturity_date: '2028-01-01' })
  expect(harness.context.memory('trades').reads).toBe(0)
  // Another maturity date is another content, which the prefix tells.
  harness.trade({ version: 4, maturity_date: '2028-01-02' })
  expect(harness.context.memory('trades').reads).toBe(0)
  harness.trade({ version: 4, maturity_date: '2028-01-02', book_id: 'B2' })
  expect(harness.context.memory('trades').reads).toBe(1)
})

const STORED = text(...membersWith(), '"n":100', '"o":{"a":[1,2],"b":{"x":"é","y":-0}}')

test.each([
  ['the same bytes', STORED],
  [
    'another order, spaces, escapes and numbers',
    text(
      '"o" : {"b":{"y":0.0,"x":"\\u00e9"},"a":[1.0,20e-1]}',
      '"n":1e2',
      ...membersWith({ version: '"version":1.0', book_id: '"book_id":"\\u0042\\u0031"' }).reverse(),
    ),
  ],
  ['ignored fields', text(...membersWith(), '"expired":true', '"n":100', '"last_updated":"x"', '"expired_at":1', '"o":{"a":[1,2],"b":{"x":"é","y":-0}}')],
  ['the other name of the counterparty', STORED.replace('counterparty_id', 'counter_party_id')],
  ['members that a later one replaces', text('"n":1', ...membersWith(), '"o":{"a":[],"a":[1,2],"b":{"x":"é","y":1,"y":-0}}', '"n":100')],
])('identical as JSON is a duplicate: %s', (_, value) => {
  const harness = new TradeHarness()
  harness.send({ key: 'T1', value: STORED })
  const before = harness.state()?.json?.toString()
  const outcomes = harness.send({ key: 'T1', value })
  expect(outcomes.outputs).toEqual(['audit'])
  expect(outcomes.audit).toMatchObject({
    outcome: 'DUPLICATE',
    action: 'UPDATE',
    status: 'success',
    version: 1,
    reason: 'version 1 is stored with the same content',
    details: {},
  })
  expect(harness.state()?.json?.toString()).toBe(before)
})

test.each([
  ['an order of an array', STORED.replace('[1,2]', '[2,1]')],
  ['a number beyond doubles', STORED.replace('100', '100.00000000000000000001')],
  ['a number as text', STORED.replace('100', '"100"')],
  ['a nested value', STORED.replace('"é"', '"e"')],
  ['a field less', text(...membersWith(), '"n":100')],
  ['a field more', `${STORED.slice(0, -1)},"z":null}`],
  ['composed and decomposed letters', STORED.replace('é', 'e\u0301')],
  ['an unknown field with the name of an output', `${STORED.slice(0, -1)},"repaired_at":1}`],
])('anything else of the same version replaces: %s', (_, value) => {
  const harness = new TradeHarness()
  harness.send({ key: 'T1', value: STORED })
  expect(harness.send({ key: 'T1', value }).outcome).toBe('REPLACED')
})

test('1e400 and 10e399 are the same number', () => {
  const harness = new TradeHarness()
  harness.send({ key: 'T1', value: text(...membersWith(), '"n":1e400') })
  expect(harness.send({ key: 'T1', value: text(...membersWith(), '"n":10e399') }).outcome).toBe('DUPLICATE')
  expect(harness.send({ key: 'T1', value: text(...membersWith(), '"n":1e401') }).outcome).toBe('REPLACED')
})

test('maturity before the business date is refused, on it or later accepted', () => {
  const harness = new TradeHarness()
  const past = harness.trade({ maturity_date: '2026-12-10' })
  expect(past.outputs).toEqual(['audit'])
  expect(past.audit).toMatchObject({
    outcome: 'PAST_MATURITY',
    action: 'VALIDATION_FAILED',
    status: 'failed',
    version: 1,
    business_date: '2026-12-11',
    reason: 'maturity_date: found 2026-12-10, expected 2026-12-11 (the business date) or later',
    details: { field: 'maturity_date', found: '2026-12-10', expected: '2026-12-11 (the business date) or later' },
  })
  expect(harness.trade({ maturity_date: '2026-12-11' }).outcome).toBe('CREATED')
  expect(harness.trade({ trade_id: 'T2', maturity_date: '9999-12-31' }).outcome).toBe('CREATED')
  expect(harness.trade({ version: 2, maturity_date: '0001-01-01' }).outcome).toBe('PAST_MATURITY')
  expect(harness.state()?.version).toBe(1)
})

test('the version is looked at before the maturity', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 2, maturity_date: '2026-12-11' })
  harness.wait(DAY_MS)
  expect(harness.trade({ version: 1, maturity_date: '2026-12-11' }).outcome).toBe('STALE_VERSION')
  expect(harness.trade({ version: 2, maturity_date: '2026-12-11' }).outcome).toBe('DUPLICATE')
  expect(harness.trade({ version: 2, maturity_date: '2026-12-11', book_id: 'B2' }).outcome).toBe('PAST_MATURITY')
})

test('the business date is that of the time zone, and the audit entry names it', () => {
  const harness = new TradeHarness({ timeZone: 'Asia/Tokyo' })
  harness.wait(3 * 3_600_000)
  expect(harness.trade({ maturity_date: '2026-12-11' }).audit).toMatchObject({ outcome: 'PAST_MATURITY', business_date: '2026-12-12' })
})

test('a delete removes the trade and remembers its version', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 3 })
  const deleted = harness.delete()
  expect(deleted.outputs).toEqual(['audit', 'processed'])
  expect(deleted.of('processed')).toMatchObject({ key: Buffer.from('T1'), value: undefined, timestamp: NOON })
  expect(deleted.audit).toMatchObject({ outcome: 'DELETED', action: 'DELETE', status: 'success', version: 3, reason: null, details: {} })
  expect(harness.state()).toMatchObject({ live: false, version: 3, deletedAtMs: NOON, json: undefined })
  const again = harness.delete()
  expect(again.outputs).toEqual(['audit'])
  expect(again.audit).toMatchObject({ outcome: 'NOT_FOUND', action: 'DELETE', status: 'failed', version: 3, details: {} })
  expect(again.audit['reason']).toBeTypeOf('string')
})

test('what was deleted does not come back by a late version', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 3 })
  harness.delete()
  expect(harness.trade({ version: 3 }).audit).toMatchObject({
    outcome: 'STALE_VERSION',
    version: 3,
    reason: 'version: found 3, stored 3 (deleted), expected a higher one',
    details: { field: 'version', found: '3', stored: '3', expected: 'above 3, the version that was deleted' },
  })
  expect(harness.trade({ version: 2 }).outcome).toBe('STALE_VERSION')
  expect(harness.trade({ version: 4 }).outcome).toBe('CREATED')
  expect(harness.trade({ version: 5 }).outcome).toBe('UPDATED')
})

test('the version of a deleted trade is forgotten after seven days, looked at or not', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 3 })
  harness.delete()
  harness.wait(7 * DAY_MS - 1)
  expect(harness.trade({ version: 3, maturity_date: '2030-01-01' }).outcome).toBe('STALE_VERSION')
  expect(harness.delete().audit).toMatchObject({ outcome: 'NOT_FOUND', version: 3 })
  harness.wait(1)
  expect(harness.delete().audit).toMatchObject({ outcome: 'NOT_FOUND', version: null })
  expect(harness.trade({ version: 3, maturity_date: '2030-01-01' }).outcome).toBe('CREATED')
})

test('deleting what was never there is not found', () => {
  expect(new TradeHarness().delete().audit).toMatchObject({ trade_id: 'T1', version: null, outcome: 'NOT_FOUND', status: 'failed', action: 'DELETE' })
})

test.each([
  ['now', 0, 0],
  ['24 h before', -DAY_MS, -DAY_MS],
  ['more than 24 h before', -DAY_MS - 1, 0],
  ['the future', 1, 0],
  ['none', -NOON - 1, 0],
])('outputs have the time of the input if it lies within the 24 h before processing: %s', (_, inputOffset, outputOffset) => {
  const harness = new TradeHarness()
  const outcomes = harness.trade({}, { timestamp: NOON + inputOffset })
  const expected = NOON + outputOffset
  expect(outcomes.all.map(({ timestamp }) => timestamp)).toEqual([expected, expected])
  expect(outcomes.json('processed')?.['last_updated']).toBe(new Date(expected).toISOString())
  expect(outcomes.audit['timestamp']).toBe(new Date(expected).toISOString())
})

test('the memory of a delete counts from its processing, not from its timestamp', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 3 })
  harness.delete('T1', { timestamp: NOON - DAY_MS })
  expect(harness.state()?.deletedAtMs).toBe(NOON)
})

test('headers travel with every output', () => {
  const harness = new TradeHarness()
  const headers = [
    ['traceparent', '00-abc-def-01'],
    ['x', null],
    ['x', Buffer.from([0xff])],
  ] as const
  const expected = [
    { key: 'traceparent', value: Buffer.from('00-abc-def-01') },
    { key: 'x', value: undefined },
    { key: 'x', value: Buffer.from([0xff]) },
  ]
  harness.trade({ maturity_date: '2026-12-10' })
  for (const outcomes of [harness.trade({}, { headers }), harness.delete('T1', { headers }), harness.delete('T1', { headers })]) {
    expect(outcomes.all.map((record) => record.headers)).toEqual(outcomes.all.map(() => expected))
  }
})

test('entries follow the source: another partition, offset, date and time', () => {
  const harness = new TradeHarness()
  harness.trade()
  harness.wait(DAY_MS + 61_001)
  const outcomes = harness.trade({ trade_id: 'T2' })
  expect(outcomes.audit).toMatchObject({
    trade_id: 'T2',
    business_date: '2026-12-12',
    timestamp: '2026-12-12T12:01:01.001Z',
    source: { partition: harness.context.partition, offset: 1 },
  })
  harness.wait(1)
  expect(harness.trade({ trade_id: 'T2', version: 2_147_483_647 }).audit).toMatchObject({ version: 2_147_483_647, timestamp: '2026-12-12T12:01:01.002Z' })
})

test.each(['a"b\\c', '\u0001\n', 'é😀', ' T1 ', '\ufeffT', 'x'.repeat(50)])('a trade_id of %j', (id) => {
  const harness = new TradeHarness()
  const outcomes = harness.trade({ trade_id: id })
  expect(outcomes.audit).toMatchObject({ trade_id: id, outcome: 'CREATED' })
  expect(outcomes.json('processed')).toMatchObject({ trade_id: id })
  expect(harness.delete(id).audit).toMatchObject({ trade_id: id, outcome: 'DELETED' })
})

test('a state of another format is refused, not misread', () => {
  const harness = new TradeHarness()
  harness.trade()
  for (const entry of harness.context.memory('trades').entries.values()) entry.value[0] = 9
  expect(() => harness.trade({ version: 2 })).toThrow('store trades: found a value of 24 bytes in format 9, expected format 1')
})
