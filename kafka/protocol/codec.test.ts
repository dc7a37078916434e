import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RequestWriter } from './request-writer.ts'
import { ResponseFormatError, ResponseReader } from './response-reader.ts'

function written(write: (writer: RequestWriter) => void): Buffer {
  const writer = new RequestWriter()
  write(writer)
  return Buffer.concat(writer.finish())
}

function reading(write: (writer: RequestWriter) => void): ResponseReader {
  return new ResponseReader(written(write).subarray(4))
}

test('what is written is read back', () => {
  const uuid = '0123abcd-4567-89ef-0123-456789abcdef'
  fc.assert(
    fc.property(
      fc.constantFrom('', 'plain', 'œuf 日本語 🥚', 'long'.repeat(200)),
      fc.maxSafeInteger(),
      fc.integer(),
      fc.nat(),
      fc.uint8Array({ maxLength: 700 }),
      (text, long, int, unsigned, bytes) => {
        const reader = reading((writer) => {
          writer.string(text)
          writer.int64(long)
          writer.int32(int)
          writer.unsignedVarint(unsigned)
          writer.bytes(bytes)
          writer.uuid(uuid)
          writer.nullableString(undefined)
          writer.gathered([bytes, Buffer.from('x')])
          writer.array([1, -2, 3], (one) => writer.int16(one))
          writer.nullableArray(undefined, () => {})
          writer.boolean(true)
          writer.noTags()
        })
        expect([reader.string(), reader.int64(), reader.int32(), reader.unsignedVarint()]).toEqual([text, long, int, unsigned])
        expect(reader.bytes().equals(bytes)).toBe(true)
        expect([reader.uuid(), reader.nullableString()]).toEqual([uuid, undefined])
        expect(reader.bytes().toString('latin1')).toBe(`${Buffer.from(bytes).toString('latin1')}x`)
        expect([reader.array(() => reader.int16()), reader.array(() => reader.int16()), reader.boolean()]).toEqual([[1, -2, 3], [], true])
        reader.tags()
        expect(reader.remaining).toBe(0)
      },
    ),
    { numRuns: 30 },
  )
})

test('a frame begins with its length, gathered parts included, and refers to them', () => {
  const part = Buffer.alloc(100_000)
  const writer = new RequestWriter()
  writer.gathered([part])
  writer.noTags()
  const pieces = writer.finish()
  expect(pieces[1]).toBe(part)
  const frame = Buffer.concat(pieces)
  expect(frame.readInt32BE(0)).toBe(frame.length - 4)
})

test('int64 at the edges', () => {
  const edges = [0, -1, -2, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
  const reader = reading((writer) => {
    for (const edge of edges) writer.int64(edge)
  })
  expect(reader.buffer.readBigInt64BE(8)).toBe(-1n)
  expect(edges.map(() => reader.int64())).toEqual(edges)
  const beyond = Buffer.alloc(8)
  beyond.writeBigInt64BE(2n ** 53n)
  expect(() => new ResponseReader(beyond).int64()).toThrow(ResponseFormatError)
  expect(() => written((writer) => writer.int64(2 ** 53))).toThrow('cannot be sent')
})

test('tagged fields that nobody reads are skipped, and none is read past its end', () => {
  const bytes = Buffer.from('0200030a0b0c0502ffee77', 'hex')
  const plain = new ResponseReader(bytes)
  plain.tags()
  expect(plain.buffer[plain.position]).toBe(0x77)

  const seen: number[] = []
  const reader = new ResponseReader(bytes)
  reader.tags((tag) => {
    if (tag === 5) seen.push(reader.int16())
  })
  expect([seen, reader.position]).toEqual([[-18], 10])
  const greedy = new ResponseReader(bytes)
  expect(() => greedy.tags(() => greedy.int32())).toThrow('tagged field 0 is longer than its 3 bytes')
})

test.each([
  ['a string', (reader: ResponseReader) => reader.string()],
  ['bytes', (reader: ResponseReader) => reader.bytes()],
  ['an array', (reader: ResponseReader) => reader.array(() => reader.int8())],
])('%s of an absurd length is refused before anything is allocated', (_, read) => {
  expect(() => read(new ResponseReader(Buffer.from('ffffffff0f00', 'hex')))).toThrow(ResponseFormatError)
})

test('a varint without an end is refused', () => {
  expect(() => new ResponseReader(Buffer.alloc(10, 0xff)).unsignedVarint()).toThrow('more than 5 bytes')
})

test('something that is no UUID is refused', () => {
  expect(() => written((writer) => writer.uuid('trade'))).toThrow('«trade» is not a UUID')
})
