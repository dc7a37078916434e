import type { TopicPartition } from '../ports/broker.ts'
import type { Clock } from '../ports/clock.ts'
import type { FetchedChunk, Fetcher, KafkaClient } from '../ports/kafka-client.ts'
import type { ChangelogBatch } from '../stores/state-store.ts'
import type { ChangelogStore } from './changelog-store.ts'
import { committedBatches } from './committed-batches.ts'
import { StreamThreadFatalError } from './errors.ts'

export interface RestoreOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: RestoreProgress) => void
}

export interface RestoreProgress {
  readonly topic: string
  readonly partition: number
  /** Where the store stood, stands, and has to get to: changelog offsets. */
  readonly from: number
  readonly position: number
  readonly end: number
}

/** One store on its way to the end of its changelog. */
interface Restoring {
  readonly changelog: ChangelogStore
  readonly from: number
  readonly end: number
  position: number
}

/**
 * Brings stores up from their own positions to the ends of their changelogs. The ends are the high watermarks, taken once; the caller has fetched the committed offsets before, with
 * requireStable. Only committed records are read, and until the last stable offset has passed the end: EndTxn answers before the markers are written, so a transaction that
 * committed unseen may still look open. Answers how many records were restored.
 */
export async function restoreStores(changelogs: readonly ChangelogStore[], options: RestoreOptions): Promise<number> {
  if (changelogs.length === 0) return 0
  const pending = await startingPoints(changelogs, options)
  const behind = new Map([...pending].filter(([, store]) => store.position < store.end))
  let records = 0
  if (behind.size > 0) {
    const fetcher = options.client.fetcher({ readCommitted: true })
    try {
      for (const store of behind.values()) fetcher.assign(store.changelog, { offset: store.position, leaderEpoch: undefined })
      records = await readToEnd(fetcher, behind, options)
    } finally {
      await fetcher.close()
    }
  }
  if (!options.signal?.aborted) for (const changelog of changelogs) await changelog.store.caughtUp(options.clock.now())
  return records
}

async function startingPoints(changelogs: readonly ChangelogStore[], { client }: RestoreOptions): Promise<Map<string, Restoring>> {
  const ends = await client.listOffsets(changelogs, 'latest')
  const starts = await client.listOffsets(changelogs, 'earliest')
  const pending = new Map<string, Restoring>()
  for (const changelog of changelogs) {
    const end = offsetOf(ends, changelog)
    const start = offsetOf(starts, changelog)
    const position = await usablePosition(changelog, start, end)
    pending.set(key(changelog), { changelog, from: position, position, end })
  }
  return pending
}

/** A position outside of the log belongs to another log, or to a past of which nothing is left: the store is emptied and rebuilt. */
async function usablePosition(changelog: ChangelogStore, start: number, end: number): Promise<number> {
  const position = changelog.store.position
  if (position === undefined) return start
  if (position >= start && position <= end) return position
  await changelog.store.clear()
  return start
}

async function readToEnd(fetcher: Fetcher, behind: Map<string, Restoring>, options: RestoreOptions): Promise<number> {
  let records = 0
  while (behind.size > 0 && !options.signal?.aborted) {
    const taken = fetcher.take()
    if (taken === undefined) {
      await fetcher.ready()
      continue
    }
    const store = behind.get(key(taken))
    if (store === undefined) continue
    if (taken.kind === 'failure') throw new StreamThreadFatalError(`changelog ${taken.topic}-${taken.partition} cannot be read from offset ${store.position}: ${taken.message}`)
    records += await applyChunk(store, taken)
    options.onProgress?.({ topic: taken.topic, partition: taken.partition, from: store.from, position: store.position, end: store.end })
    if (store.position < store.end) continue
    fetcher.remove(taken)
    behind.delete(key(taken))
  }
  return records
}

async function applyChunk(store: Restoring, chunk: FetchedChunk): Promise<number> {
  const batches: ChangelogBatch[] = []
  const records = committedBatches(chunk, batches)
  // Also without a batch: the position moves past transaction markers.
  await store.changelog.restore(batches, chunk.nextOffset, chunk.leaderEpoch)
  store.position = chunk.nextOffset
  return records
}

function offsetOf(offsets: readonly (TopicPartition & { offset: number })[], wanted: TopicPartition): number {
  const found = offsets.find(({ topic, partition }) => topic === wanted.topic && partition === wanted.partition)
  if (found === undefined) throw new StreamThreadFatalError(`the broker gave no offset for changelog ${wanted.topic}-${wanted.partition}`)
  return found.offset
}

function key({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
