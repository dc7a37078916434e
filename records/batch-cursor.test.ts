import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BatchBuilder } from './batch-builder.ts'
import { BatchCursor } from './batch-cursor.ts'
import { ByteView } from './byte-view.ts'
import { COMPRESSIONS, compress } from './compression.ts'
import { CorruptBatchError } from './corrupt-batch-error.ts'
import { HeaderBlockBuilder } from './headers.ts'
import { ATTRIBUTE, FIELD, LENGTH_OVERHEAD } from './record-batch.ts'
import { batchOf, readAll, withChecksum } from './testing/batches.ts'

/** Fields that the checksum does not cover; a change of the others cannot go unnoticed. */
const COVERED = (at: number) => at >= FIELD.magic

function batchWithHeaders(): Buffer {
  const headers = new HeaderBlockBuilder()
  headers.add('trace', 'abc')
  headers.add('none', undefined)
  const builder = new BatchBuilder({ transactional: false })
  builder.append(1_000, ByteView.of('key'), ByteView.of('value'), headers.into(new ByteView()))
  builder.append(2 ** 40, undefined, ByteView.of('x'.repeat(200)), undefined)
  builder.append(999, ByteView.of('k'), undefined, undefined)
  return builder.sealPlain()
}

/** The batch with its record bytes replaced, and header and checksum made to fit. */
function withRecords(records: readonly number[], recordCount = 1): Buffer {
  const bytes = Buffer.concat([batchOf({ values: [1] }).subarray(0, FIELD.records), Buffer.from(records)])
  bytes.writeInt32BE(bytes.length - LENGTH_OVERHEAD, FIELD.batchLength)
  bytes.writeInt32BE(recordCount, FIELD.recordCount)
  return withChecksum(bytes)
}

test('several batches are walked, a cut one at the end is left', () => {
  const first = batchOf({ baseOffset: 10, values: [1, 2] })
  const second = batchOf({ baseOffset: 20, values: [3], compression: 'lz4' })
  const cut = batchOf({ baseOffset: 30, values: [4] })
  for (const length of [0, 1, 11, 12, 16, 17, FIELD.records, cut.length - 1]) {
    const offsets = readAll(Buffer.concat([first, second, cut.subarray(0, length)])).map((record) => record.offset)
    expect(offsets).toEqual([10, 11, 20])
  }
})

test('only the stretch that was given is read', () => {
  const bytes = batchOf({ values: [1, 2] })
  const cursor = new BatchCursor()
  cursor.reset(Buffer.concat([bytes, bytes, bytes]), bytes.length, bytes.length * 2)
  expect(cursor.nextBatch()).toBe(true)
  expect([cursor.batchStart, cursor.batchEnd]).toEqual([bytes.length, bytes.length * 2])
  expect(cursor.nextBatch()).toBe(false)
  expect(() => cursor.reset(bytes, 0, bytes.length + 1)).toThrow(RangeError)
})

test('a batch with log append time gives its own time to every record', () => {
  const bytes = batchOf({ values: [1, 2] })
  bytes.writeInt16BE(ATTRIBUTE.logAppendTime, FIELD.attributes)
  bytes.writeBigInt64BE(77_777n, FIELD.maxTimestamp)
  expect(readAll(withChecksum(bytes)).map((record) => record.timestamp)).toEqual([77_777, 77_777])
})

test('records without a timestamp have -1', () => {
  const builder = new BatchBuilder({ transactional: false })
  builder.append(-1, undefined, ByteView.of('a'), undefined)
  builder.append(-1, undefined, ByteView.of('b'), undefined)
  expect(readAll(builder.sealPlain()).map((record) => record.timestamp)).toEqual([-1, -1])
})

test('what compaction leaves is read: gaps, and batches without records that still stand for their offsets', () => {
  const gaps = batchOf({ baseOffset: 100, values: [1, 2] })
  gaps.writeInt32BE(9, FIELD.lastOffsetDelta)
  const empty = withRecords([], 0)
  empty.writeInt32BE(4, FIELD.lastOffsetDelta)
  expect(readAll(Buffer.concat([withChecksum(gaps), withChecksum(empty)])).map((record) => record.offset)).toEqual([100, 101])
  const cursor = new BatchCursor()
  cursor.reset(empty, 0, empty.length)
  expect(cursor.nextBatch()).toBe(true)
  expect([cursor.lastOffset, cursor.nextRecord()]).toEqual([4, false])
})

