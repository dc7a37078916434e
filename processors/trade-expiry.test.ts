import { expect, test } from 'vitest'
import { ExpiryControl } from './expiry-control.ts'
import type { Emitted } from './testing/memory-context.ts'
import { DAY_MS, NOON, Outcomes, TRADE, TradeHarness } from './testing/trade-harness.ts'

/** Matures on the business date of the harness. */
const DUE_TOMORROW = { maturity_date: '2026-12-11' }
const NEXT_NOON = '2026-12-12T12:00:00.000Z'

function ids(emitted: readonly Emitted[], output = 'expired'): (string | undefined)[] {
  return emitted.filter((record) => record.output === output).map(({ key }) => key?.toString())
}

test('a trade expires when the date turns, once', () => {
  const harness = new TradeHarness()
  harness.trade({ ...DUE_TOMORROW, note: 1 }, { headers: [['traceparent', 'x']], timestamp: NOON - 5 })
  expect(harness.punctuate()).toEqual([])
  harness.wait(DAY_MS)
  const outcomes = new Outcomes(harness.punctuate())
  expect(outcomes.outputs).toEqual(['audit', 'expired', 'processed'])
  const trade = { ...TRADE, ...DUE_TOMORROW, note: 1, expired: true, last_updated: NEXT_NOON }
  expect(outcomes.json('processed')).toEqual(trade)
  expect(outcomes.json('expired')).toEqual({ ...trade, expired_at: NEXT_NOON })
  expect(outcomes.audit).toEqual({
    trade_id: 'T1',
    version: 1,
    action: 'EXPIRE',
    status: 'success',
    outcome: 'EXPIRED',
    reason: null,
    business_date: '2026-12-12',
    source: null,
    request_id: null,
    timestamp: NEXT_NOON,
    details: {},
  })
  for (const record of outcomes.all) expect(record).toMatchObject({ key: Buffer.from('T1'), timestamp: NOON + DAY_MS, headers: [] })
  expect(harness.state()).toMatchObject({ live: true, expired: true, version: 1 })
  expect(harness.state()?.json?.toString()).toBe(outcomes.of('processed')?.value?.toString())
  expect(harness.punctuate()).toEqual([])
  harness.wait(DAY_MS)
  expect(harness.punctuate()).toEqual([])
})

test('only the trades that expire cost anything', () => {
  const harness = new TradeHarness()
  for (let n = 0; n < 100; n++) harness.trade({ trade_id: `T${n}`, maturity_date: n % 10 === 0 ? '2026-12-11' : '2027-05-20' })
  harness.wait(DAY_MS)
  const before = harness.context.memory('trades').reads
  expect(ids(harness.punctuate())).toHaveLength(10)
  expect(harness.context.memory('trades').reads - before).toBe(10)
})

test('a trade is due by its latest state', () => {
  const harness = new TradeHarness()
  harness.trade({ trade_id: 'later', ...DUE_TOMORROW })
  harness.trade({ trade_id: 'later', version: 2, maturity_date: '2027-05-20' })
  harness.trade({ trade_id: 'sooner', maturity_date: '2027-05-20' })
  harness.trade({ trade_id: 'sooner', version: 2, ...DUE_TOMORROW })
  harness.trade({ trade_id: 'gone', ...DUE_TOMORROW })
  harness.delete('gone')
  harness.trade({ trade_id: 'there and back', ...DUE_TOMORROW })
  harness.trade({ trade_id: 'there and back', version: 2, maturity_date: '2027-05-20' })
  harness.trade({ trade_id: 'there and back', version: 3, ...DUE_TOMORROW })
  harness.wait(DAY_MS)
  expect(ids(harness.punctuate()).sort()).toEqual(['sooner', 'there and back'])
  expect(harness.punctuate()).toEqual([])
})

test('an accepted record makes an expired trade live again, and it expires again', () => {
  const harness = new TradeHarness()
  harness.trade(DUE_TOMORROW)
  harness.wait(DAY_MS)
  harness.punctuate()
  expect(harness.trade(DUE_TOMORROW).outcome).toBe('DUPLICATE')
  expect(harness.trade({ version: 2, ...DUE_TOMORROW }).outcome).toBe('PAST_MATURITY')
  const again = harness.trade({ maturity_date: '2026-12-12' })
  expect(again.outcome).toBe('REPLACED')
  expect(again.json('processed')?.['expired']).toBe(false)
  expect(harness.state()?.expired).toBe(false)
  harness.wait(DAY_MS)
  expect(ids(harness.punctuate())).toEqual(['T1'])
})

test('an expired trade can be deleted, and is still compared', () => {
  const harness = new TradeHarness()
  harness.trade({ version: 2, ...DUE_TOMORROW })
  harness.wait(DAY_MS)
  harness.punctuate()
  expect(harness.trade({ version: 1, ...DUE_TOMORROW }).outcome).toBe('STALE_VERSION')
  expect(harness.delete().audit).toMatchObject({ outcome: 'DELETED', version: 2 })
})

test('expiry leaves a repair case open', () => {
  const harness = new TradeHarness()
  harness.trade(DUE_TOMORROW)
  const reason = harness.send({ key: 'T1', value: '{' }).audit['reason']
  harness.wait(DAY_MS)
  harness.punctuate()
  expect(harness.state()).toMatchObject({ expired: true, repairCase: { refusedAtMs: NOON } })
  const repaired = harness.trade({ version: 2 })
  expect(repaired.outputs).toEqual(['audit', 'processed', 'repaired'])
  expect(repaired.json('repaired')?.['repaired']).toMatchObject({ outcome: 'INVALID', reason, source: { offset: 1 } })
})

