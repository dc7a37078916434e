import { expect, test } from 'vitest'
import { DAY_MS, ModelFixture, NOW_MS, shown, TRADE } from './model-fixture.ts'
import { plainPartitionOf } from './plain-murmur2.ts'

test('trade.processed: the fields of the trade, unknown ones too, then expired and last_updated', () => {
  const { processed } = new ModelFixture().trade({ desk: 'D7', expired: true, last_updated: 'x', expired_at: 'x' })
  expect([...(processed?.value?.keys() ?? [])].sort()).toEqual([...Object.keys(TRADE), 'desk', 'last_updated'].sort())
  expect(shown(processed, 'expired')).toBe('false')
  expect(processed?.key?.toString()).toBe('T1')
})

test('trade.audit: exactly these fields', () => {
  const { audit } = new ModelFixture().trade()
  expect([...(audit.value?.keys() ?? [])].sort()).toEqual(
    ['action', 'business_date', 'details', 'outcome', 'reason', 'request_id', 'source', 'status', 'timestamp', 'trade_id', 'version'],
  )
  expect(shown(audit, 'source')).toBe(`{"topic":"trade.ingested","partition":${plainPartitionOf(Buffer.from('T1'), 12)},"offset":0}`)
})

test('action and status of each outcome', () => {
  const fixture = new ModelFixture()
  const all = [
    fixture.delete('T1'), fixture.send('T1', '{'), fixture.trade({ maturity_date: '2020-01-01' }), fixture.trade({ version: 2 }), fixture.trade({ version: 3 }),
    fixture.trade({ version: 3, book_id: 'B2' }), fixture.trade({ version: 3, book_id: 'B2' }), fixture.trade({ version: 1 }), fixture.delete('T1'),
  ]
  expect(all.map(({ outcome, audit }) => [outcome, shown(audit, 'action'), shown(audit, 'status'), shown(audit, 'reason') !== 'null'])).toEqual([
    ['NOT_FOUND', '"DELETE"', '"failed"', true],
    ['INVALID', '"VALIDATION_FAILED"', '"failed"', true],
    ['PAST_MATURITY', '"VALIDATION_FAILED"', '"failed"', true],
    ['CREATED', '"CREATE"', '"success"', false],
    ['UPDATED', '"UPDATE"', '"success"', false],
    ['REPLACED', '"UPDATE"', '"success"', false],
    ['DUPLICATE', '"UPDATE"', '"success"', true],
    ['STALE_VERSION', '"VALIDATION_FAILED"', '"failed"', true],
    ['DELETED', '"DELETE"', '"success"', false],
  ])
})

test('trade_id of an audit entry: the key as text wherever it is UTF-8, else null; its key is the key of the input', () => {
  const fixture = new ModelFixture()
  const of = (key: Buffer | null): (string | undefined)[] => {
    const { audit } = fixture.send(key, '{')
    return [shown(audit, 'trade_id'), audit.key === null ? 'null' : audit.key.toString('hex')]
  }
  expect(of(Buffer.from('a\u0000'))).toEqual(['"a\\u0000"', '6100'])
  expect(of(Buffer.alloc(0))).toEqual(['""', ''])
  expect(of(Buffer.from('\ufeffT'))).toEqual(['"\ufeffT"', 'efbbbf54'])
  expect(of(Buffer.from([0xff]))).toEqual(['null', 'ff'])
  expect(of(null)).toEqual(['null', 'null'])
})

test('the timestamp is that of the input within the 24 h before processing, else the time of processing', () => {
  const fixture = new ModelFixture()
  const of = (timestamp: number): object => fixture.send('T1', '{', { timestamp }).audit.timestamp
  expect(of(NOW_MS)).toEqual({ ms: NOW_MS, source: 'input' })
  expect(of(NOW_MS - DAY_MS)).toEqual({ ms: NOW_MS - DAY_MS, source: 'input' })
  for (const timestamp of [NOW_MS - DAY_MS - 1, NOW_MS + 1, -1]) expect(of(timestamp)).toEqual({ ms: NOW_MS, source: 'processing' })
})

test('headers of the input travel with every output; where they do not fit, a header says so', () => {
  const fixture = new ModelFixture({ maxMessageBytes: 20_000 })
  const headers = (bytes: number): { key: string; value: Buffer }[] => [{ key: 'h', value: Buffer.alloc(bytes) }]
  fixture.send('T1', '{')
  const kept = fixture.trade({}, { headers: headers(100) })
  expect([kept.audit, kept.processed, kept.repaired].map((record) => [record?.headers.length, record?.headersKept])).toEqual([[1, 'yes'], [1, 'yes'], [1, 'yes']])
  expect(fixture.trade({ version: 2 }, { headers: headers(19_900) }).processed?.headersKept).toBe('no')
})

test('a dead letter keeps raw key and value; one that does not fit goes without its value', () => {
  const fixture = new ModelFixture({ maxMessageBytes: 20_000 })
  expect(fixture.send('T1', '{').deadLetter?.raw).toEqual({ bytes: Buffer.from('{'), kept: 'yes' })
  expect(fixture.send('T1', 'x'.repeat(19_950)).deadLetter?.raw?.kept).toBe('no')
  expect(fixture.send('', null).deadLetter?.raw).toEqual({ bytes: null, kept: 'yes' })
})

test('what has no key goes to the partition of its input, all else where murmur2 puts its key', () => {
  const fixture = new ModelFixture()
  const keyless = fixture.send(null, '{', { partition: 7 })
  expect([keyless.audit.partition, keyless.deadLetter?.partition]).toEqual([7, 7])
  const home = plainPartitionOf(Buffer.from('T1'), 12)
  expect(fixture.trade({}, { partition: (home + 1) % 12 }).audit.partition).toBe(home)
})
