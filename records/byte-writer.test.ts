import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteView } from './byte-view.ts'
import { ByteWriter } from './byte-writer.ts'

/** Every code unit, lone surrogates among them. */
const character = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code))

test('text of any length and script is written as Node writes it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: character, maxLength: 60 }), { maxLength: 3 }),
      fc.string({ unit: fc.constantFrom('a', 'é', '\ud800', '😀'), maxLength: 120 }),
      (texts, mixed) => {
        const writer = new ByteWriter(1)
        for (const text of [...texts, mixed]) writer.utf8(text)
        expect(
          writer
            .into(new ByteView())
            .copy()
            .equals(Buffer.from([...texts, mixed].map((text) => text.toWellFormed()).join(''))),
        ).toBe(true)
      },
    ),
    { numRuns: 50 },
  )
})

test('bytes of any length are copied, also from an array that is no buffer', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (arrays) => {
      const writer = new ByteWriter(1)
      for (const bytes of arrays) {
        writer.copy(bytes, 0, bytes.length)
        writer.view(new ByteView(Buffer.from(bytes)))
      }
      expect(writer.into(new ByteView()).copy()).toEqual(Buffer.concat(arrays.flatMap((bytes) => [bytes, bytes])))
    }),
  )
})

test('ascii, integers and bytes follow each other; a view may begin later', () => {
  const writer = new ByteWriter(1)
  writer.ascii('short')
  writer.ascii('x'.repeat(100))
  writer.int32(-2)
  writer.int64(-(2 ** 40))
  writer.byte(255)
  const bytes = writer.into(new ByteView()).copy()
  expect(bytes.subarray(0, 105).toString()).toBe(`short${'x'.repeat(100)}`)
  expect([bytes.readInt32BE(105), bytes.readBigInt64BE(109), bytes[117]]).toEqual([-2, -(2n ** 40n), 255])
  expect(writer.into(new ByteView(), 105).length).toBe(13)
})

test('reset starts over in the same buffer', () => {
  const writer = new ByteWriter(8)
  writer.utf8('ab')
  const { buffer } = writer
  writer.reset()
  writer.utf8('c')
  expect(writer.into(new ByteView()).toString()).toBe('c')
  expect(writer.buffer).toBe(buffer)
})
