import { BatchBuilder } from '../../../records/batch-builder.ts'
import { ByteView } from '../../../records/byte-view.ts'
import { HeaderBlockBuilder } from '../../../records/headers.ts'
import { stampBatch } from '../../../records/record-batch.ts'
import type { Partition } from './partition.ts'
import type { LogOptions } from './partition-log.ts'

/** A record of a writer that is not the product. A value that is left out is a tombstone. */
export interface ForeignRecord {
  readonly key?: string | Uint8Array | undefined
  readonly value?: string | Uint8Array | undefined
  /** Default: now. */
  readonly timestamp?: number
  readonly headers?: readonly { key: string; value?: string | Uint8Array | undefined }[]
}

export interface ForeignWrite {
  readonly records: readonly ForeignRecord[]
  /** -1: not in a transaction. */
  readonly producerId: number
  /** The marker has the next one. */
  readonly producerEpoch: number
  readonly transaction: 'commit' | 'abort' | 'open' | undefined
  readonly nowMs: number
  readonly options: LogOptions
}

/** Appends a batch, and the marker where its transaction ends. Answers the base offset. */
export function writeForeign({ log, leaderEpoch }: Partition, { records, producerId, producerEpoch, transaction, nowMs, options }: ForeignWrite): number {
  const isTransactional = transaction !== undefined
  const builder = new BatchBuilder({ transactional: isTransactional })
  for (const { key, value, timestamp = nowMs, headers } of records) builder.append(timestamp, viewOf(key), viewOf(value), headersOf(headers))
  const bytes = builder.seal()
  stampBatch(bytes, isTransactional ? { producerId, producerEpoch, baseSequence: 0 } : { producerId: -1, producerEpoch: -1, baseSequence: -1 })
  const baseOffset = log.append(bytes, leaderEpoch, options)
  if (transaction === 'commit' || transaction === 'abort')
    log.appendMarker({ producerId, producerEpoch: producerEpoch + 1, committed: transaction === 'commit', coordinatorEpoch: 0, timestamp: nowMs }, leaderEpoch, options)
  return baseOffset
}

function viewOf(content: string | Uint8Array | undefined): ByteView | undefined {
  return content === undefined ? undefined : new ByteView(Buffer.from(content))
}

function headersOf(headers: ForeignRecord['headers']): ByteView | undefined {
  if (!headers || headers.length === 0) return undefined
  const block = new HeaderBlockBuilder()
  block.reset()
  for (const { key, value } of headers) block.add(key, value)
  const view = new ByteView()
  block.into(view)
  return view
}