test('what is skipped is not decompressed', () => {
  const bytes = batchOf({ values: [1, 2], compression: 'gzip' })
  bytes.fill(0, FIELD.records)
  const cursor = new BatchCursor()
  cursor.reset(withChecksum(bytes), 0, bytes.length)
  expect(cursor.nextBatch()).toBe(true)
  cursor.skipBatch()
  expect(cursor.nextRecord()).toBe(false)
  expect(cursor.nextBatch()).toBe(false)
})

test.each(COMPRESSIONS)('a batch (%s) that is cut at any byte has no record', (compression) => {
  const bytes = batchOf({ values: [1, 2, 3], compression })
  for (let length = 0; length < bytes.length; length++) expect(readAll(bytes.subarray(0, length))).toEqual([])
})

test.each(COMPRESSIONS)('any bit that is flipped in a batch (%s) is found, but in the fields that the checksum leaves out', (compression) => {
  const bytes = batchOf({ baseOffset: 5, values: [1, 2, 3], compression })
  const whole = readAll(bytes)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = bit >> 3
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7))
    if (COVERED(at)) expect(() => readAll(flipped), `bit ${bit}`).toThrow(/offset 5: /)
    else expect(outcome(flipped), `bit ${bit}`).not.toBe('other error')
  }
  expect(readAll(bytes)).toEqual(whole)
})

test('whatever a writer with a right checksum says, it ends in records from within the batch or in a CorruptBatchError', () => {
  for (const bytes of [batchWithHeaders(), batchOf({ values: [1, 2, 3], compression: 'snappy' })]) {
    for (let at = FIELD.attributes; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(bytes)
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
        expect(outcome(withChecksum(flipped)), `byte ${at}, bit ${bit}`).not.toBe('other error')
      }
    }
  }
})

test('random records behind a right header end in records from within the batch or in a CorruptBatchError', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 16 }), fc.integer({ min: 0, max: 255 })), { maxLength: 40 }),
      fc.nat({ max: 3 }),
      (records, count) => {
        expect(outcome(withRecords(records, count))).not.toBe('other error')
      },
    ),
    { numRuns: 2_000 },
  )
})

test('random bytes are no batch', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(['cut', 'corrupt']).toContain(outcome(Buffer.from(bytes)))
    }),
  )
})

/** What walking ends in; a view outside of the bytes it was cut from counts as another error. */
function outcome(bytes: Buffer): 'records' | 'cut' | 'corrupt' | 'other error' {
  const cursor = new BatchCursor({ decompressedLimitBytes: 100_000 })
  try {
    cursor.reset(bytes, 0, bytes.length)
    let batches = 0
    for (; cursor.nextBatch(); batches++) {
      while (cursor.nextRecord()) {
        const end = cursor.compression === 'none' ? cursor.batchEnd : cursor.key.buffer.length
        for (const view of [cursor.key, cursor.value, cursor.headers]) if (!(view.start >= 0 && view.start <= view.end && view.end <= end)) return 'other error'
        if (!Number.isSafeInteger(cursor.timestamp) || !Number.isSafeInteger(cursor.offset)) return 'other error'
      }
    }
    return batches > 0 ? 'records' : 'cut'
  } catch (error) {
    return error instanceof CorruptBatchError ? 'corrupt' : 'other error'
  }
}

