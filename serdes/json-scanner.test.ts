import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteView } from '../records/byte-view.ts'
import { JsonScanner, utf8CodePoints, utf8Length } from './json-scanner.ts'

const scanner = new JsonScanner()

/** Whether the bytes are one JSON value and nothing else. They stand amid others, which must not be read. */
function isJson(bytes: Uint8Array): boolean {
  const framed = Buffer.concat([Buffer.from('1"'), bytes, Buffer.from('1"}')])
  scanner.reset(framed, 2, 2 + bytes.length)
  return scanner.value(0) && scanner.next() === -1
}

function parses(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return true
  } catch {
    return false
  }
}

function scanString(text: string): JsonScanner {
  const bytes = Buffer.from(text)
  scanner.reset(bytes, 0, bytes.length)
  if (!scanner.string()) throw new Error(scanner.faultExpected)
  return scanner
}

const GOOD = [
  '0',
  '-0',
  '-1.5e+10',
  '1E400',
  '""',
  '"\\u00e9\\n\\/"',
  'true',
  'false',
  'null',
  '[]',
  '{}',
  ' [ 1 , 2 ] ',
  '{"a":{"b":[]},"a":1}',
  '\t\r\n0',
  '"\u007f"',
  '"\ufeff"',
]
const BAD = [
  '',
  ' ',
  '01',
  '-',
  '+1',
  '.5',
  '1.',
  '1e',
  '1e+',
  '0x1',
  'NaN',
  'tru',
  'truex',
  'True',
  '"',
  '"\\"',
  '"\\x"',
  '"\\u12g4"',
  '"\\u123"',
  '"\n"',
  '"\u001f"',
  "'a'",
  '[',
  '[1',
  '[1,]',
  '[,1]',
  '[1 2]',
  ']',
  '{',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{a:1}',
  '{"a":1]',
  '[1}',
  '{,}',
  '1 2',
  '\ufeff1',
  '\u00a01',
  '\u000b1',
  '{"a" 1}',
  '{1:1}',
  '[1]]',
]

test.each(GOOD)('takes %s', (text) => {
  expect(isJson(Buffer.from(text))).toBe(true)
})

test.each(BAD)('does not take %s', (text) => {
  expect(isJson(Buffer.from(text))).toBe(false)
})

test('takes what JSON.parse takes', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'binary', maxDepth: 2 }), (text) => isJson(Buffer.from(text))),
    { numRuns: 100, seed: 1 },
  )
})

test('agrees with JSON.parse on texts with a byte changed, put in or taken out', () => {
  const change = fc.tuple(
    fc.json({ stringUnit: 'grapheme', maxDepth: 2 }),
    fc.nat(),
    fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"\\{}[],:0eu- '))),
    fc.nat(2),
  )
  fc.assert(
    fc.property(change, ([text, position, byte, kind]) => {
      const bytes = Buffer.from(text)
      const at = position % bytes.length
      const changed = Buffer.concat([bytes.subarray(0, at), kind === 2 ? Buffer.alloc(0) : Buffer.from([byte]), bytes.subarray(kind === 1 ? at : at + 1)])
      expect(isJson(changed)).toBe(parses(changed))
    }),
    { numRuns: 1500, seed: 2 },
  )
})

test('agrees with the platform about every sequence of two bytes, and of the borders of three and four', () => {
  const borders = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
  const sequences: number[][] = []
  for (let first = 0x80; first < 0x100; first++) {
    // From there on all second bytes may stand in a string.
    for (let second = 0x5d; second < 0x100; second++) sequences.push([first, second])
    for (const second of first < 0xe0 ? [] : borders) {
      for (const third of borders) sequences.push([first, second, third], ...(first < 0xf0 ? [] : borders.map((fourth) => [first, second, third, fourth])))
    }
  }
  const wrong = sequences.filter((bytes) => isJson(Buffer.from([34, ...bytes, 34])) !== isUtf8(Buffer.from(bytes)))
  expect(wrong).toEqual([])
})

test('counts code points, however they are written', () => {
  expect(scanString('""').stringCodePoints).toBe(0)
  expect(scanString('"aé€😀"').stringCodePoints).toBe(4)
  expect(scanString('"\\n\\u00e9\\ud83d\\ude00\\\\"').stringCodePoints).toBe(4)
  expect(scanString('"\\uD83D\\uDE00x"').stringCodePoints).toBe(2)
})

test('tells where a string stands and whether it has escapes', () => {
  const plain = scanString('"abc" ')
  expect([plain.stringStart, plain.stringEnd, plain.stringEscaped, plain.position]).toEqual([1, 4, false, 5])
  expect(scanString('"a\\tc"').stringEscaped).toBe(true)
})

test.each([
  ['"\\u0000"', 'U+0000', 1],
  ['["a","\\ud800"]', 'unpaired surrogate', 6],
  ['"\\udc00\\ud800"', 'unpaired surrogate', 1],
  ['"\\ud83dx"', 'unpaired surrogate', 1],
  ['"\\ud83d\\u0041"', 'unpaired surrogate', 1],
  ['{"\\u0000":1}', 'U+0000', 2],
  ['[{"a":["\\u0000"]}]', 'U+0000', 8],
])('finds in %s: %s', (text, fault, at) => {
  expect(isJson(Buffer.from(text))).toBe(true)
  expect([scanner.contentFault, scanner.contentFaultAt - 2]).toEqual([fault, at])
})

test('keeps the first fault, and forgets it for the next text', () => {
  isJson(Buffer.from('["\\ud800","\\u0000"]'))
  expect(scanner.contentFault).toBe('unpaired surrogate')
  isJson(Buffer.from('["\\ud83d\\ude00"]'))
  expect(scanner.contentFault).toBe(undefined)
})

test('counts levels of nesting, and goes on behind the last one allowed', () => {
  const nested = (levels: number): Buffer => Buffer.from(`${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`)
  expect(isJson(nested(64)) && scanner.contentFault === undefined).toBe(true)
  expect(isJson(nested(66)) && scanner.contentFault === 'too deep').toBe(true)
  expect(isJson(nested(200_000)) && scanner.contentFault === 'too deep').toBe(true)
  const around = nested(64)
  scanner.reset(around, 0, around.length)
  expect(scanner.value(1) && scanner.contentFault === 'too deep').toBe(true)
})

test('a fault of the grammar has its place and says what was expected', () => {
  const text = Buffer.from('{"a":1;}')
  scanner.reset(text, 0, text.length)
  expect(scanner.value(0)).toBe(false)
  expect([scanner.faultAt, scanner.faultExpected]).toEqual([6, 'a comma or }'])
})

test('lengths of UTF-8 sequences', () => {
  expect(utf8Length(Buffer.from('€'), 0, 3)).toBe(3)
  expect(utf8Length(Buffer.from('€'), 0, 2)).toBe(0)
  expect(utf8CodePoints(ByteView.of('aé😀'))).toBe(3)
  expect(utf8CodePoints(new ByteView(Buffer.from([0x41, 0xff])))).toBe(undefined)
})