test('what is due is worked off in portions', () => {
  const harness = new TradeHarness({ expiryPortion: 3 })
  for (let n = 0; n < 8; n++) harness.trade({ trade_id: `T${n}`, ...DUE_TOMORROW })
  harness.wait(DAY_MS)
  const portions = Array.from({ length: 4 }, () => ids(harness.punctuate()))
  expect(portions.map(({ length }) => length)).toEqual([3, 3, 2, 0])
  expect(new Set(portions.flat()).size).toBe(8)
})

test('after a restart in the midst of it the rest expires, none of it twice', () => {
  const harness = new TradeHarness({ expiryPortion: 3 })
  for (let n = 0; n < 8; n++) harness.trade({ trade_id: `T${n}`, ...DUE_TOMORROW })
  harness.wait(DAY_MS)
  const before = ids(harness.punctuate())
  harness.restart({ expiryPortion: 100 })
  expect(new Set([...before, ...ids(harness.punctuate())]).size).toBe(8)
  harness.restart()
  expect(harness.punctuate()).toEqual([])
})

test('what fell due while nothing ran expires at the first occasion', () => {
  const harness = new TradeHarness()
  harness.trade(DUE_TOMORROW)
  harness.wait(100 * DAY_MS)
  harness.restart()
  expect(ids(harness.punctuate())).toEqual(['T1'])
})

test('the time of expiry is that of the clock, the date that of the setting', () => {
  const harness = new TradeHarness()
  harness.trade(DUE_TOMORROW)
  harness.restart({ businessDate: '2026-12-12' })
  expect(new Outcomes(harness.punctuate()).audit).toMatchObject({ business_date: '2026-12-12', timestamp: '2026-12-11T12:00:00.000Z' })
})

test('on request, the total is told when nothing is due any more', () => {
  const expiry = new ExpiryControl()
  const harness = new TradeHarness({ expiryPortion: 3, expiry })
  for (let n = 0; n < 8; n++) harness.trade({ trade_id: `T${n}`, ...DUE_TOMORROW })
  harness.wait(DAY_MS)
  const answers: number[] = []
  expiry.request((expired) => answers.push(expired))
  harness.punctuate()
  harness.punctuate()
  expect(answers).toEqual([])
  harness.punctuate()
  expect(answers).toEqual([8])
  harness.restart({ expiry })
  expiry.request((expired) => answers.push(expired))
  harness.punctuate()
  expect(answers).toEqual([8, 0])
})

test('deleted trades leave the store when they are forgotten', () => {
  const harness = new TradeHarness()
  for (const id of ['a', 'b', 'c', 'case']) {
    harness.trade({ trade_id: id, version: 3, maturity_date: '2030-01-01' })
    harness.delete(id)
  }
  harness.trade({ trade_id: 'b', version: 4, maturity_date: '2030-01-01' })
  harness.send({ key: 'case', value: '{' })
  harness.wait(7 * DAY_MS - 1)
  harness.restart()
  expect(harness.punctuate()).toEqual([])
  expect(harness.state('a')?.version).toBe(3)
  harness.wait(DAY_MS / 50)
  expect(harness.punctuate()).toEqual([])
  expect([harness.state('a'), harness.state('c')]).toEqual([undefined, undefined])
  expect(harness.state('b')).toMatchObject({ live: true, version: 4 })
  expect(harness.state('case')).toMatchObject({ live: false, version: undefined, deletedAtMs: undefined, repairCase: { refusedAtMs: NOON } })
  expect(JSON.parse(String(harness.state('case')?.repairCase?.json))).toMatchObject({ outcome: 'INVALID' })
  harness.wait(23.1 * DAY_MS)
  harness.punctuate()
  expect(harness.state('case')).toBe(undefined)
})

test('repair cases leave the store when their time is over', () => {
  const harness = new TradeHarness()
  harness.send({ key: 'never', value: '{' })
  const stored = harness.trade({ trade_id: 'live', maturity_date: '2030-01-01' }).of('processed')?.value?.toString()
  harness.send({ key: 'live', value: '{' })
  harness.wait(30 * DAY_MS)
  harness.send({ key: 'again', value: '{' })
  harness.wait(DAY_MS / 10)
  harness.punctuate()
  expect(harness.state('never')).toBe(undefined)
  expect(harness.state('live')).toMatchObject({ live: true, repairCase: undefined })
  expect(harness.state('live')?.json?.toString()).toBe(stored)
  expect(harness.state('again')?.repairCase).toBeDefined()
})

test('the memory of a second delete is not cut short by the first one', () => {
  const harness = new TradeHarness()
  harness.trade({ maturity_date: '2030-01-01' })
  harness.delete()
  harness.wait(3 * DAY_MS)
  harness.trade({ version: 2, maturity_date: '2030-01-01' })
  harness.delete()
  harness.wait(5 * DAY_MS)
  harness.punctuate()
  expect(harness.state()?.version).toBe(2)
  harness.wait(3 * DAY_MS)
  harness.punctuate()
  expect(harness.state()).toBe(undefined)
})
