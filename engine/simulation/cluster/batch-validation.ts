import { BatchCursor } from '../../../records/batch-cursor.ts'
import * as batch from '../../../records/record-batch.ts'
import { ERROR } from './error-code.ts'
import type { Topic } from './topics.ts'

export interface BatchFault {
  readonly errorCode: number
  readonly errorMessage: string | undefined
  readonly recordErrors: readonly { index: number; message: string | undefined }[]
}

/** What a leader has against the bytes of one partition of a Produce request, in the order in which Kafka looks. */
export function batchFault(bytes: Buffer, topic: Topic, nowMs: number): BatchFault | undefined {
  return frameFault(bytes, topic) ?? recordsFault(bytes, topic, nowMs)
}

function frameFault(bytes: Buffer, { configs }: Topic): BatchFault | undefined {
  if (bytes.length < batch.HEADER_BYTES || batch.magic(bytes, 0) !== batch.MAGIC || batch.batchSize(bytes, 0) < bytes.length)
    return fault(ERROR.INVALID_RECORD, 'Produce requests with version 3 or higher are only allowed to contain exactly one record batch per partition')
  const size = bytes.length
  if (size > configs.number('max.message.bytes'))
    return fault(ERROR.MESSAGE_TOO_LARGE, `The record batch size in the append to the topic is ${size} bytes which exceeds the maximum configured value of ${configs.number('max.message.bytes')}.`)
  if (!batch.verifyBatch(bytes, 0)) return fault(ERROR.CORRUPT_MESSAGE, 'Record is corrupt')
  if (size > configs.number('segment.bytes')) return fault(ERROR.RECORD_LIST_TOO_LARGE, `Message batch size is ${size} bytes which exceeds the maximum configured segment size.`)
  if (batch.isControl(bytes, 0)) return fault(ERROR.INVALID_RECORD, 'Clients are not allowed to write control records.')
  if (batch.producerId(bytes, 0) >= 0 && batch.baseSequence(bytes, 0) < 0) return fault(ERROR.INVALID_RECORD, 'Invalid sequence number in record batch with producerId.')
  if (batch.recordCount(bytes, 0) !== batch.lastOffsetDelta(bytes, 0) + 1) return fault(ERROR.INVALID_RECORD, 'Inconsistent batch offset range')
  return undefined
}

function recordsFault(bytes: Buffer, { name, configs }: Topic, nowMs: number): BatchFault | undefined {
  const youngestMs = nowMs + configs.number('message.timestamp.after.max.ms')
  const oldestMs = nowMs - configs.number('message.timestamp.before.max.ms')
  const cursor = new BatchCursor()
  cursor.reset(bytes, 0, bytes.length)
  cursor.nextBatch()
  const unkeyed: BatchFault['recordErrors'][number][] = []
  const untimely: BatchFault['recordErrors'][number][] = []
  try {
    for (let index = 0; cursor.nextRecord(); index++) {
      if (!cursor.hasKey && configs.isCompacted) unkeyed.push({ index, message: `Compacted topic cannot accept message without key in topic partition ${name}.` })
      else if (!configs.hasLogAppendTime && (cursor.timestamp > youngestMs || cursor.timestamp < oldestMs))
        untimely.push({ index, message: `Timestamp ${cursor.timestamp} of message with offset ${index} is out of range. The timestamp should be within [${oldestMs}, ${youngestMs}]` })
    }
  } catch (error) {
    return fault(ERROR.INVALID_RECORD, error instanceof Error ? error.message : String(error))
  }
  const refused = untimely.length > 0 ? untimely : unkeyed
  if (refused.length === 0) return undefined
  const message = `One or more records have been rejected due to ${refused.length} record errors in total, and only showing the first three errors at most: ${refused[0]?.message}`
  return { errorCode: untimely.length > 0 ? ERROR.INVALID_TIMESTAMP : ERROR.INVALID_RECORD, errorMessage: message, recordErrors: refused }
}

function fault(errorCode: number, errorMessage: string): BatchFault {
  return { errorCode, errorMessage, recordErrors: [] }
}
