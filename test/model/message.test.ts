import { expect, test } from 'vitest'
import { readMessage } from './message.ts'
import { TRADE } from './model-fixture.ts'

function read(fields: Record<string, unknown>): string[] {
  const whole = { ...TRADE, ...fields }
  return readMessage(Buffer.from(String(whole.trade_id)), Buffer.from(JSON.stringify(whole))).faults.map(({ sort }) => sort)
}

function readText(text: string | Buffer, key = 'T1'): string[] {
  return readMessage(Buffer.from(key), Buffer.from(text)).faults.map(({ sort }) => sort)
}

const TEXT = JSON.stringify(TRADE)

test('the message of the domain is a trade', () => {
  expect(read({})).toEqual([])
})

test('counter_party_id is another name of counterparty_id', () => {
  const { trade } = readMessage(Buffer.from('T1'), Buffer.from(TEXT.replace('counterparty_id', 'counter_party_id')))
  expect(trade?.counterpartyId).toBe('CP-1')
  expect([...(trade?.unknown.keys() ?? [])]).toEqual([])
})

test('both counterparty names: the same value is one, different values are invalid', () => {
  expect(read({ counter_party_id: 'CP-1' })).toEqual([])
  expect(read({ counter_party_id: 'CP-2' })).toEqual(['two counterparties'])
})

test.each(['trade_id', 'counterparty_id', 'book_id'])('%s has 1 to 50 code points, neither trimmed nor normalised', (name) => {
  for (const good of ['x', ' ', '🚢'.repeat(50), 'e\u0301', '\ufeff']) expect(read({ [name]: good }), good).toEqual([])
  for (const bad of ['', 'x'.repeat(51), '🚢'.repeat(51)]) expect(read({ [name]: bad }), bad).toContain(name)
  for (const bad of [null, 1, true, ['x']]) expect(read({ [name]: bad }), String(bad)).toContain(name)
})

test.each(['1', '1.0', '1e0', '2147483647', '2147483647000e-3', '0.1e1'])('version %s is a version', (version) => {
  expect(readText(TEXT.replace('"version":1', `"version":${version}`))).toEqual([])
})

test.each(['0', '-1', '-0', '1.5', '2147483648', '1e10', '"1"', 'null', 'true', '2147483647.00000000000000000001', '1e99999999999'])('version %s is none', (version) => {
  expect(readText(TEXT.replace('"version":1', `"version":${version}`))).toEqual(['version'])
})

test.each(['maturity_date', 'created_date'])('%s is a real calendar day of the years 0001 to 9999, without a time', (name) => {
  for (const good of ['0001-01-01', '9999-12-31', '2028-02-29', '2000-02-29']) expect(read({ [name]: good }), good).toEqual([])
  for (const bad of ['0000-01-01', '2027-02-29', '1900-02-29', '2027-04-31', '2027-13-01', '2027-00-01', '2027-01-00', '2027-1-1', '2027-01-01T00:00:00Z', '2027-01-01 ', '10000-01-01', '', 20270101, null]) {
    expect(read({ [name]: bad }), String(bad)).toEqual([name])
  }
})

test('expired, last_updated and expired_at are ignored whatever their type', () => {
  expect(read({ expired: 'maybe', last_updated: [1], expired_at: { a: null } })).toEqual([])
})

test('every other field of the message is required', () => {
  for (const name of ['trade_id', 'version', 'counterparty_id', 'book_id', 'maturity_date', 'created_date']) expect(read({ [name]: undefined }), name).toContain(name)
})

test('unknown fields are kept, numbers with all their digits; the last one of a name counts', () => {
  const { trade } = readMessage(Buffer.from('T1'), Buffer.from(TEXT.replace('{', '{"x":1,"x":12345678901234567890.10,')))
  expect(JSON.stringify([...(trade?.unknown ?? [])])).toBe('[["x",{"text":"12345678901234567890.10"}]]')
})

test('at most 64 levels of nesting, the message itself the first', () => {
  expect(readText(TEXT.replace('{', `{"x":${'['.repeat(63)}${']'.repeat(63)},`))).toEqual([])
  expect(readText(TEXT.replace('{', `{"x":${'['.repeat(64)}${']'.repeat(64)},`))).toEqual(['too-deep'])
})

test('valid UTF-8 without byte order mark', () => {
  expect(readText(Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from(`",${TEXT.slice(1)}`)]))).toEqual(['not UTF-8'])
  expect(readText(Buffer.from(TEXT.replace('B1', 'Zürich'), 'latin1'))).toEqual(['not UTF-8'])
  expect(readText(`\ufeff${TEXT}`)).toEqual(['byte order mark'])
})

test('no string, at any depth, holds U+0000 or an unpaired surrogate: names and ignored fields too', () => {
  for (const member of ['"x":"\\u0000"', '"x":[{"y":"\\u0000"}]', '"\\u0000":1', '"last_updated":"\\u0000"']) expect(readText(TEXT.replace('{', `{${member},`)), member).toEqual(['U+0000'])
  for (const member of ['"x":"\\ud800"', '"\\udc00":1']) expect(readText(TEXT.replace('{', `{${member},`)), member).toEqual(['unpaired surrogate'])
})

test('a known field named twice is invalid, an escaped name too', () => {
  expect(readText(TEXT.replace('{', '{"book_id":"B1",'))).toEqual(['field twice'])
  expect(readText(TEXT.replace('{', '{"\\u0062ook_id":"B1",'))).toEqual(['field twice'])
  expect(readText(TEXT.replace('{', '{"counter_party_id":"CP-1","counter_party_id":"CP-1",'))).toEqual(['field twice'])
})

test('the key must equal trade_id', () => {
  expect(readText(TEXT, 'T2')).toEqual(['key'])
  expect(readText(TEXT.replace('T1', '\\u0054\\u0031'), 'T1')).toEqual([])
  expect(readMessage(null, Buffer.from(TEXT)).faults.map(({ sort }) => sort)).toEqual(['key'])
})

test.each([['', 'empty value'], ['null', 'not an object'], ['[]', 'not an object'], ['"T1"', 'not an object'], ['1', 'not an object']])('%j is invalid, not a delete', (text, sort) => {
  expect(readText(text)).toEqual([sort])
})

test('the version of a refusal: what can be read; either where the text as a whole is faulty', () => {
  const versions = (text: string): readonly (number | null)[] => readMessage(Buffer.from('T1'), Buffer.from(text)).versions
  expect(versions(TEXT.replace('"B1"', '7'))).toEqual([1])
  expect(versions(TEXT.replace('"version":1', '"version":0'))).toEqual([null])
  expect(versions(TEXT.slice(0, 40))).toEqual([null, 1])
  expect(versions('[]')).toEqual([null])
})
