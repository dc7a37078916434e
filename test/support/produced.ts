import type { ProduceRequest, ProduceResponse } from '../../ports/broker.ts'

/** What was stamped into the header of each batch of a Produce request: `topic-partition: id/epoch/sequence`. */
export function stamps(request: ProduceRequest): string[] {
  return request.partitions.map(({ topic, partition, records }) => {
    const header = Buffer.concat(records)
    return `${topic}-${partition}: ${header.readBigInt64BE(43)}/${header.readInt16BE(51)}/${header.readInt32BE(53)}`
  })
}

/** An answer to Produce: by `topic-partition`, a base offset or the error code. */
export function produced(answers: Record<string, number | { errorCode: number; baseOffset?: number; refused?: number[] }>): ProduceResponse {
  return {
    throttleTimeMs: 0,
    partitions: Object.entries(answers).map(([key, answer]) => {
      const dash = key.lastIndexOf('-')
      const { errorCode, baseOffset = -1, refused = [] } = typeof answer === 'number' ? { errorCode: 0, baseOffset: answer } : answer
      const recordErrors = refused.map((index) => ({ index, message: undefined }))
      return {
        topic: key.slice(0, dash),
        partition: Number(key.slice(dash + 1)),
        errorCode,
        errorMessage: undefined,
        baseOffset,
        logStartOffset: 0,
        recordErrors,
      }
    }),
  }
}
