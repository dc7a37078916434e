import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AbortedTransaction } from './aborted-transactions.ts'
import { ByteView } from './byte-view.ts'
import { CommittedCursor, type RecordChunk } from './committed-cursor.ts'
import { controlType } from './control-record.ts'
import { CorruptBatchError } from './corrupt-batch-error.ts'
import { FIELD } from './record-batch.ts'
import { batchOf, markerOf, withChecksum } from './testing/batches.ts'

function chunkOf(batches: readonly Buffer[], fetchOffset = 0, abortedTransactions: readonly AbortedTransaction[] = []): RecordChunk {
  const buffer = Buffer.concat(batches)
  return { buffer, start: 0, end: buffer.length, fetchOffset, abortedTransactions }
}

function read(chunk: RecordChunk, readCommitted = true): { values: number[]; nextOffset: number } {
  const cursor = new CommittedCursor()
  cursor.reset(chunk, readCommitted)
  const values: number[] = []
  while (cursor.next()) values.push(Number(cursor.value.toString()))
  return { values, nextOffset: cursor.nextOffset }
}

const transaction = (baseOffset: number, producerId: number, ...values: number[]) => batchOf({ baseOffset, producerId, values, transactional: true })

test('markers are left out and the position goes past them', () => {
  const chunk = chunkOf([transaction(0, 1, 10, 11), markerOf('commit', { baseOffset: 2, producerId: 1 })])
  expect(read(chunk)).toEqual({ values: [10, 11], nextOffset: 3 })
})

test('the position follows the records', () => {
  const cursor = new CommittedCursor()
  cursor.reset(chunkOf([transaction(5, 1, 10, 11), markerOf('commit', { baseOffset: 7, producerId: 1 })], 5))
  const positions = [cursor.nextOffset]
  while (cursor.next()) positions.push(cursor.nextOffset)
  expect([...positions, cursor.nextOffset]).toEqual([5, 6, 7, 8])
})

test('an aborted transaction is left out up to its marker; the producer goes on behind it', () => {
  const batches = [
    transaction(0, 1, 10),
    transaction(1, 2, 20),
    markerOf('abort', { baseOffset: 2, producerId: 1 }),
    transaction(3, 1, 11),
    markerOf('commit', { baseOffset: 4, producerId: 1 }),
  ]
  expect(read(chunkOf(batches, 0, [{ producerId: 1, firstOffset: 0 }])).values).toEqual([20, 11])
  expect(read(chunkOf(batches, 0, [{ producerId: 1, firstOffset: 0 }]), false).values).toEqual([10, 20, 11])
})

test('an abort marker in a later chunk: the transaction is left out in both', () => {
  const aborted = [{ producerId: 1, firstOffset: 0 }]
  expect(read(chunkOf([transaction(0, 1, 10), transaction(1, 2, 20)], 0, aborted))).toEqual({ values: [20], nextOffset: 2 })
  expect(read(chunkOf([transaction(2, 1, 11), markerOf('abort', { baseOffset: 3, producerId: 1 }), transaction(4, 1, 12)], 2, aborted))).toEqual({
    values: [12],
    nextOffset: 5,
  })
})

test('several aborted transactions of a producer, listed in any order, with a committed one between them', () => {
  const batches = [
    transaction(0, 1, 10),
    markerOf('abort', { baseOffset: 1, producerId: 1 }),
    transaction(2, 1, 11),
    markerOf('commit', { baseOffset: 3, producerId: 1 }),
    transaction(4, 1, 12),
    markerOf('abort', { baseOffset: 5, producerId: 1 }),
    transaction(6, 1, 13),
  ]
  const aborted = [
    { producerId: 1, firstOffset: 4 },
    { producerId: 1, firstOffset: 0 },
  ]
  expect(read(chunkOf(batches, 0, aborted)).values).toEqual([11, 13])
})

test('the marker of another producer ends nothing', () => {
  const batches = [
    transaction(0, 1, 10),
    transaction(1, 2, 20),
    markerOf('abort', { baseOffset: 2, producerId: 2 }),
    transaction(3, 1, 11),
    markerOf('abort', { baseOffset: 4, producerId: 1 }),
  ]
  const aborted = [
    { producerId: 2, firstOffset: 1 },
    { producerId: 1, firstOffset: 0 },
  ]
  expect(read(chunkOf(batches, 0, aborted))).toEqual({ values: [], nextOffset: 5 })
})

