import type { KafkaClient } from '../ports/kafka-client.ts'
import { SinkFatalError } from './sink-database.ts'
import type { SinkPartition } from './sink-partition.ts'

export interface LogPosition {
  readonly offset: number
  /** Records that retention deleted before they were read. */
  readonly lost: { readonly from: number; readonly to: number } | undefined
}

/**
 * Where to go on when the log does not reach to where we are. It begins later: retention was faster. It ends earlier: what the database has is
 * no longer in Kafka, and no program can say which of the two is right (`SinkFatalError`).
 */
export async function findLogPosition(client: KafkaClient, partition: SinkPartition): Promise<LogPosition> {
  const [earliest] = await client.listOffsets([partition], 'earliest')
  const [latest] = await client.listOffsets([partition], 'latest')
  const { topic, fetchedOffset } = partition
  if (earliest === undefined || latest === undefined) return { offset: fetchedOffset, lost: undefined }
  if (fetchedOffset > latest.offset) {
    throw new SinkFatalError(
      `${topic}-${partition.partition}: the database has it up to offset ${fetchedOffset}, the log ends at ${latest.offset}: Kafka has lost records (unclean leader election? restored from a backup?). ` +
        'New records would be taken for known ones. Decide what is right, then set next_offset in sink_progress.',
    )
  }
  const isGap = earliest.offset > fetchedOffset && fetchedOffset > 0
  return { offset: Math.max(earliest.offset, fetchedOffset), lost: isGap ? { from: fetchedOffset, to: earliest.offset - 1 } : undefined }
}

/** Asks how far committed records reach now. */
export async function updateEnds(client: KafkaClient, partitions: readonly SinkPartition[]): Promise<void> {
  const active = partitions.filter(({ state }) => state === 'active')
  const ends = active.length === 0 ? [] : await client.listOffsets(active, 'stable')
  for (const [index, partition] of active.entries()) partition.stableOffset = Math.max(partition.stableOffset, ends[index]?.offset ?? 0)
}
