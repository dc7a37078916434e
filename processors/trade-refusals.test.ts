import { expect, test } from 'vitest'
import { murmur2, partitionOf } from '../records/murmur2.ts'
import { DAY_MS, membersWith, NOON, type Outcomes, text, TRADE, TradeHarness } from './testing/trade-harness.ts'

const GOOD = text(...membersWith())
const PARTITION = partitionOf(murmur2(Buffer.from('T1'), 0, 2), 12)

function headersOf(outcomes: Outcomes, output: string): { [name: string]: string | undefined } {
  return Object.fromEntries((outcomes.of(output)?.headers ?? []).map(({ key, value }) => [key, value?.toString()]))
}

test('what cannot be read goes to the dead letters as it is, with the error in headers', () => {
  const harness = new TradeHarness()
  const outcomes = harness.send({ key: 'T1', value: 'no JSON', timestamp: NOON - 5, headers: [['traceparent', '00-a-b-01']] })
  expect(outcomes.outputs).toEqual(['audit', 'dead-letter'])
  expect(outcomes.audit).toMatchObject({
    trade_id: 'T1',
    version: null,
    outcome: 'INVALID',
    action: 'VALIDATION_FAILED',
    status: 'failed',
    business_date: '2026-12-11',
    timestamp: new Date(NOON - 5).toISOString(),
    reason: 'value: not JSON, found no JSON at byte 0, expected a value',
    details: { field: 'value', found: 'no JSON', expected: 'a value' },
  })
  expect(outcomes.of('dead-letter')).toMatchObject({ key: Buffer.from('T1'), value: Buffer.from('no JSON'), timestamp: NOON - 5 })
  expect(headersOf(outcomes, 'dead-letter')).toEqual({
    traceparent: '00-a-b-01',
    '__streams.errors.exception': 'InvalidTrade',
    '__streams.errors.message': 'value: not JSON, found no JSON at byte 0, expected a value',
    '__streams.errors.stacktrace': 'InvalidTrade: value: not JSON, found no JSON at byte 0, expected a value',
    '__streams.errors.topic': 'trade.ingested',
    '__streams.errors.partition': String(PARTITION),
    '__streams.errors.offset': '0',
  })
  expect(headersOf(outcomes, 'audit')).toEqual({ traceparent: '00-a-b-01' })
})

test('processing goes on after an invalid record, and the trade is as it was', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 2 })
  const before = harness.state()?.json?.toString()
  expect(harness.send({ key: 'T1', value: '{}' }).outcome).toBe('INVALID')
  expect(harness.state()?.json?.toString()).toBe(before)
  expect(harness.trade({ version: 1 }).outcome).toBe('STALE_VERSION')
  expect(harness.trade({ version: 3 }).outcome).toBe('UPDATED')
})

test('a null key is refused, with a value or without', () => {
  for (const value of [GOOD, null, '']) {
    const harness = new TradeHarness()
    const outcomes = harness.send({ key: null, value, partition: 3 })
    expect(outcomes.audit).toMatchObject({
      trade_id: null,
      version: value === GOOD ? 1 : null,
      outcome: 'INVALID',
      details: { field: 'key', found: 'null', expected: 'a trade_id of 1 to 50 code points in UTF-8' },
    })
    expect(outcomes.of('audit')?.key).toBe(undefined)
    expect(outcomes.of('dead-letter')).toMatchObject({ key: undefined, value: value === null ? undefined : Buffer.from(value) })
    expect(harness.context.memory('trades').entries.size).toBe(0)
  }
})

test.each([
  ['an empty one', Buffer.alloc(0), ''],
  ['51 code points', Buffer.from('😀'.repeat(51)), '😀'.repeat(51)],
  ['more than 200 bytes', Buffer.from('x'.repeat(300)), 'x'.repeat(300)],
  ['U+0000', Buffer.from('T\u00001'), 'T\u00001'],
  ['not UTF-8', Buffer.from([0x54, 0xff]), null],
  ['a surrogate in UTF-8', Buffer.from([0xed, 0xa0, 0x80]), null],
])('a key that is no trade_id is refused: %s', (_, key, tradeId) => {
  for (const value of [null, GOOD, '{', text(...membersWith({ trade_id: `"trade_id":${JSON.stringify(key.toString())}` }))]) {
    const harness = new TradeHarness()
    const outcomes = harness.send({ key, value })
    expect(outcomes.audit).toMatchObject({ trade_id: tradeId, outcome: 'INVALID', details: { field: 'key' } })
    expect(outcomes.of('audit')?.key).toEqual(key)
    expect(outcomes.of('dead-letter')?.key).toEqual(key)
    expect(harness.context.memory('trades').entries.size).toBe(0)
  }
})