// A record by hand: length, attributes, timestamp delta, offset delta, key length, value length, header count. All numbers are zigzag: 12 is 6, 1 is -1.
test.each([
  ['a record that is shorter than its fields', [10, 0, 0, 0, 1, 1, 0]],
  ['a record that is longer than its fields', [14, 0, 0, 0, 1, 1, 0, 0]],
  ['a record of negative length', [11, 0, 0, 0, 1, 1, 0]],
  ['a record longer than the batch', [100, 0, 0, 0, 1, 1, 0]],
  ['a record with a length without an end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ['a key longer than the batch', [12, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f]],
  ['an offset beyond the last one', [12, 0, 0, 2, 1, 1, 0]],
  ['a negative offset delta', [12, 0, 0, 1, 1, 1, 0]],
  ['a negative header count', [12, 0, 0, 0, 1, 1, 1]],
  ['more headers than bytes', [12, 0, 0, 0, 1, 1, 200]],
  ['bytes behind the last record', [12, 0, 0, 0, 1, 1, 0, 0]],
  ['no record where one is announced', []],
])('%s is refused', (_, records) => {
  expect(readAll(withRecords([12, 0, 0, 0, 1, 1, 0]))).toHaveLength(1)
  expect(() => readAll(withRecords(records))).toThrow(CorruptBatchError)
})

test('two records of one offset are refused', () => {
  const twice = withRecords([12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0], 2)
  twice.writeInt32BE(1, FIELD.lastOffsetDelta)
  expect(() => readAll(withChecksum(twice))).toThrow('found the offset 0, expected 1 to 1')
})

test.each([
  ['a magic of 1', (bytes: Buffer) => bytes.writeInt8(1, FIELD.magic), 'magic 1'],
  ['a length that leaves no room for the header', (bytes: Buffer) => bytes.writeInt32BE(48, FIELD.batchLength), 'size of 60'],
  ['a negative length', (bytes: Buffer) => bytes.writeInt32BE(-1, FIELD.batchLength), 'size of 11'],
  ['a base offset beyond 2^53', (bytes: Buffer) => bytes.writeBigInt64BE(2n ** 53n, 0), 'base offset'],
  ['a negative base offset', (bytes: Buffer) => bytes.writeBigInt64BE(-1n, 0), 'offset -1'],
  ['a producer id beyond 2^53', (bytes: Buffer) => bytes.writeBigInt64BE(2n ** 60n, FIELD.producerId), 'producer id'],
  ['a base timestamp beyond 2^53', (bytes: Buffer) => bytes.writeBigInt64BE(-(2n ** 60n), FIELD.baseTimestamp), 'base timestamp'],
  ['a max timestamp beyond 2^53', (bytes: Buffer) => bytes.writeBigInt64BE(2n ** 60n, FIELD.maxTimestamp), 'max timestamp'],
  ['a timestamp that becomes too large', (bytes: Buffer) => bytes.writeBigInt64BE(2n ** 53n - 1n, FIELD.baseTimestamp), 'the timestamp'],
  ['a negative last offset delta', (bytes: Buffer) => bytes.writeInt32BE(-1, FIELD.lastOffsetDelta), 'last offset delta'],
  ['a negative record count', (bytes: Buffer) => bytes.writeInt32BE(-1, FIELD.recordCount), 'found -1 records'],
  ['more records than offsets', (bytes: Buffer) => bytes.writeInt32BE(1_000_000_000, FIELD.recordCount), 'found 1000000000 records'],
  ['an unknown compression', (bytes: Buffer) => bytes.writeInt16BE(5, FIELD.attributes), 'compression 5'],
])('%s is refused', (_, change, message) => {
  const bytes = batchOf({ values: [1, 2] })
  change(bytes)
  expect(() => readAll(withChecksum(bytes))).toThrow(CorruptBatchError)
  expect(() => readAll(bytes)).toThrow(message)
})

test('a batch that would decompress to more than the limit is refused', () => {
  const records = compress('zstd', Buffer.alloc(10_000_000))
  const bytes = withRecords([...records])
  bytes.writeInt16BE(COMPRESSIONS.indexOf('zstd'), FIELD.attributes)
  expect(() => readAll(withChecksum(bytes), 1_000_000)).toThrow('zstd records cannot be decompressed')
})

test('after an error every call throws it again: nothing is passed over', () => {
  const bad = withRecords([10, 0, 0, 0, 1, 1, 0])
  const bytes = Buffer.concat([bad, batchOf({ baseOffset: 1, values: [2] })])
  const cursor = new BatchCursor()
  cursor.reset(bytes, 0, bytes.length)
  cursor.nextBatch()
  for (const call of [() => cursor.nextRecord(), () => cursor.nextRecord(), () => cursor.nextBatch()]) expect(call).toThrow(CorruptBatchError)
  cursor.reset(bytes, bad.length, bytes.length)
  expect(cursor.nextBatch()).toBe(true)
})
