import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from './canonical-json.ts'

test.each([
  ['{"a":1,"b":2}', ' { "b" : 2.0 , "a" : 10e-1 } '],
  ['{"a":{"x":[1,{"y":null}],"z":true}}', '{"a":{"z":true,"x":[1.0,{"y":null}]}}'],
  ['{"a":1,"a":2}', '{"a":2}'],
  ['[{"a":1,"\\u0061":[]}]', '[{"a":[]}]'],
  ['"\\u00e9\\/\\ud83d\\ude00\\u0022"', '"é/😀\\""'],
  ['[1e400,-0]', '[10e399,0]'],
  ['{"__proto__":1,"constructor":2}', '{"constructor":2,"__proto__":1}'],
  ['{"":{}}', '{ "" : { } }'],
])('%s has the content of %s', (a, b) => {
  expect(canonicalJson(a)).toBe(canonicalJson(b))
})

test.each([
  ['[1,2]', '[2,1]'],
  ['{"a":1}', '{"a":"1"}'],
  ['{"a":null}', '{}'],
  ['[]', '{}'],
  ['"a"', '"A"'],
  ['"é"', '"e\u0301"'],
  ['[1]', '[1,1]'],
  ['{"a":1,"b":2}', '{"a":2,"b":1}'],
  ['true', '"true"'],
  ['{"a":"1,\\"b\\":2"}', '{"a":"1","b":2}'],
  ['[[1],2]', '[[1,2]]'],
  ['{"__proto__":1}', '{}'],
  ['1', 'true'],
])('%s has not the content of %s', (a, b) => {
  expect(canonicalJson(a)).not.toBe(canonicalJson(b))
})

test('members of the outermost object can be left out, of no other', () => {
  expect(canonicalJson('{"a":1,"b":{"a":1}}', new Set(['a']))).toBe(canonicalJson('{"b":{"a":1}}'))
})

test('is JSON of the same content, and the same for it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      const canonical = canonicalJson(text)
      expect(JSON.parse(canonical)).toEqual(JSON.parse(text, (_, member: unknown) => (member === 0 ? 0 : member)))
      expect(canonicalJson(JSON.stringify(JSON.parse(text), undefined, 2))).toBe(canonical)
    }),
    { numRuns: 300, seed: 3 },
  )
})

test('a long string does not exhaust the stack', () => {
  const long = JSON.stringify('\\"é'.repeat(300_000))
  expect(canonicalJson(`[${long}]`)).toBe(`[${long}]`)
})