test('the reason tells what is the matter with a key, without what no database could keep', () => {
  const harness = new TradeHarness()
  expect(harness.delete('T\u00001').audit['reason']).toBe('key: found T\\u00001, expected a trade_id of 1 to 50 code points in UTF-8, without U+0000')
  expect(harness.send({ key: Buffer.from([0x54, 0xff]), value: null }).audit['reason']).toBe(
    'key: found bytes that are not UTF-8 (54ff), expected a trade_id of 1 to 50 code points in UTF-8',
  )
  expect(harness.delete('').audit['reason']).toBe('key: found an empty key, expected a trade_id of 1 to 50 code points in UTF-8')
})

test('the trade_id must be the key', () => {
  const harness = new TradeHarness()
  const outcomes = harness.send({ key: 'T2', value: GOOD })
  expect(outcomes.audit).toMatchObject({
    trade_id: 'T2',
    version: 1,
    outcome: 'INVALID',
    reason: 'trade_id: found T1, expected the record key T2',
    details: { field: 'trade_id', found: 'T1', expected: 'the record key T2' },
  })
  expect(harness.state('T2')?.repairCase).toBeDefined()
  expect(harness.state('T1')).toBe(undefined)
  expect(harness.send({ key: 'T1', value: GOOD.replace('T1', '\\u00541') }).outcome).toBe('CREATED')
})

test('a record in another partition than its key belongs to is refused, and opens no case', () => {
  for (const value of [GOOD, null, '{']) {
    const harness = new TradeHarness()
    const outcomes = harness.send({ key: 'T1', value, partition: (PARTITION + 1) % 12 })
    expect(outcomes.outputs).toEqual(['audit', 'dead-letter'])
    expect(outcomes.audit).toMatchObject({ trade_id: 'T1', version: value === GOOD ? 1 : null, outcome: 'INVALID', details: { field: 'partition' } })
    expect(outcomes.audit['reason']).toContain("the producer's partitioner")
    expect(harness.context.memory('trades').entries.size).toBe(0)
  }
})

test('the check of the partition can be switched off', () => {
  expect(new TradeHarness({ checkPartition: false }).send({ key: 'T1', value: GOOD, partition: (PARTITION + 1) % 12 }).outcome).toBe('CREATED')
})

test('several faults: the key comes before the partition, the partition before the value', () => {
  const harness = new TradeHarness()
  expect(harness.send({ key: 'x'.repeat(51), value: '{', partition: 0 }).audit['details']).toMatchObject({ field: 'key' })
  expect(harness.send({ key: 'T1', value: '{', partition: (PARTITION + 1) % 12 }).audit['details']).toMatchObject({ field: 'partition' })
  expect(harness.send({ key: 'T1', value: '{"trade_id":"T2"}' }).audit['details']).toMatchObject({ field: 'version' })
})

// Sizes. The batch that holds one record has 61 bytes of its own; the numbers below leave room for some 100 bytes of framing.
const LIMIT = 20_000
const LARGEST_FORM = 1_700

function padded(bytes: number): string {
  return JSON.stringify({ ...TRADE, pad: 'x'.repeat(bytes) })
}

test('a trade must fit in its largest form', () => {
  const harness = new TradeHarness({ maxMessageBytes: LIMIT })
  expect(harness.send({ key: 'T1', value: padded(LIMIT - LARGEST_FORM - 400) }).outcome).toBe('CREATED')
  const outcomes = harness.send({ key: 'T1', value: padded(LIMIT - LARGEST_FORM) })
  expect(outcomes.audit).toMatchObject({
    outcome: 'INVALID',
    version: 1,
    details: { field: 'value', expected: 'a trade that fits, in its largest output, into 20000 bytes' },
  })
  expect(outcomes.of('dead-letter')?.value?.length).toBeGreaterThan(LIMIT - LARGEST_FORM)
})

test('what counts is the output: what is dropped from the input takes no room', () => {
  const harness = new TradeHarness({ maxMessageBytes: LIMIT })
  expect(harness.send({ key: 'T1', value: JSON.stringify({ ...TRADE, expired_at: 'x'.repeat(LIMIT - 500) }) }).outcome).toBe('CREATED')
})

/** Bytes of the batch that holds a record alone, at least. */
function batchBytes({
  key,
  value,
  headers,
}: {
  key: Buffer | undefined
  value: Buffer | undefined
  headers: readonly { key: string; value: Buffer | undefined }[]
}): number {
  return 70 + (key?.length ?? 0) + (value?.length ?? 0) + headers.reduce((sum, header) => sum + 2 + header.key.length + (header.value?.length ?? 0), 0)
}