test('a batch without a transaction is handed out, even under the producer id of an aborted one', () => {
  const batches = [transaction(0, 1, 10), batchOf({ baseOffset: 1, producerId: 1, values: [11] }), batchOf({ baseOffset: 2, values: [30] })]
  expect(read(chunkOf(batches, 0, [{ producerId: 1, firstOffset: 0 }])).values).toEqual([11, 30])
})

test('a fetch offset in the middle of a batch: what is before it is left out', () => {
  const chunk = chunkOf([batchOf({ baseOffset: 0, values: [1, 2, 3], compression: 'zstd' }), batchOf({ baseOffset: 3, values: [4] })], 2)
  expect(read(chunk)).toEqual({ values: [3, 4], nextOffset: 4 })
})

test('a fetch offset in the middle of an aborted batch', () => {
  const batches = [transaction(0, 1, 10, 11, 12), markerOf('abort', { baseOffset: 3, producerId: 1 }), transaction(4, 1, 13)]
  expect(read(chunkOf(batches, 1, [{ producerId: 1, firstOffset: 0 }])).values).toEqual([13])
})

test('a whole batch before the fetch offset is passed over, its marker is not', () => {
  const batches = [transaction(0, 1, 10), markerOf('abort', { baseOffset: 1, producerId: 1 }), transaction(2, 1, 11)]
  expect(read(chunkOf(batches, 2, [{ producerId: 1, firstOffset: 0 }])).values).toEqual([11])
})

test('a chunk without a whole batch leaves the position where it was', () => {
  expect(read(chunkOf([batchOf({ baseOffset: 7, values: [1] }).subarray(0, 70)], 7))).toEqual({ values: [], nextOffset: 7 })
  expect(read(chunkOf([], 7))).toEqual({ values: [], nextOffset: 7 })
})

test('the position goes past records that compaction removed', () => {
  const bytes = batchOf({ baseOffset: 0, values: [1, 2] })
  bytes.writeInt32BE(9, FIELD.lastOffsetDelta)
  expect(read(chunkOf([withChecksum(bytes)]))).toEqual({ values: [1, 2], nextOffset: 10 })
})

test('a cursor that is reset knows nothing of the chunk before', () => {
  const cursor = new CommittedCursor()
  cursor.reset(chunkOf([transaction(0, 1, 10, 11)], 0, [{ producerId: 1, firstOffset: 0 }]))
  expect(cursor.next()).toBe(false)
  cursor.reset(chunkOf([transaction(2, 1, 12, 13)], 2))
  expect([cursor.next(), cursor.offset]).toEqual([true, 2])
  cursor.reset(chunkOf([transaction(8, 1, 14)], 8))
  expect([cursor.next(), cursor.offset, cursor.next(), cursor.nextOffset]).toEqual([true, 8, false, 9])
})

test('whole batches: those that a reader of committed records sees', () => {
  const batches = [
    transaction(0, 1, 10),
    transaction(1, 2, 20, 21),
    markerOf('abort', { baseOffset: 3, producerId: 1 }),
    markerOf('commit', { baseOffset: 4, producerId: 2 }),
  ]
  const cursor = new CommittedCursor()
  cursor.reset(chunkOf(batches, 0, [{ producerId: 1, firstOffset: 0 }]))
  const seen: number[] = []
  while (cursor.nextBatch()) seen.push(cursor.batch.baseOffset, cursor.batch.recordCount)
  expect(seen).toEqual([1, 2])
  expect(cursor.nextOffset).toBe(5)
})

test('after an error the position stays before it, and every further call throws', () => {
  const bad = batchOf({ baseOffset: 1, values: [2, 3] })
  bad.writeUInt8(0xff, bad.length - 1)
  const cursor = new CommittedCursor()
  cursor.reset(chunkOf([batchOf({ baseOffset: 0, values: [1] }), withChecksum(bad), batchOf({ baseOffset: 3, values: [4] })]))
  expect([cursor.next(), cursor.next()]).toEqual([true, true])
  for (let i = 0; i < 3; i++) expect(() => cursor.next()).toThrow(CorruptBatchError)
  expect(cursor.nextOffset).toBe(2)
})

