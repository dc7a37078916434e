import { expect, test } from 'vitest'
import { JsonNumber, type JsonValue, readJson, sameJson, writeJson } from './json.ts'
import { plainMurmur2, plainPartitionOf } from './plain-murmur2.ts'

function parsed(text: string): JsonValue {
  const { value, syntaxError } = readJson(text)
  if (value === undefined) throw new Error(syntaxError)
  return value
}

test.each([
  ['1', '1.0'], ['1', '1e0'], ['100', '1E+2'], ['0', '-0'], ['0', '0e99999999999999999999'], ['0.10', '1e-1'], ['-1.50', '-15e-1'],
  ['123456789012345678901234567890.5', '1234567890123456789012345678905e-1'], ['1e99999999999999999999', '10e99999999999999999998'],
])('%s and %s are one number', (a, b) => {
  expect(sameJson(parsed(a), parsed(b))).toBe(true)
})

test.each([['9007199254740993', '9007199254740992'], ['1', '-1'], ['0.1', '0.1000000000000000055511151231257827'], ['1e400', '1e401'], ['1', '"1"'], ['0', 'false'], ['[1,2]', '[2,1]'], ['{}', '[]'], ['{"a":1}', '{"a":1,"b":null}'], ['{"a":null}', '{"b":null}']])('%s and %s differ', (a, b) => {
  expect(sameJson(parsed(a), parsed(b))).toBe(false)
})

test('objects are unordered at every depth, escapes are the characters they stand for', () => {
  expect(sameJson(parsed('{"a":[{"x":1,"y":"\\u0041\\/"}],"b":2}'), parsed(' { "b" : 2 , "\\u0061":[{"y":"A/","x":1.0}]}'))).toBe(true)
})

test.each([
  '', ' ', '{', '{"a"}', '{"a":}', '{"a":1,}', '[1,]', '[1 2]', '01', '+1', '1.', '.5', '1e', '-', 'nul', 'True', "'a'", '"a', '"\n"', '"\\x41"', '"\\u12g4"', '{a:1}', '1 2', '\ufeff1', 'NaN', '{"a":1}}', '\u00a01', '/**/1',
])('%j is no JSON', (text) => {
  expect(readJson(text).value).toBeUndefined()
})

test('what was read before a fault is known', () => {
  expect([...readJson('{"trade_id":"T1","version":7,"cut').members.keys()]).toEqual(['trade_id', 'version'])
})

test('duplicate names of the outermost object are all told; within it the last one counts', () => {
  expect(readJson('{"a":1,"a":2}').members.get('a')).toHaveLength(2)
  expect(sameJson(parsed('[{"a":1,"a":2}]'), parsed('[{"a":2}]'))).toBe(true)
})

test('64 levels are allowed, 65 are not, and 100,000 do not end the process', () => {
  expect(readJson(`${'['.repeat(64)}${']'.repeat(64)}`).faults.size).toBe(0)
  expect([...readJson(`${'['.repeat(65)}${']'.repeat(65)}`).faults]).toEqual(['too-deep'])
  expect(readJson('['.repeat(100_000)).value).toBeUndefined()
})

test.each([['"\\u0000"', 'U+0000'], ['{"\\u0000":1}', 'U+0000'], ['["\\ud800"]', 'unpaired surrogate'], ['"\\udc00\\ud800"', 'unpaired surrogate'], ['"\\ud83d🚢"', 'unpaired surrogate']])('%s holds %s', (text, fault) => {
  expect([...readJson(text).faults]).toEqual([fault])
})

test('a pair of escaped surrogates is one character', () => {
  expect(parsed('"\\ud83d\\udea2"')).toBe('🚢')
  expect(readJson('"\\ud83d\\udea2"').faults.size).toBe(0)
})

test('__proto__ is a name like any other, and numbers keep their digits', () => {
  expect(writeJson(parsed('{"__proto__":{"x":1.50},"":[]}'))).toBe('{"__proto__":{"x":1.50},"":[]}')
})

test.each([['1', 1n], ['1e0', 1n], ['2147483647.0', 2147483647n], ['1.5', undefined], ['1e99999999999', undefined]])('%s as an integer', (text, integer) => {
  expect(new JsonNumber(text).integer).toBe(integer)
})

test.each([['21', -973932308], ['foobar', -790332482], ['a-little-bit-long-string', -985981536], ['a-little-bit-longer-string', -1486304829], ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971], ['abc', 479470107]])('murmur2 of %s as in the tests of Kafka', (text, hash) => {
  expect(Number(BigInt.asIntN(32, plainMurmur2(Buffer.from(text))))).toBe(hash)
})

test('the partition is that of the positive hash', () => {
  expect(plainPartitionOf(Buffer.from('foobar'), 12)).toBe((-790332482 & 0x7fffffff) % 12)
})
