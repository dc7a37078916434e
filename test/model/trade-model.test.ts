import { expect, test } from 'vitest'
import { DAY_MS, ModelFixture, NOW_MS, requestId, shown, topicsOf, TRADE } from './model-fixture.ts'
import { plainPartitionOf } from './plain-murmur2.ts'

test('rule 1: what cannot be read gets a dead letter and an audit entry, and processing goes on', () => {
  const fixture = new ModelFixture()
  const invalid = fixture.send('T1', 'no JSON')
  expect(invalid.outcome).toBe('INVALID')
  expect(topicsOf(invalid)).toEqual(['trade.audit', 'trade.dead-letter'])
  expect(fixture.trade().outcome).toBe('CREATED')
})

test('rule 2: no trade yet is CREATED, higher UPDATED, lower STALE_VERSION naming both versions', () => {
  const fixture = new ModelFixture()
  expect(fixture.trade({ version: 5 }).outcome).toBe('CREATED')
  expect(fixture.trade({ version: 9 }).outcome).toBe('UPDATED')
  const stale = fixture.trade({ version: 5 })
  expect(stale.outcome).toBe('STALE_VERSION')
  expect(topicsOf(stale)).toEqual(['trade.audit'])
  expect(shown(stale.audit, 'reason')).toContain('naming 5 naming 9')
  expect(shown(stale.audit, 'details')).toContain('found 5, with stored 9')
  expect(stale.state.trade?.trade.version).toBe(9)
})

test('rule 2: the same version replaces the trade, unless the content is identical as JSON', () => {
  const fixture = new ModelFixture()
  fixture.trade({ tags: ['a', { b: 1, c: 2 }], expired: false })
  const text = '{"tags":["a",{"c":2.0,"b":10e-1}],"expired":"whatever","last_updated":1,"version":1e0,"counter_party_id":"CP-1","trade_id":"T1","created_date":"2026-12-11","book_id":"\\u00421","maturity_date":"2027-05-20"}'
  const duplicate = fixture.send('T1', text)
  expect(duplicate.outcome).toBe('DUPLICATE')
  expect(topicsOf(duplicate)).toEqual(['trade.audit'])
  expect(fixture.trade({ tags: [{ b: 1, c: 2 }, 'a'] }).outcome).toBe('REPLACED')
  expect(fixture.trade().outcome).toBe('REPLACED')
})

test('rule 2 before rule 3: stale or duplicate records are that, also past maturity', () => {
  const fixture = new ModelFixture()
  fixture.trade({ version: 2, maturity_date: '2026-12-11' })
  fixture.model.turnTo('2026-12-12')
  expect(fixture.trade({ version: 2, maturity_date: '2026-12-11' }).outcome).toBe('DUPLICATE')
  expect(fixture.trade({ version: 1, maturity_date: '2026-12-11' }).outcome).toBe('STALE_VERSION')
  expect(fixture.trade({ version: 2, maturity_date: '2026-12-10' }).outcome).toBe('PAST_MATURITY')
})

test('rule 3: before the business date is refused, today or later accepted; the audit entry names the date', () => {
  const fixture = new ModelFixture()
  const past = fixture.trade({ maturity_date: '2026-12-10' })
  expect(past.outcome).toBe('PAST_MATURITY')
  expect(shown(past.audit, 'business_date')).toBe('"2026-12-11"')
  expect(past.state.trade).toBeUndefined()
  expect(fixture.trade({ maturity_date: '2026-12-11' }).outcome).toBe('CREATED')
})

test('rule 3: the business date is the date of now in a time zone, and never goes back', () => {
  const fixture = new ModelFixture({ businessDate: { timeZone: 'Asia/Tokyo' } })
  fixture.nowMs = Date.parse('2026-12-11T15:30:00Z')
  expect(shown(fixture.trade().audit, 'business_date')).toBe('<2026-12-12>')
  fixture.nowMs = Date.parse('2026-12-11T14:30:00Z')
  expect(shown(fixture.trade().audit, 'business_date')).toBe('<2026-12-12>')
})

test('rule 4: a trade expires once, with state, processed, expired and audit', () => {
  const fixture = new ModelFixture()
  fixture.trade({ maturity_date: '2026-12-11' })
  fixture.trade({ trade_id: 'T2' })
  expect(fixture.model.expire(NOW_MS)).toEqual([])
  fixture.model.turnTo('2026-12-12')
  const [expiry, ...others] = fixture.model.expire(NOW_MS + DAY_MS)
  expect(others).toEqual([])
  if (expiry === undefined) throw new Error('nothing expired')
  expect(topicsOf(expiry)).toEqual(['trade.processed', 'trade.expired', 'trade.audit'])
  expect(shown(expiry.processed, 'expired')).toBe('true')
  expect(shown(expiry.expired, 'expired_at')).toContain('2026-12-12T10:00:00.000Z')
  expect([shown(expiry.audit, 'source'), shown(expiry.audit, 'request_id'), shown(expiry.audit, 'reason')]).toEqual(['null', 'null', 'null'])
  expect(fixture.model.expire(NOW_MS + DAY_MS)).toEqual([])
})

