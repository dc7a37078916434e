import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { expect, test } from 'vitest'
import { COMPRESSIONS, compress, decompress } from './compression.ts'

const codecs = COMPRESSIONS.filter((compression) => compression !== 'none')
/** Text that compresses somewhat, longer than two blocks of 64 KB. */
const long = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `${i * 7919}:`).join(''))

test.each(COMPRESSIONS)('%s gives back what it was given', (compression) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      expect(decompress(compression, compress(compression, Buffer.from(bytes)))).toEqual(Buffer.from(bytes))
    }),
    { numRuns: 50 },
  )
  expect(decompress(compression, compress(compression, long)).equals(long)).toBe(true)
})

test.each(codecs)('%s: exactly the limit is allowed, a byte more is refused', (compression) => {
  const compressed = compress(compression, long)
  expect(decompress(compression, compressed, long.length).equals(long)).toBe(true)
  expect(() => decompress(compression, compressed, long.length - 1)).toThrow()
})

test.each([
  ['gzip', gzipSync],
  ['snappy', (bytes: Buffer) => compressSync(bytes)],
  ['lz4', (bytes: Buffer) => compressFrameSync(bytes)],
  ['zstd', zstdCompressSync],
] as const)('%s: a bomb is refused', (compression, pack) => {
  expect(() => decompress(compression, pack(Buffer.alloc(8 * 1024 * 1024)), 1024 * 1024)).toThrow()
})

test.each(codecs)('%s: a cut at any byte is refused', (compression) => {
  const compressed = compress(compression, long.subarray(0, 600))
  for (let length = 0; length < compressed.length; length++) {
    // Framing of snappy and nothing behind it is a whole stream of no bytes.
    if (compression === 'snappy' && length === 16) continue
    expect(() => decompress(compression, compressed.subarray(0, length)), `cut to ${length}`).toThrow()
  }
})

test.each(codecs)('%s: whatever the bytes, it ends in an error or in bytes within the limit', (compression) => {
  const compressed = compress(compression, long.subarray(0, 600))
  const change = fc.record({ at: fc.nat({ max: compressed.length - 1 }), to: fc.integer({ min: 0, max: 255 }) })
  fc.assert(
    fc.property(fc.oneof(fc.array(change, { minLength: 1, maxLength: 4 }), fc.uint8Array()), (input) => {
      const bytes = input instanceof Uint8Array ? Buffer.from(input) : Buffer.from(compressed)
      if (!(input instanceof Uint8Array)) for (const { at, to } of input) bytes[at] = to
      let length = 0
      try {
        length = decompress(compression, bytes, 1_000).length
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
      }
      expect(length).toBeLessThanOrEqual(1_000)
    }),
    { numRuns: 300 },
  )
})

test('snappy without framing, as librdkafka writes it, is read', () => {
  expect(decompress('snappy', compressSync(long)).equals(long)).toBe(true)
})

test('a snappy block that claims more than it can hold is refused before memory is taken for it', () => {
  const liar = Buffer.from([0xff, 0xff, 0xff, 0x3f, 0, 0])
  expect(() => decompress('snappy', liar)).toThrow('claims to become 134217727')
})

test('an lz4 frame with checksums is read; two frames, or bytes behind one, are refused', () => {
  const frame = compressFrameSync(long, { contentChecksum: true, blockChecksums: true })
  expect(decompress('lz4', frame).equals(long)).toBe(true)
  expect(() => decompress('lz4', Buffer.concat([frame, frame]))).toThrow('ends at byte')
})
