import { expect, test } from 'vitest'
import { recordOf, sourceOf, tradeValue } from '../testing/sink-records.ts'
import { type Text, TradeReader } from './trade-row.ts'

const reader = new TradeReader()
const read = (value: string | undefined, key: string | undefined = 'T1') => reader.read(recordOf(sourceOf(0), 0, key, value))
const textOf = (text: Text | undefined) => text?.buffer.toString('utf8', text.start, text.end)

test('fields are found in any order, with white space and with escaped names and texts', () => {
  const { content } = read(
    ' {"expired" :true, "last_updated":"2026-12-11T10:00:00.123Z","book\\u005fid":"B\\"\\u00e9","created_date":"2024-02-29",\n"version": 2e0 ,"maturity_date":"9999-12-31","counterparty_id":"CP","trade_id":"T1"} ',
  )
  expect(content).toMatchObject({ version: 2, expired: true, lastUpdatedMs: Date.parse('2026-12-11T10:00:00.123Z'), maturityDay: 2_932_896, createdDay: 19_782 })
  expect([textOf(content?.book), textOf(content?.counterparty), String(content?.attributes)]).toEqual(['B"é', 'CP', '{}'])
})

test('unknown fields are kept as they are written', () => {
  const { content } = read(tradeValue('T1', 1).replace('{', '{"a": [1, {"b":"]}"}],').replace(/}$/, ',"n":1.10,"a":0}'))
  expect(String(content?.attributes)).toBe('{"a": [1, {"b":"]}"}],"n":1.10,"a":0}')
})

test('a null value is a delete', () => {
  expect(read(undefined)).toMatchObject({ deleted: true, content: undefined, sortKey: 'T1' })
})

test.each([
  ['nothing', '', /\{ expected at byte 0/],
  ['another value', '[]', /\{ expected/],
  ['text behind it', `${tradeValue('T1', 1)}x`, /text behind the object/],
  ['a comma too many', tradeValue('T1', 1).replace(/}$/, ',}'), /a name in quotes expected/],
  ['a cut text', tradeValue('T1', 1).slice(0, -1), /, or } expected/],
  ['an unpaired surrogate', tradeValue('T1', 1, { book_id: '#' }).replace('#', '\\ud800'), /unpaired surrogate/],
  ['another id than the key', tradeValue('T2', 1), /trade_id: expected the record key "T1"/],
  ['a field less', tradeValue('T1', 1, { book_id: undefined }), /field book_id: not there/],
  ['a version as text', tradeValue('T1', 1, { version: '1' }), /field version: found "1"/],
  ['version 0', tradeValue('T1', 0), /field version: found 0/],
  ['a version with a fraction', tradeValue('T1', 1.5), /field version: found 1.5/],
  ['a version beyond 32 bits', tradeValue('T1', 2_147_483_648), /field version/],
  ['a day that is none', tradeValue('T1', 1, { maturity_date: '2027-02-29' }), /field maturity_date: found "2027-02-29"/],
  ['a date with a time', tradeValue('T1', 1, { created_date: '2027-02-28T00:00:00.000Z' }), /field created_date/],
  ['a time without milliseconds', tradeValue('T1', 1, { last_updated: '2027-02-28T00:00:00Z' }), /field last_updated/],
  ['expired as text', tradeValue('T1', 1, { expired: 'true' }), /field expired: found "true"/],
  ['a number as book', tradeValue('T1', 1, { book_id: 7 }), /field book_id: found 7, expected a string/],
])('%s is refused with a reason', (_what, value, reason) => {
  expect(() => read(value)).toThrow(reason)
})

test('a record without a key is refused', () => {
  expect(() => read(tradeValue('T1', 1), '')).toThrow(/trade_id/)
  expect(() => reader.read(recordOf(sourceOf(0), 0, undefined, undefined))).toThrow(/no key/)
})