test('control records that are no transaction markers are known as such', () => {
  expect(controlType(new ByteView(Buffer.from([0, 0, 0, 0])))).toBe('abort')
  expect(controlType(new ByteView(Buffer.from([0, 0, 0, 1])))).toBe('commit')
  expect(controlType(new ByteView(Buffer.from([0, 0, 0, 2])))).toBe('other')
  expect(controlType(new ByteView(Buffer.from([0, 0, 0])))).toBe('other')
})

type Step =
  | { readonly kind: 'write'; readonly producer: number; readonly count: number }
  | { readonly kind: 'plain'; readonly count: number }
  | { readonly kind: 'end'; readonly producer: number; readonly type: 'abort' | 'commit' }

interface ModelLog {
  readonly batches: { readonly bytes: Buffer; readonly lastOffset: number }[]
  /** Offsets that a reader of committed records sees. */
  readonly visible: Set<number>
  readonly aborted: (AbortedTransaction & { readonly markerOffset: number })[]
}

/** A log as a broker writes it, every transaction ended; the value of each record is its offset. */
function logOf(steps: readonly Step[]): ModelLog {
  const log: ModelLog = { batches: [], visible: new Set(), aborted: [] }
  const open = new Map<number, number[]>()
  let offset = 0
  const write = (count: number, producer: number | undefined) => {
    const values = Array.from({ length: count }, (_, i) => offset + i)
    const bytes = batchOf({ baseOffset: offset, values, producerId: producer ?? -1, transactional: producer !== undefined })
    offset += count
    log.batches.push({ bytes, lastOffset: offset - 1 })
    if (producer === undefined) for (const value of values) log.visible.add(value)
    else open.set(producer, [...(open.get(producer) ?? []), ...values])
  }
  const end = (producer: number, type: 'abort' | 'commit') => {
    const written = open.get(producer)
    if (written === undefined) return
    open.delete(producer)
    log.batches.push({ bytes: markerOf(type, { baseOffset: offset, producerId: producer }), lastOffset: offset })
    if (type === 'commit') for (const value of written) log.visible.add(value)
    else log.aborted.push({ producerId: producer, firstOffset: written[0] ?? -1, markerOffset: offset })
    offset++
  }
  for (const step of steps) {
    if (step.kind === 'write') write(step.count, step.producer)
    else if (step.kind === 'plain') write(step.count, undefined)
    else end(step.producer, step.type)
  }
  for (const producer of [...open.keys()]) end(producer, 'abort')
  return log
}

test('any log, cut into any chunks and read from any offset, gives what was committed, once', () => {
  const producer = fc.integer({ min: 1, max: 3 })
  const count = fc.integer({ min: 1, max: 3 })
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), producer, count }),
    fc.record({ kind: fc.constant('plain' as const), count }),
    fc.record({ kind: fc.constant('end' as const), producer, type: fc.constantFrom('abort' as const, 'commit' as const) }),
  )
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 25 }),
      fc.nat({ max: 30 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1 }),
      fc.boolean(),
      (steps, from, chunkLengths, reversed) => {
        const log = logOf(steps)
        const endOffset = (log.batches.at(-1)?.lastOffset ?? -1) + 1
        const start = Math.min(from, endOffset)
        const seen: number[] = []
        let position = start
        for (let fetch = 0; position < endOffset; fetch++) {
          const first = log.batches.findIndex((batch) => batch.lastOffset >= position)
          const batches = log.batches.slice(first, first + (chunkLengths[fetch % chunkLengths.length] ?? 1))
          const last = batches.at(-1)?.lastOffset ?? -1
          // As the broker selects them: those that end at or after the position and begin before the end of what is read.
          const aborted = log.aborted.filter(({ firstOffset, markerOffset }) => markerOffset >= position && firstOffset <= last)
          const answer = read(
            chunkOf(
              batches.map((batch) => batch.bytes),
              position,
              reversed ? aborted.reverse() : aborted,
            ),
          )
          seen.push(...answer.values)
          expect(answer.nextOffset).toBe(last + 1)
          position = answer.nextOffset
        }
        expect(seen).toEqual([...log.visible].filter((offset) => offset >= start).sort((a, b) => a - b))
      },
    ),
    { numRuns: 300 },
  )
})
