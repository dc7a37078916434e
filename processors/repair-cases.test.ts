import { expect, test } from 'vitest'
import { DAY_MS, NOON, TRADE, TradeHarness } from './testing/trade-harness.ts'

const TIME = new Date(NOON).toISOString()

test('the next accepted record closes the case, and tells the last refusal', () => {
  const harness = new TradeHarness()
  harness.trade({ maturity_date: '2026-12-01' })
  harness.send({ key: 'T1', value: '{' })
  const repaired = harness.trade({ note: 'right' }, { headers: [['traceparent', 'x']] })
  expect(repaired.outputs).toEqual(['audit', 'processed', 'repaired'])
  expect(repaired.outcome).toBe('CREATED')
  expect(repaired.json('repaired')).toEqual({
    trade: { ...TRADE, note: 'right', expired: false, last_updated: TIME },
    repaired: {
      outcome: 'INVALID',
      reason: 'value: not JSON, found the end at byte 1, expected a name in quotes',
      source: { topic: 'trade.ingested', partition: harness.context.partition, offset: 1 },
    },
    repaired_at: TIME,
  })
  expect(repaired.of('repaired')).toMatchObject({ key: Buffer.from('T1'), timestamp: NOON, headers: [{ key: 'traceparent', value: Buffer.from('x') }] })
  expect(harness.state()?.repairCase).toBe(undefined)
  expect(harness.trade({ version: 2 }).outputs).toEqual(['audit', 'processed'])
})

test('a case beside a stored trade leaves the trade as it is', () => {
  const harness = new TradeHarness()
  const stored = harness.trade({ version: 2 }).of('processed')?.value?.toString()
  harness.trade({ version: 3, maturity_date: '2026-12-01' })
  expect(harness.state()?.json?.toString()).toBe(stored)
  expect(harness.state()).toMatchObject({ live: true, version: 2, repairCase: { refusedAtMs: NOON } })
  expect(harness.trade({ version: 2 }).outcome).toBe('DUPLICATE')
  expect(harness.trade({ version: 1 }).outcome).toBe('STALE_VERSION')
  expect(harness.state()?.repairCase).toBeDefined()
  const replaced = harness.trade({ version: 2, book_id: 'B2' })
  expect(replaced.outcome).toBe('REPLACED')
  expect(replaced.json('repaired')?.['repaired']).toMatchObject({ outcome: 'PAST_MATURITY', source: { offset: 1 } })
})

test('a delete that finds the trade closes the case without an event, one that does not leaves it open', () => {
  const harness = new TradeHarness()
  harness.send({ key: 'T1', value: '{' })
  expect(harness.delete().outcome).toBe('NOT_FOUND')
  expect(harness.state()).toMatchObject({ live: false, version: undefined, json: undefined, repairCase: { refusedAtMs: NOON } })
  expect(harness.trade().outputs).toContain('repaired')
  harness.send({ key: 'T1', value: '{' })
  expect(harness.delete().outputs).toEqual(['audit', 'processed'])
  expect(harness.state()?.repairCase).toBe(undefined)
  expect(harness.trade({ version: 2 }).outputs).toEqual(['audit', 'processed'])
})

test('a case beside the memory of a delete', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 3 })
  harness.delete()
  harness.trade({ version: 4, maturity_date: '2026-12-01' })
  expect(harness.state()).toMatchObject({ live: false, version: 3, deletedAtMs: NOON, repairCase: { refusedAtMs: NOON } })
  expect(harness.trade({ version: 3 }).outcome).toBe('STALE_VERSION')
  expect(harness.trade({ version: 4 }).outputs).toEqual(['audit', 'processed', 'repaired'])
})

test('a case is kept 30 days after the last refusal', () => {
  const later = { version: 2, maturity_date: '2028-01-01' }
  const harness = new TradeHarness()
  harness.trade({ maturity_date: '2027-12-31' })
  harness.send({ key: 'T1', value: '{' })
  harness.wait(20 * DAY_MS)
  harness.send({ key: 'T1', value: '[]' })
  harness.wait(30 * DAY_MS - 1)
  expect(harness.trade(later).outputs).toContain('repaired')
  harness.send({ key: 'T1', value: '{' })
  harness.wait(30 * DAY_MS)
  expect(harness.trade({ ...later, version: 3 }).outputs).toEqual(['audit', 'processed'])
  expect(harness.state()?.json?.toString().endsWith('Z"}')).toBe(true)
})
