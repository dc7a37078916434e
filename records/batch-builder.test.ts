import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BatchBuilder } from './batch-builder.ts'
import { BatchCursor } from './batch-cursor.ts'
import { ByteView } from './byte-view.ts'
import { COMPRESSIONS } from './compression.ts'
import { HeaderBlockBuilder } from './headers.ts'
import { stampBatch, verifyBatch } from './record-batch.ts'
import { readAll } from './testing/batches.ts'

test('any records are read as they were appended, with their positions in the buffer', () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined })
  const timestamp = fc.oneof(fc.constant(-1), fc.nat({ max: 2 ** 41 }), fc.integer({ min: -(2 ** 52), max: 2 ** 52 }))
  const record = fc.record({ timestamp, key: bytes, value: bytes, header: fc.option(fc.string({ maxLength: 5 }), { nil: undefined }) })
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 40 }), fc.constantFrom(...COMPRESSIONS), (records, compression) => {
      const builder = new BatchBuilder({ transactional: false, compression })
      for (const { timestamp, key, value, header } of records) {
        const headers = new HeaderBlockBuilder()
        if (header !== undefined) headers.add(header, header)
        expect(builder.append(timestamp, viewOf(key), viewOf(value), header === undefined ? undefined : headers.into(new ByteView()))).toBe(true)
        expect(builder.lastHasValue).toBe(value !== undefined)
        expect(builder.buffer.subarray(builder.lastKeyStart, builder.lastKeyEnd)).toEqual(Buffer.from(key ?? []))
        expect(builder.buffer.subarray(builder.lastValueStart, builder.lastValueEnd)).toEqual(Buffer.from(value ?? []))
      }
      const batch = builder.sealPlain()
      const cursor = new BatchCursor()
      cursor.reset(batch, 0, batch.length)
      expect(cursor.nextBatch()).toBe(true)
      expect(cursor.maxTimestamp).toBe(Math.max(...records.map((record) => record.timestamp)))
      for (const { timestamp, key, value, header } of records) {
        expect(cursor.nextRecord()).toBe(true)
        expect([cursor.timestamp, cursor.hasKey, cursor.hasValue, cursor.headerCount]).toEqual([
          timestamp,
          key !== undefined,
          value !== undefined,
          header === undefined ? 0 : 1,
        ])
        expect(cursor.key.copy()).toEqual(Buffer.from(key ?? []))
        expect(cursor.value.copy()).toEqual(Buffer.from(value ?? []))
      }
      expect(cursor.nextRecord()).toBe(false)
    }),
    { numRuns: 60 },
  )
})

function viewOf(bytes: Uint8Array | undefined): ByteView | undefined {
  return bytes === undefined ? undefined : new ByteView(Buffer.from(bytes))
}

test('a record that would pass the limit is left out whole; alone it is taken', () => {
  const builder = new BatchBuilder({ transactional: true, limitBytes: 200 })
  const value = ByteView.of('x'.repeat(100))
  expect(builder.append(1, undefined, value, undefined)).toBe(true)
  const { sizeBytes, lastValueEnd } = builder
  expect(builder.append(1, undefined, value, undefined)).toBe(false)
  expect([builder.recordCount, builder.sizeBytes, builder.lastValueEnd]).toEqual([1, sizeBytes, lastValueEnd])
  expect(builder.append(1, undefined, ByteView.of('small'), undefined)).toBe(true)
  expect(builder.seal().length).toBe(builder.sizeBytes)

  const single = new BatchBuilder({ transactional: true, limitBytes: 200 })
  expect(single.append(1, undefined, ByteView.of('x'.repeat(5_000)), undefined)).toBe(true)
  expect(readAll(single.sealPlain())).toHaveLength(1)
})

test('exactly the limit is taken', () => {
  const builder = new BatchBuilder({ transactional: true })
  builder.append(1, undefined, ByteView.of('ab'), undefined)
  builder.append(1, undefined, ByteView.of('ab'), undefined)
  const exact = new BatchBuilder({ transactional: true, limitBytes: builder.sizeBytes })
  exact.append(1, undefined, ByteView.of('ab'), undefined)
  expect(exact.append(1, undefined, ByteView.of('ab'), undefined)).toBe(true)
})

test('a sealed batch waits for its stamp; sealing again answers it again', () => {
  const builder = new BatchBuilder({ transactional: true })
  builder.append(1, ByteView.of('k'), ByteView.of('v'), undefined)
  const bytes = builder.seal()
  expect(verifyBatch(bytes, 0)).toBe(false)
  stampBatch(bytes, { producerId: 1, producerEpoch: 2, baseSequence: 3 })
  expect(verifyBatch(builder.seal(), 0)).toBe(true)
})

test('a sealed batch takes no records, an empty one is not sealed', () => {
  const builder = new BatchBuilder({ transactional: true })
  expect(() => builder.seal()).toThrow('Kafka has no empty batches')
  builder.append(1, undefined, undefined, undefined)
  builder.seal()
  expect(() => builder.append(1, undefined, undefined, undefined)).toThrow('reset the builder')
})

test.each(COMPRESSIONS)('a sealed batch (%s) stays as it is when its builder starts anew', (compression) => {
  const builder = new BatchBuilder({ transactional: true, compression })
  builder.append(1_000, ByteView.of('old'), ByteView.of('value'), undefined)
  const sealed = builder.sealPlain()
  const before = Buffer.from(sealed)
  builder.reset()
  builder.append(2_000, ByteView.of('new'), undefined, undefined)
  expect(readAll(builder.sealPlain())).toEqual([{ offset: 0, timestamp: 2_000, key: 'new', value: undefined }])
  expect(sealed).toEqual(before)
})

test('recycled memory is used for the next batch, that of others is not', () => {
  const builder = new BatchBuilder({ transactional: true })
  builder.append(1, ByteView.of('a'), undefined, undefined)
  const { buffer } = builder
  builder.recycle(builder.seal())
  builder.reset()
  expect(builder.buffer.buffer).toBe(buffer.buffer)
  expect(builder.buffer.length).toBe(buffer.length)

  builder.append(1, ByteView.of('a'), undefined, undefined)
  builder.seal()
  const foreign = Buffer.alloc(1_000_000)
  builder.recycle(foreign)
  builder.reset()
  expect(builder.buffer.buffer).not.toBe(foreign.buffer)
})

test('a discarded batch leaves its buffer to the next one', () => {
  const builder = new BatchBuilder({ transactional: true })
  builder.append(1, ByteView.of('a'), undefined, undefined)
  const { buffer } = builder
  builder.reset()
  expect(builder.buffer).toBe(buffer)
  expect(builder.recordCount).toBe(0)
})

test.each([1.5, Number.NaN, 2 ** 53])('the timestamp %d is refused and nothing is written', (timestamp) => {
  const builder = new BatchBuilder({ transactional: true })
  expect(() => builder.append(timestamp, undefined, undefined, undefined)).toThrow(RangeError)
  expect(builder.recordCount).toBe(0)
})
