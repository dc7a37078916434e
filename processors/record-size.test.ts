import { expect, test } from 'vitest'
import { BatchBuilder } from '../records/batch-builder.ts'
import { ByteView } from '../records/byte-view.ts'
import { HeaderBlockBuilder } from '../records/headers.ts'
import { headerBytesOf, recordFits, sizeOf } from './record-size.ts'

function bytes(length: number): ByteView {
  return new ByteView(Buffer.alloc(length))
}

test.each([
  [2, 170, undefined],
  [0, 0, undefined],
  [50, 8000, 'x'.repeat(100)],
  [63, 64, ''],
  [200, 1_048_000, undefined],
  [70_000, 8191, 'x'.repeat(9000)],
])('a record of a key of %d bytes and a value of %d fits into what its batch takes, and into no less', (keyBytes, valueBytes, header) => {
  const headers = new HeaderBlockBuilder()
  if (header !== undefined) headers.add('name', header)
  const block = header === undefined ? undefined : headers.into(new ByteView())
  const [key, value] = [bytes(keyBytes), bytes(valueBytes)]
  const batch = new BatchBuilder({ transactional: true })
  batch.append(0, key, value, block)
  const fits = (limit: number): boolean => recordFits(sizeOf(key), sizeOf(value), headerBytesOf(block), limit)
  expect([fits(batch.sizeBytes), fits(batch.sizeBytes - 1)]).toEqual([true, false])
})

test('null parts take the byte of an empty one', () => {
  const batch = new BatchBuilder({ transactional: true })
  batch.append(0, undefined, undefined, undefined)
  expect([recordFits(sizeOf(undefined), sizeOf(undefined), headerBytesOf(undefined), batch.sizeBytes), recordFits(0, 0, 1, batch.sizeBytes - 1)]).toEqual([
    true,
    false,
  ])
})