test('rule 4: a later accepted record makes an expired trade live again, the same version too', () => {
  const fixture = new ModelFixture()
  fixture.trade({ maturity_date: '2026-12-11' })
  fixture.model.turnTo('2026-12-12')
  fixture.model.expire(NOW_MS)
  const replaced = fixture.trade({ maturity_date: '2026-12-12' })
  expect(replaced.outcome).toBe('REPLACED')
  expect(replaced.state.trade?.expired).toBe(false)
})

test('rule 5: a delete removes the trade, with null on processed and the removed version in the audit entry', () => {
  const fixture = new ModelFixture()
  fixture.trade({ version: 3 })
  const deleted = fixture.delete('T1')
  expect(deleted.outcome).toBe('DELETED')
  expect(deleted.processed?.value).toBeNull()
  expect(shown(deleted.audit, 'version')).toBe('3')
  expect(deleted.state.trade).toBeUndefined()
})

test('rule 5: the same or a lower version that comes late is stale, a higher one creates the trade anew', () => {
  const fixture = new ModelFixture()
  fixture.trade({ version: 3 })
  fixture.delete('T1')
  expect(fixture.trade({ version: 3 }).outcome).toBe('STALE_VERSION')
  expect(fixture.trade({ version: 2 }).outcome).toBe('STALE_VERSION')
  expect(fixture.trade({ version: 4 }).outcome).toBe('CREATED')
})

test('rule 5: the version is remembered for the retention of the input, by the clock at processing', () => {
  const fixture = new ModelFixture()
  fixture.trade({ version: 3 })
  fixture.delete('T1', { timestamp: NOW_MS - 6 * DAY_MS })
  fixture.nowMs += 7 * DAY_MS - 1
  expect(fixture.trade({ version: 3 }).outcome).toBe('STALE_VERSION')
  fixture.nowMs += 1
  expect(fixture.trade({ version: 3 }).outcome).toBe('CREATED')
})

test('rule 5: deleting what is not there is NOT_FOUND, an audit entry only, with the remembered version', () => {
  const fixture = new ModelFixture()
  const unknown = fixture.delete('T1')
  expect(topicsOf(unknown)).toEqual(['trade.audit'])
  expect([unknown.outcome, shown(unknown.audit, 'version')]).toEqual(['NOT_FOUND', 'null'])
  fixture.trade({ version: 3 })
  fixture.delete('T1')
  expect(shown(fixture.delete('T1').audit, 'version')).toBe('3')
})

test.each(['PAST_MATURITY', 'INVALID'])('rule 6: %s opens a repair case, the next accepted record closes it', (outcome) => {
  const fixture = new ModelFixture()
  expect((outcome === 'INVALID' ? fixture.send('T1', '{') : fixture.trade({ maturity_date: '2020-01-01' })).outcome).toBe(outcome)
  const accepted = fixture.trade()
  expect(topicsOf(accepted)).toEqual(['trade.processed', 'trade.repaired', 'trade.audit'])
  expect(shown(accepted.repaired, 'repaired', 'outcome')).toBe(`"${outcome}"`)
  expect(shown(accepted.repaired, 'repaired', 'source', 'offset')).toBe('0')
  expect(topicsOf(fixture.trade({ version: 2 }))).toEqual(['trade.processed', 'trade.audit'])
})

test('rule 6: the event carries the last refusal', () => {
  const fixture = new ModelFixture()
  fixture.send('T1', '{')
  fixture.trade({ maturity_date: '2020-01-01' })
  expect(shown(fixture.trade().repaired, 'repaired', 'source', 'offset')).toBe('1')
})

test('rule 6: DUPLICATE, STALE_VERSION and NOT_FOUND leave a case open; a delete that finds the trade closes it without an event', () => {
  const fixture = new ModelFixture()
  fixture.send('T1', '{')
  fixture.delete('T1')
  expect(fixture.trade({ version: 2 }).repaired).toBeDefined()
  fixture.send('T1', '{')
  expect(fixture.trade({ version: 2 }).outcome).toBe('DUPLICATE')
  expect(fixture.trade({ version: 1 }).outcome).toBe('STALE_VERSION')
  expect(fixture.delete('T1').repaired).toBeUndefined()
  expect(fixture.trade({ version: 3 }).repaired).toBeUndefined()
})

test('rule 6: a case is kept for 30 days', () => {
  const fixture = new ModelFixture()
  fixture.send('T1', '{')
  fixture.send('T2', '{')
  fixture.nowMs += 30 * DAY_MS - 1
  expect(fixture.trade().repaired).toBeDefined()
  fixture.nowMs += 1
  expect(fixture.trade({ trade_id: 'T2' }).repaired).toBeUndefined()
})

