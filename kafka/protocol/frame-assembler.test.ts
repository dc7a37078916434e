import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameAssembler, FrameError } from './frame-assembler.ts'

function framed(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

function assemble(chunks: Buffer[]): Buffer[] {
  const frames: Buffer[] = []
  const assembler = new FrameAssembler((frame) => frames.push(frame))
  for (const chunk of chunks) assembler.push(chunk)
  return frames
}

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 4, maxLength: 60 })), fc.array(fc.integer({ min: 1, max: 40 })), (bodies, cuts) => {
      const stream = Buffer.concat(bodies.map(framed))
      const chunks: Buffer[] = []
      let at = 0
      for (const cut of cuts) chunks.push(stream.subarray(at, (at += cut)))
      chunks.push(stream.subarray(at))
      expect(assemble(chunks).map((frame) => [...frame])).toEqual(bodies.map((body) => [...body]))
    }),
  )
})

test('a socket that reads into our memory: the same frames, and the rest of one is read to where it stays', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 4, maxLength: 60_000 }), { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 30_000 })), (bodies, reads) => {
      const stream = Buffer.concat(bodies.map(framed))
      const frames: Buffer[] = []
      const assembler = new FrameAssembler((frame) => frames.push(frame))
      let at = 0
      for (let i = 0; at < stream.length; i++) {
        const room = assembler.room()
        const bytes = Math.min(room.length, reads[i] ?? room.length, stream.length - at)
        stream.copy(room, 0, at, at + bytes)
        // What follows in the same memory is overwritten by the next read.
        room.fill(0xdb, bytes)
        assembler.received(bytes)
        at += bytes
      }
      expect(frames).toHaveLength(bodies.length)
      for (const [i, body] of bodies.entries()) expect(frames[i]?.equals(body)).toBe(true)
    }),
    { numRuns: 50 },
  )
})

test('a frame is memory of its own: a chunk may be written again', () => {
  const chunk = framed(Buffer.from('within'))
  const [frame] = assemble([chunk])
  chunk.fill(0)
  expect(frame?.toString()).toBe('within')
})

test.each([
  ['ffffffff', 'a response of -1 bytes'],
  ['00000003', 'a response of 3 bytes'],
  ['10000001', 'a response of 268435457 bytes'],
  ['48545450', 'is this the port of a Kafka broker?'],
  ['15030300', 'in TLS'],
])('%s is no length', (hex, message) => {
  const [first, second] = [Buffer.from(hex.slice(0, 6), 'hex'), Buffer.from(hex.slice(6), 'hex')]
  expect(() => assemble([first, second])).toThrow(FrameError)
  expect(() => assemble([first, second])).toThrow(message)
})