test('the largest trade that is accepted fits in all its forms, with the longest reason', () => {
  const harness = new TradeHarness({ maxMessageBytes: LIMIT })
  let bytes = LIMIT
  let created: Outcomes | undefined
  while (created === undefined) {
    const outcomes = harness.send({ key: 'T1', value: padded(--bytes) })
    if (outcomes.outcome === 'CREATED') created = outcomes
  }
  harness.send({ key: 'T1', value: JSON.stringify({ ...TRADE, book_id: '\u0001'.repeat(300) }) })
  expect(harness.state()?.repairCase?.json.length).toBeGreaterThan(1000)
  const repaired = harness.send({ key: 'T1', value: padded(bytes).replace('B1', 'B2') })
  expect(repaired.outputs).toEqual(['audit', 'processed', 'repaired'])
  harness.wait(400 * DAY_MS)
  const expired = harness.punctuate()
  for (const record of [...created.all, ...repaired.all, ...expired]) expect(batchBytes(record)).toBeLessThanOrEqual(LIMIT)
  for (const { value } of harness.context.memory('trades').entries.values()) expect(value.length + 75).toBeLessThanOrEqual(LIMIT)
})

test('an output that does not fit goes without the headers of the input, and says so', () => {
  const harness = new TradeHarness({ maxMessageBytes: LIMIT })
  const headers = [
    ['traceparent', '00-a-b-01'],
    ['x', 'y'.repeat(LIMIT - 800)],
  ] as const
  const outcomes = harness.send({ key: 'T1', value: padded(2000), headers })
  expect(headersOf(outcomes, 'processed')).toEqual({ 'tradewind.dropped': 'headers' })
  expect(Object.keys(headersOf(outcomes, 'audit'))).toEqual(['traceparent', 'x'])
  const larger = harness.delete('T1', { headers: [['x', 'y'.repeat(LIMIT - 100)]] })
  expect(larger.all.map((record) => record.output)).toEqual(['processed', 'audit'])
  expect(headersOf(larger, 'audit')).toEqual({ 'tradewind.dropped': 'headers' })
})

test('a dead letter that does not fit goes without its value, then without more, and says so', () => {
  const harness = new TradeHarness({ maxMessageBytes: LIMIT })
  const valueless = harness.send({ key: 'T1', value: 'x'.repeat(LIMIT - 100), headers: [['a', 'b']] })
  expect(valueless.of('dead-letter')).toMatchObject({ key: Buffer.from('T1'), value: undefined })
  expect(headersOf(valueless, 'dead-letter')).toMatchObject({ a: 'b', 'tradewind.dropped': 'value', '__streams.errors.exception': 'InvalidTrade' })
  const bare = harness.send({ key: 'T1', value: 'x', headers: [['a', 'b'.repeat(LIMIT - 100)]] })
  expect(bare.of('dead-letter')).toMatchObject({ key: Buffer.from('T1'), value: undefined })
  expect(headersOf(bare, 'dead-letter')).toMatchObject({ 'tradewind.dropped': 'value,headers', '__streams.errors.offset': '1' })
  expect(headersOf(bare, 'dead-letter')).not.toHaveProperty('a')
})

test('a key as long as a record: the entry goes without trade_id, then without the key', () => {
  const harness = new TradeHarness({ maxMessageBytes: LIMIT })
  const nameless = harness.delete('k'.repeat(LIMIT - 2000))
  expect(nameless.audit).toMatchObject({ trade_id: null, outcome: 'INVALID' })
  expect(nameless.of('audit')?.key).toHaveLength(LIMIT - 2000)
  expect(headersOf(nameless, 'audit')).toEqual({ 'tradewind.dropped': 'trade_id' })
  const keyless = harness.delete('k'.repeat(LIMIT - 70), { headers: [['a', 'b']] })
  expect(keyless.of('audit')).toMatchObject({ key: undefined })
  expect(headersOf(keyless, 'audit')).toEqual({ 'tradewind.dropped': 'headers,trade_id,key' })
  expect(keyless.of('dead-letter')).toMatchObject({ key: undefined, value: undefined })
  expect(headersOf(keyless, 'dead-letter')).toMatchObject({ 'tradewind.dropped': 'headers,key' })
  for (const record of [...nameless.all, ...keyless.all]) expect(batchBytes(record)).toBeLessThanOrEqual(LIMIT)
})

test('a long key that fits is told whole', () => {
  expect(new TradeHarness().delete('k'.repeat(5000)).audit['trade_id']).toHaveLength(5000)
})
