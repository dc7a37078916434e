import { expect, test } from 'vitest'
import type { FetchPartition, FetchRequest } from '../../ports/broker.ts'
import { responseBody } from '../../test/support/wire-server.ts'
import { fetchApi } from './fetch.ts'
import { ResponseFormatError, ResponseReader } from './response-reader.ts'

const A = '00000000-0000-0000-0000-00000000000a'
const B = '00000000-0000-0000-0000-00000000000b'

function partitionOf(topicId: string, partition: number): FetchPartition {
  return { topic: topicId === A ? 'a' : 'b', topicId, partition, fetchOffset: 5_000_000_000, currentLeaderEpoch: 3, lastFetchedEpoch: 2, maxBytes: 400_000 }
}

const request: FetchRequest = {
  maxWaitMs: 500,
  minBytes: 1,
  maxBytes: 4_800_000,
  readCommitted: true,
  partitions: [partitionOf(A, 1), partitionOf(A, 0), partitionOf(B, 0), partitionOf(A, 2)],
}

test('partitions keep their order, neighbours of one topic together', () => {
  const body = responseBody((writer) => fetchApi.write(writer, request, 17))
  const reader = new ResponseReader(body)
  expect([reader.int32(), reader.int32(), reader.int32(), reader.int8(), reader.int32(), reader.int32()]).toEqual([500, 1, 4_800_000, 1, 0, -1])
  const runs = reader.array(() => {
    const topicId = reader.uuid()
    const partitions = reader.array(() => {
      const fields = [reader.int32(), reader.int32(), reader.int64(), reader.int32(), reader.int64(), reader.int32()]
      reader.tags()
      return fields
    })
    reader.tags()
    return [topicId, partitions.map(([partition]) => partition), partitions[0]?.slice(1)]
  })
  const rest = [3, 5_000_000_000, 2, -1, 400_000]
  expect(runs).toEqual([
    [A, [1, 0], rest],
    [B, [0], rest],
    [A, [2], rest],
  ])
  expect([reader.array(() => {}), reader.string(), reader.unsignedVarint(), reader.remaining]).toEqual([[], '', 0, 0])
})

test('before version 15 the request begins with the replica id of a consumer', () => {
  const body = responseBody((writer) => fetchApi.write(writer, request, 14))
  expect(body.readInt32BE(0)).toBe(-1)
  expect(body.subarray(4).equals(responseBody((writer) => fetchApi.write(writer, request, 17)))).toBe(true)
})

const records = Buffer.from('record batches')

const response = responseBody((writer) => {
  writer.int32(12)
  writer.int16(0)
  writer.int32(0)
  writer.array([A, B], (topicId) => {
    writer.uuid(topicId)
    writer.array([0], () => {
      writer.int32(7)
      writer.int16(topicId === A ? 0 : 1)
      writer.int64(2 ** 40)
      writer.int64(2 ** 40 - 1)
      writer.int64(3)
      writer.nullableArray(topicId === A ? [1, 2] : undefined, (producerId) => {
        writer.int64(producerId)
        writer.int64(producerId + 100)
        writer.noTags()
      })
      writer.int32(-1)
      if (topicId === A) writer.bytes(records)
      else writer.unsignedVarint(0)
      if (topicId === A) writer.noTags()
      else {
        // two tagged fields: the diverging epoch (tag 0, 13 bytes) and the current leader (tag 1, 9 bytes)
        writer.unsignedVarint(2)
        writer.unsignedVarint(0)
        writer.unsignedVarint(13)
        writer.int32(4)
        writer.int64(99)
        writer.noTags()
        writer.unsignedVarint(1)
        writer.unsignedVarint(9)
        writer.int32(1)
        writer.int32(5)
        writer.noTags()
      }
    })
    writer.noTags()
  })
  writer.noTags()
})

test('the answer is read into views on itself', () => {
  const reader = new ResponseReader(response)
  const { errorCode, throttleTimeMs, partitions } = fetchApi.read(reader, 17, request)
  expect([errorCode, throttleTimeMs, reader.remaining]).toEqual([0, 12, 0])
  const [a, b] = partitions
  const aborted = [1, 2].map((producerId) => ({ producerId, firstOffset: producerId + 100 }))
  const offsets = { highWatermark: 2 ** 40, lastStableOffset: 2 ** 40 - 1, logStartOffset: 3 }
  expect(a).toMatchObject({ topic: 'a', partition: 7, errorCode: 0, ...offsets, abortedTransactions: aborted, divergingEpoch: undefined })
  expect(b).toMatchObject({ topic: 'b', partition: 7, errorCode: 1, ...offsets, abortedTransactions: [], divergingEpoch: { epoch: 4, endOffset: 99 } })
  expect(a?.buffer).toBe(response)
  expect(response.subarray(a?.start, a?.end)).toEqual(records)
  expect(b?.start).toBe(b?.end)
})

test('an answer that is cut anywhere is refused', () => {
  for (let length = 0; length < response.length; length++) {
    expect(() => fetchApi.read(new ResponseReader(response.subarray(0, length)), 17, request)).toThrow(ResponseFormatError)
  }
})

test('a topic that was not asked for is refused', () => {
  expect(() => fetchApi.read(new ResponseReader(response), 17, { ...request, partitions: [partitionOf(A, 1)] })).toThrow(`topic ${B} was not asked for`)
})
