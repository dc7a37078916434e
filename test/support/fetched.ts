import type { FetchedPartition, FetchResponse } from '../../ports/broker.ts'

/** The header of a record batch (magic 2) and `bodyBytes` of nothing: enough for whoever reads headers only. */
export function bareBatch({
  baseOffset,
  records,
  leaderEpoch = 0,
  bodyBytes = 10,
}: {
  baseOffset: number
  records: number
  leaderEpoch?: number
  bodyBytes?: number
}): Buffer {
  const batch = Buffer.alloc(61 + bodyBytes)
  batch.writeBigInt64BE(BigInt(baseOffset), 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(leaderEpoch, 12)
  batch.writeUInt8(2, 16)
  batch.writeInt32BE(records - 1, 23)
  batch.writeInt32BE(records, 57)
  return batch
}

export function fetched(
  topic: string,
  partition: number,
  answer: Partial<Omit<FetchedPartition, 'topic' | 'partition'>> & { bytes?: Buffer } = {},
): FetchedPartition {
  const { bytes = Buffer.alloc(0), ...rest } = answer
  return {
    topic,
    partition,
    errorCode: 0,
    highWatermark: 0,
    lastStableOffset: 0,
    logStartOffset: 0,
    abortedTransactions: [],
    divergingEpoch: undefined,
    buffer: bytes,
    start: 0,
    end: bytes.length,
    ...rest,
  }
}

export function fetchResponse(...partitions: FetchedPartition[]): FetchResponse {
  return { errorCode: 0, throttleTimeMs: 0, partitions }
}
