import type { TopicPartition } from '../../ports/broker.ts'
import type { FetchedChunk } from '../../ports/kafka-client.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import type { LiveKafka } from './live-kafka.ts'

/** Offsets of a partition: `from` is the first, `to` the one behind the last. */
export interface OffsetRange extends TopicPartition {
  readonly from: number
  readonly to: number
}

/** A partition cannot be read where it was to be: its records are gone, or the topic is another one. */
export class RangeGoneError extends Error {
  override readonly name = 'RangeGoneError'
}

export interface ReadRangesOptions {
  /** Aborted, reading ends as if everything had been read. */
  readonly signal: AbortSignal
  readonly maxPartitionBytes?: number
  readonly maxBytes?: number
  /** Called for each record, in order within a partition. The cursor stands on it, and stays there while a promise is awaited. `enough`: no more of this partition. */
  readonly visit: (at: OffsetRange, record: CommittedCursor) => undefined | 'enough' | Promise<void>
}

/** Reads the committed records of ranges, each once. @throws RangeGoneError */
export async function readRanges(kafka: Pick<LiveKafka, 'fetcher'>, ranges: readonly OffsetRange[], options: ReadRangesOptions): Promise<void> {
  const open = new Map(ranges.filter(({ from, to }) => from < to).map((range) => [keyOf(range), range]))
  if (open.size === 0) return
  const { signal, maxPartitionBytes, maxBytes } = options
  const fetcher = kafka.fetcher({ readCommitted: true, ...(maxPartitionBytes !== undefined && { maxPartitionBytes }), ...(maxBytes !== undefined && { maxBytes }) })
  const wake = () => fetcher.wake()
  signal.addEventListener('abort', wake)
  try {
    for (const range of open.values()) fetcher.assign(range, { offset: range.from, leaderEpoch: undefined })
    while (open.size > 0 && !signal.aborted) {
      const taken = fetcher.take()
      if (taken === undefined) {
        await fetcher.ready()
        continue
      }
      const range = open.get(keyOf(taken))
      if (range === undefined) continue
      if (taken.kind === 'failure') throw new RangeGoneError(`${keyOf(taken)} cannot be read from offset ${range.from}: ${taken.message}`)
      if (!(await visitChunk(range, taken, options))) continue
      open.delete(keyOf(range))
      fetcher.remove(range)
    }
  } finally {
    signal.removeEventListener('abort', wake)
    await fetcher.close()
  }
}

/** Answers whether the range has been read. */
async function visitChunk(range: OffsetRange, chunk: FetchedChunk, { signal, visit }: ReadRangesOptions): Promise<boolean> {
  const cursor = new CommittedCursor()
  cursor.reset(chunk)
  while (cursor.next() && cursor.offset < range.to) {
    const told = visit(range, cursor)
    if (told === 'enough') return true
    if (told !== undefined) await told
    if (signal.aborted) return true
  }
  return chunk.nextOffset >= range.to
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
