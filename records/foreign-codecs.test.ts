import { createRequire } from 'node:module'
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { BatchBuilder } from './batch-builder.ts'
import { BatchCursor } from './batch-cursor.ts'
import { ByteView } from './byte-view.ts'
import { COMPRESSIONS } from './compression.ts'
import { HeaderBlockBuilder, readHeaders } from './headers.ts'
import { stampBatch } from './record-batch.ts'

const records = [
  { timestamp: 1_700_000_000_000, key: 'key', value: 'value', header: 'größe' },
  { timestamp: 1_700_000_000_500, key: 'another', value: 'x'.repeat(3_000), header: undefined },
  { timestamp: 1_699_999_999_000, key: 'third', value: '', header: '' },
]

function ours(compression: (typeof COMPRESSIONS)[number], transactional: boolean): Buffer {
  const builder = new BatchBuilder({ transactional, compression })
  for (const { timestamp, key, value, header } of records) {
    const headers = new HeaderBlockBuilder()
    if (header !== undefined) headers.add('name', header)
    builder.append(timestamp, ByteView.of(key), ByteView.of(value), header === undefined ? undefined : headers.into(new ByteView()))
  }
  const bytes = builder.seal()
  stampBatch(bytes, { producerId: 1234, producerEpoch: 5, baseSequence: 6 })
  return bytes
}

function readOurs(bytes: Buffer) {
  const cursor = new BatchCursor()
  cursor.reset(bytes, 0, bytes.length)
  const found: unknown[] = []
  while (cursor.nextBatch()) {
    while (cursor.nextRecord()) {
      found.push({
        timestamp: cursor.timestamp,
        key: cursor.key.toString(),
        value: cursor.value.toString(),
        header: readHeaders(cursor.headers)[0]?.value?.toString(),
      })
    }
  }
  return found
}

test.each(COMPRESSIONS)('@platformatic/kafka reads our batches (%s), and we read its', (compression) => {
  const theirs = readRecordsBatch(Reader.from(ours(compression, true)))
  expect(theirs).toMatchObject({
    magic: 2,
    producerId: 1234n,
    producerEpoch: 5,
    firstSequence: 6,
    lastOffsetDelta: 2,
    firstTimestamp: 1_700_000_000_000n,
    maxTimestamp: 1_700_000_000_500n,
  })
  expect(
    theirs.records.map((record) => ({
      timestamp: Number(theirs.firstTimestamp + record.timestampDelta),
      key: record.key?.toString(),
      value: record.value?.toString(),
      header: record.headers[0]?.[1]?.toString(),
    })),
  ).toEqual(records)

  const messages = records.map(({ timestamp, key, value, header }) => ({
    topic: 't',
    timestamp: BigInt(timestamp),
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: new Map(header === undefined ? [] : [[Buffer.from('name'), Buffer.from(header)]]),
  }))
  expect(readOurs(createRecordsBatch(messages, { compression }).buffer)).toEqual(records)
})

test('without compression our batch is byte for byte that of @platformatic/kafka', () => {
  const messages = records.map(({ timestamp, key, value, header }) => ({
    topic: 't',
    partition: 0,
    timestamp: BigInt(timestamp),
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: new Map(header === undefined ? [] : [[Buffer.from('name'), Buffer.from(header)]]),
  }))
  const theirs = createRecordsBatch(messages, { producerId: 1234n, producerEpoch: 5, transactionalId: 'tx', partitionLeaderEpoch: -1 }).buffer
  const bytes = ours('none', true)
  stampBatch(bytes, { producerId: 1234, producerEpoch: 5, baseSequence: 0 })
  expect(bytes.toString('hex')).toBe(theirs.toString('hex'))
})

// kafkajs has no types for its protocol folder: these are the parts that are used here.
const require = createRequire(import.meta.url)
interface KafkajsRecord {
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Record<string, Buffer>
}
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as { RecordBatch: (options: object) => Promise<{ buffer: Buffer }> }
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => object
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<{ records: KafkajsRecord[]; producerId: string }>
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object

test.each([
  ['none', 0],
  ['gzip', 1],
] as const)('kafkajs reads our batches (%s), and we read its', async (compression, number) => {
  const theirs = await decodeBatch(new Decoder(ours(compression, false)))
  expect(theirs.producerId).toBe('1234')
  expect(
    theirs.records.map((record) => ({
      timestamp: Number(record.timestamp),
      key: record.key?.toString(),
      value: record.value?.toString(),
      header: record.headers['name']?.toString(),
    })),
  ).toEqual(records)

  const firstTimestamp = records[0]?.timestamp ?? 0
  const encoded = records.map(({ timestamp, key, value, header }, offsetDelta) =>
    encodeRecord({ offsetDelta, timestampDelta: timestamp - firstTimestamp, key, value, headers: header === undefined ? {} : { name: header } }),
  )
  const batch = await RecordBatch({ compression: number, firstTimestamp, maxTimestamp: firstTimestamp + 500, lastOffsetDelta: 2, records: encoded })
  expect(readOurs(batch.buffer)).toEqual(records)
})
