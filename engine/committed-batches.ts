import type { FetchedChunk } from '../ports/kafka-client.ts'
import { CommittedCursor } from '../records/committed-cursor.ts'
import type { ChangelogBatch } from '../stores/state-store.ts'

const cursor = new CommittedCursor()

/** The batches of a chunk that a reader of committed records sees, appended to `into`. Answers how many records they hold. */
export function committedBatches(chunk: FetchedChunk, into: ChangelogBatch[]): number {
  let records = 0
  cursor.reset(chunk)
  while (cursor.nextBatch()) {
    const { batchStart, batchEnd, baseOffset, recordCount } = cursor.batch
    into.push({ bytes: chunk.buffer, start: batchStart, end: batchEnd, baseOffset })
    records += recordCount
  }
  return records
}
