import { expect, test } from 'vitest'
import { ByteWriter } from '../records/byte-writer.ts'
import { decodeJsonString, writeInteger, writeJsonString } from './json-text.ts'

function written(write: (target: ByteWriter) => void): string {
  const target = new ByteWriter(1)
  target.byte(62)
  write(target)
  return target.buffer.toString('utf8', 1, target.position)
}

test.each(['', 'T1', 'a"b\\c', '\u0000\u001f\n\t', 'é€😀\u2028\u007f', '"', '\\'])('writes %j so that JSON.parse gives it back', (text) => {
  const bytes = Buffer.from(`x${text}"`)
  const json = written((target) => writeJsonString(target, bytes, 1, bytes.length - 1))
  expect(JSON.parse(json)).toBe(text)
})

test.each([0, 1, 9, 10, 99, 100, 2_147_483_646, 2_147_483_647, 2_147_483_648, 4_294_967_296, 9_999_999_999, Number.MAX_SAFE_INTEGER])(
  'writes %d in digits',
  (value) => {
    expect(written((target) => writeInteger(target, value))).toBe(String(value))
  },
)

test('decodes a string from between its quotes', () => {
  const bytes = Buffer.from('"a\\u00e9\\n"')
  expect(decodeJsonString(bytes, 1, bytes.length - 1)).toBe('aé\n')
})