test('rule 7 and 0: a request id seen before is not processed again; the first outcome is in the details', () => {
  const fixture = new ModelFixture()
  const headers = [requestId('r1')]
  fixture.trade({}, { headers })
  fixture.trade({ version: 2 })
  const repeated = fixture.trade({}, { headers })
  expect(repeated.outcome).toBe('DUPLICATE')
  expect(shown(repeated.audit, 'details')).toContain('first_outcome CREATED')
  expect(shown(repeated.audit, 'request_id')).toBe('"r1"')
})

test('rule 0: a repeated refusal is a DUPLICATE without a second dead letter', () => {
  const fixture = new ModelFixture()
  const headers = [requestId('r1')]
  fixture.send('T1', '{', { headers })
  expect(topicsOf(fixture.send('T1', '{', { headers }))).toEqual(['trade.audit'])
})

test('rule 7: the same id with another key or value is INVALID with a dead letter, without a repair case; the first answer stays', () => {
  const fixture = new ModelFixture()
  const partition = plainPartitionOf(Buffer.from('T1'), 12)
  const headers = [requestId('r1')]
  fixture.trade({}, { headers })
  const reused = [fixture.trade({ version: 2 }, { headers }), fixture.trade({ trade_id: 'T2' }, { headers, partition }), fixture.delete('T1', { headers })]
  for (const outputs of reused) {
    expect([outputs.outcome, ...outputs.faults]).toEqual(['INVALID', 'request id reused'])
    expect(outputs.deadLetter).toBeDefined()
    expect(outputs.state.repairCase).toBeUndefined()
  }
  expect(fixture.model.request(partition, 'r1', NOW_MS)).toEqual({ status: 'SUCCESS', outcome: 'CREATED' })
})

test('rule 7: a request is known in its partition, for 24 h', () => {
  const fixture = new ModelFixture()
  const headers = [requestId('r1')]
  fixture.trade({}, { headers })
  expect(fixture.trade({ trade_id: 'T2' }, { headers }).outcome).toBe('CREATED')
  fixture.nowMs += DAY_MS - 1
  expect(shown(fixture.trade({}, { headers }).audit, 'details')).toContain('first_outcome')
  fixture.nowMs += 1
  expect(shown(fixture.trade({}, { headers }).audit, 'details')).not.toContain('first_outcome')
})

test('rule 7: the last such header counts; empty, null, not UTF-8 or over 200 bytes is as if absent', () => {
  const fixture = new ModelFixture()
  const idOf = (...ids: (string | Buffer | null)[]): string | undefined => shown(fixture.trade({}, { headers: ids.map(requestId) }).audit, 'request_id')
  expect(idOf('r1', 'r2')).toBe('"r2"')
  for (const useless of ['', null, Buffer.from([0xff]), 'r'.repeat(201)]) expect(idOf('r3', useless)).toBe('null')
  expect(idOf('r'.repeat(200))).toBe(`"${'r'.repeat(200)}"`)
})

test('a request that fails is FAILED', () => {
  const fixture = new ModelFixture()
  fixture.delete('T1', { headers: [requestId('r1')] })
  expect(fixture.model.request(plainPartitionOf(Buffer.from('T1'), 12), 'r1', NOW_MS)).toEqual({ status: 'FAILED', outcome: 'NOT_FOUND' })
})

test('a record in the wrong partition is INVALID and opens no repair case, a delete too; a setting switches the check off', () => {
  const partition = (plainPartitionOf(Buffer.from('T1'), 12) + 1) % 12
  const fixture = new ModelFixture()
  for (const outputs of [fixture.trade({}, { partition }), fixture.delete('T1', { partition }), fixture.send('T1', '{', { partition })]) {
    expect(outputs.faults).toContain('wrong partition')
    expect(outputs.state.repairCase).toBeUndefined()
  }
  expect(new ModelFixture({ partitionCheck: false }).trade({}, { partition }).outcome).toBe('CREATED')
})

test('the key of a delete obeys the bounds of trade_id; without a valid key there is no repair case', () => {
  const fixture = new ModelFixture()
  for (const key of ['', 'x'.repeat(51), 'a\u0000', Buffer.from([0xff]), null]) {
    const outputs = fixture.send(key, null)
    expect(outputs.outcome).toBe('INVALID')
    expect(outputs.state.repairCase).toBeUndefined()
  }
  expect(fixture.delete('x'.repeat(50)).outcome).toBe('NOT_FOUND')
})

test('a trade must fit in its largest output form', () => {
  const fixture = new ModelFixture({ maxMessageBytes: 20_000 })
  const ofBytes = (bytes: number): string => JSON.stringify({ ...TRADE, blob: 'x'.repeat(bytes - JSON.stringify({ ...TRADE, blob: '' }).length) })
  expect(fixture.send('T1', ofBytes(10_000)).outcome).toBe('CREATED')
  expect(fixture.send('T1', ofBytes(19_990)).faults).toEqual(['too large'])
  expect(() => fixture.send('T1', ofBytes(19_000))).toThrow('too close to the limit')
})
