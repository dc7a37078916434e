import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteView } from '../records/byte-view.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import { bytes } from './bytes.ts'
import { int32, int64 } from './integers.ts'
import { json } from './json.ts'
import { type Serde, SerdeError } from './serde.ts'
import { string } from './string.ts'

/** Written behind other bytes, so that a serde that forgets where its own begin is found out. */
function written<T>(serde: Serde<T>, value: T): ByteView {
  const writer = new ByteWriter(1)
  writer.ascii('before')
  serde.write(value, writer)
  return writer.into(new ByteView(), 6)
}

test('text is UTF-8', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code)) }),
      (text) => string.read(written(string, text)) === text.toWellFormed(),
    ),
    { numRuns: 50 },
  )
  expect(written(string, 'größe').copy()).toEqual(Buffer.from('größe'))
  expect(string.read(new ByteView(Buffer.from([0x61, 0xff])))).toBe('a\ufffd')
})

test('JSON is what JSON.stringify writes', () => {
  const serde = json()
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      expect(written(serde, value).toString()).toBe(text)
      expect(serde.read(written(serde, value))).toEqual(JSON.parse(text))
    }),
  )
  expect(() => serde.read(ByteView.of('{"a":'))).toThrow(SyntaxError)
  expect(() => written(serde, undefined)).toThrow(SerdeError)
})

test('bytes are the view itself; written, they are copied', () => {
  const view = new ByteView(Buffer.from('abcdef'), 2, 4)
  expect(bytes.read(view)).toBe(view)
  expect(written(bytes, view).toString()).toBe('cd')
})

test('integers are big-endian, as those of Java', () => {
  expect(written(int32, -2).copy()).toEqual(Buffer.from([0xff, 0xff, 0xff, 0xfe]))
  expect(written(int64, 258).copy()).toEqual(Buffer.from([0, 0, 0, 0, 0, 0, 1, 2]))
  fc.assert(fc.property(fc.integer(), (value) => int32.read(written(int32, value)) === value))
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => int64.read(written(int64, value)) === value))
})

test('integers of another size or range are refused', () => {
  expect(() => int32.read(ByteView.of('abc'))).toThrow('found 3 bytes, expected the 4')
  expect(() => int64.read(ByteView.of('abcd'))).toThrow('found 4 bytes, expected the 8')
  expect(() => int64.read(new ByteView(Buffer.from([0, 0x20, 0, 0, 0, 0, 0, 0])))).toThrow(SerdeError)
  for (const value of [2 ** 31, 0.5, Number.NaN]) expect(() => written(int32, value)).toThrow(SerdeError)
  for (const value of [2 ** 53, 0.5, Number.NaN]) expect(() => written(int64, value)).toThrow(SerdeError)
})
