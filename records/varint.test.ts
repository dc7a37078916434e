import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, BytesError } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { unsignedVarintSize, varintSize, varlongSize } from './varint.ts'

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const edges = fc.integer({ min: 0, max: 53 }).chain((bit) => fc.constantFrom(2 ** bit, 2 ** bit - 1, -(2 ** bit), 1 - 2 ** bit))
const safeInteger = fc.oneof(fc.maxSafeInteger(), int32, edges.filter(Number.isSafeInteger))

/** Zigzag and base 128 as the protocol defines them, by the arithmetic that has room for it. */
function reference(value: number): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(1)
  write(writer)
  return writer.buffer.subarray(0, writer.position)
}

function reading(bytes: Buffer): ByteReader {
  return new ByteReader().reset(bytes, 0, bytes.length)
}

test('varints of all int32 are those of the protocol', () => {
  fc.assert(
    fc.property(int32, (value) => {
      const bytes = written((writer) => writer.varint(value))
      expect(bytes).toEqual(reference(value))
      expect(varintSize(value)).toBe(bytes.length)
      expect(reading(bytes).varint()).toBe(value)
    }),
    { examples: [[0], [-1], [63], [64], [-64], [-65], [2 ** 31 - 1], [-(2 ** 31)]] },
  )
})

test('varlongs of all safe integers are those of the protocol', () => {
  fc.assert(
    fc.property(safeInteger, (value) => {
      const bytes = written((writer) => writer.varlong(value))
      expect(bytes).toEqual(reference(value))
      expect(varlongSize(value)).toBe(bytes.length)
      expect(reading(bytes).varlong()).toBe(value)
    }),
    { examples: [[Number.MAX_SAFE_INTEGER], [Number.MIN_SAFE_INTEGER], [2 ** 31], [-(2 ** 31) - 1]] },
  )
})

test('the size of an unsigned varint goes up every 7 bits', () => {
  expect([0, 1, 127, 128, 2 ** 14 - 1, 2 ** 14, 2 ** 21, 2 ** 28 - 1, 2 ** 28, 2 ** 32 - 1].map(unsignedVarintSize)).toEqual([1, 1, 1, 2, 2, 3, 4, 4, 5, 5])
  expect(reading(written((writer) => writer.unsignedVarint(2 ** 32 - 1))).unsignedVarint()).toBe(2 ** 32 - 1)
})

test.each([
  ['cut', (reader: ByteReader) => reader.varint(), [0x80, 0x80]],
  ['empty', (reader: ByteReader) => reader.varint(), []],
  ['of 6 bytes', (reader: ByteReader) => reader.varint(), [0x80, 0x80, 0x80, 0x80, 0x80, 0]],
  ['of 33 bits', (reader: ByteReader) => reader.varint(), [0x80, 0x80, 0x80, 0x80, 0x10]],
  ['without an end', (reader: ByteReader) => reader.varlong(), new Array(11).fill(0xff)],
  ['of 64 bits', (reader: ByteReader) => reader.varlong(), [...new Array(9).fill(0xff), 1]],
  ['one past the safe integers', (reader: ByteReader) => reader.varlong(), [...reference(-(2 ** 53))]],
])('a varint %s is refused', (_, read, bytes) => {
  expect(() => read(reading(Buffer.from(bytes)))).toThrow(BytesError)
})

test('a number that is no safe integer is not written', () => {
  expect(() => new ByteWriter().varlong(2 ** 53)).toThrow(RangeError)
  expect(() => new ByteWriter().varlong(0.5)).toThrow(RangeError)
})
