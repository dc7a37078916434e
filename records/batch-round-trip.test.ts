import { expect, test } from 'vitest'
import { BatchBuilder } from './batch-builder.ts'
import { BatchCursor } from './batch-cursor.ts'
import { ByteView } from './byte-view.ts'
import { COMPRESSIONS } from './compression.ts'
import { HeaderBlockBuilder, readHeaders } from './headers.ts'

for (const compression of COMPRESSIONS) {
  test(`a batch with ${compression} is read as it was built`, () => {
    const builder = new BatchBuilder({ transactional: true, compression })
    const headers = new HeaderBlockBuilder()
    headers.add('trace', 'a-1')
    headers.add('empty', undefined)
    expect(builder.append(1_700_000_000_000, ByteView.of('key'), ByteView.of('value'.repeat(100)), undefined)).toBe(true)
    expect(builder.append(1_699_000_000_000, undefined, undefined, headers.into(new ByteView()))).toBe(true)
    expect(builder.append(1_700_000_000_001, ByteView.of(''), ByteView.of(''), undefined)).toBe(true)
    const bytes = builder.sealPlain()

    const cursor = new BatchCursor()
    cursor.reset(bytes, 0, bytes.length)
    expect(cursor.nextBatch()).toBe(true)
    expect(cursor).toMatchObject({
      baseOffset: 0,
      lastOffset: 2,
      recordCount: 3,
      isTransactional: true,
      isControl: false,
      compression,
      producerId: -1,
      baseTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_000_001,
    })
    expect(cursor.nextRecord()).toBe(true)
    expect([cursor.offset, cursor.timestamp, cursor.key.toString(), cursor.value.toString(), cursor.headerCount]).toEqual([
      0,
      1_700_000_000_000,
      'key',
      'value'.repeat(100),
      0,
    ])
    expect(cursor.nextRecord()).toBe(true)
    expect([cursor.offset, cursor.timestamp, cursor.hasKey, cursor.hasValue, cursor.headerCount]).toEqual([1, 1_699_000_000_000, false, false, 2])
    expect(readHeaders(cursor.headers)).toEqual([
      { key: 'trace', value: Buffer.from('a-1') },
      { key: 'empty', value: undefined },
    ])
    expect(cursor.nextRecord()).toBe(true)
    expect([cursor.offset, cursor.hasKey, cursor.hasValue, cursor.key.length, cursor.value.length]).toEqual([2, true, true, 0, 0])
    expect(cursor.nextRecord()).toBe(false)
    expect(cursor.nextBatch()).toBe(false)
  })
}
