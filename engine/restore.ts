import type { TopicPartition } from '../ports/broker.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { FetchedChunk, Fetcher, FetchFailure, KafkaClient } from '../ports/kafka-client.ts'
import type { ChangelogBatch } from '../stores/state-store.ts'
import type { ChangelogStore } from './changelog-store.ts'
import { committedBatches } from './committed-batches.ts'
import { StreamThreadFatalError } from './errors.ts'
import { tombstoneRetention, whyUnsound } from './store-soundness.ts'
import { unlessAborted } from './unless-aborted.ts'

export interface RestoreOptions {
  readonly client: KafkaClient
  readonly clock: Clock
  /** Aborted, restoring ends soon; what was applied stays, and the stores know their positions. */
  readonly signal: AbortSignal
  readonly onProgress?: (progress: RestoreProgress) => void
  /** Called when a store is emptied and rebuilt from the start of its changelog, with the reason. */
  readonly onRebuild?: (message: string) => void
  /** Called now and then while nothing comes that a store still needs, with what is waited for. */
  readonly onWaiting?: (message: string) => void
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
  readonly isRebuilt: boolean
  position: number
}

/** A transaction that is open is over sooner, however its producer ended. One that a broker has lost sight of stays. */
const SILENCE_MS = 30_000

/** Failures of the fetcher that mean that the store and the log do not belong together. */
const UNSOUND: readonly FetchFailure['reason'][] = ['offset-out-of-range', 'diverged', 'topic-recreated']

/**
 * Brings stores up from their own positions to the ends of their changelogs. The ends are the high watermarks, taken once; the caller has fetched the committed offsets before, with
 * requireStable. Only committed records are read, and until the last stable offset has passed the end: EndTxn answers before the markers are written, so a transaction that
 * committed unseen may still look open. A store that does not fit its log is rebuilt from the log's start. Answers how many records were restored.
 */
export async function restoreStores(changelogs: readonly ChangelogStore[], options: RestoreOptions): Promise<number> {
  if (changelogs.length === 0) return 0
  const pending = await startingPoints(changelogs, options)
  const behind = new Map([...pending].filter(([, store]) => store.position < store.end))
  let records = 0
  if (behind.size > 0) {
    const fetcher = options.client.fetcher({ readCommitted: true })
    const wake = () => fetcher.wake()
    const silence = new Silence(behind, options)
    options.signal.addEventListener('abort', wake)
    try {
      for (const store of behind.values()) assign(fetcher, store)
      records = await readToEnd(fetcher, behind, { ...options, silence })
    } finally {
      silence.end()
      options.signal.removeEventListener('abort', wake)
      await fetcher.close()
    }
  }
  if (!options.signal.aborted) for (const changelog of changelogs) await changelog.store.caughtUp(options.clock.now())
  return records
}

/** Says what is waited for while nothing comes. */
class Silence {
  readonly #behind: ReadonlyMap<string, Restoring>
  readonly #options: RestoreOptions
  #timer: Timer

  constructor(behind: ReadonlyMap<string, Restoring>, options: RestoreOptions) {
    this.#behind = behind
    this.#options = options
    this.#timer = this.#start()
  }

  broken(): void {
    this.#timer.cancel()
    this.#timer = this.#start()
  }

  end(): void {
    this.#timer.cancel()
  }

  #start(): Timer {
    return this.#options.clock.after(SILENCE_MS, () => {
      const stores = [...this.#behind.values()].map(({ changelog, position, end }) => `${key(changelog)} is read up to offset ${position} and has to get to ${end}`)
      this.#options.onWaiting?.(
        `nothing has come for ${SILENCE_MS / 1000} s: ${stores.join(', ')}. Either its broker is away, or an open transaction hides what follows; one that stays can be found with kafka-transactions.sh find-hanging and ended with kafka-transactions.sh abort`,
      )
      this.#timer = this.#start()
    })
  }
}

async function startingPoints(changelogs: readonly ChangelogStore[], options: RestoreOptions): Promise<Map<string, Restoring>> {
  const { client, clock, signal } = options
  const ends = await unlessAborted(client.listOffsets(changelogs, 'latest'), signal)
  const starts = await unlessAborted(client.listOffsets(changelogs, 'earliest'), signal)
  const retention = await unlessAborted(tombstoneRetention(client, [...new Set(changelogs.map(({ topic }) => topic))]), signal)
  const pending = new Map<string, Restoring>()
  for (const changelog of changelogs) {
    const log = { start: offsetOf(starts, changelog), end: offsetOf(ends, changelog), tombstoneRetentionMs: retention.get(changelog.topic) ?? 0 }
    const reason = await unlessAborted(whyUnsound(changelog, log, { client, nowMs: clock.now() }), signal)
    const { position } = changelog.store
    if (reason !== undefined || position === undefined) pending.set(key(changelog), await rebuilding(changelog, log, reason, options))
    else pending.set(key(changelog), { changelog, from: position, position, end: log.end, isRebuilt: false })
  }
  return pending
}

/** Empties the store, if it is not empty. */
async function rebuilding(changelog: ChangelogStore, log: { start: number; end: number }, reason: string | undefined, { clock, onRebuild }: RestoreOptions): Promise<Restoring> {
  if (reason !== undefined) {
    onRebuild?.(`store ${changelog.store.name} (${key(changelog)}) is rebuilt from its changelog: ${reason}`)
    await changelog.store.clear()
  }
  // An empty store lacks no deletion: whatever key is read from now on, its deletion is in the log for delete.retention.ms from now. So a rebuild that is interrupted can be gone on with.
  await changelog.store.caughtUp(clock.now())
  return { changelog, from: log.start, position: log.start, end: log.end, isRebuilt: true }
}

async function readToEnd(fetcher: Fetcher, behind: Map<string, Restoring>, options: RestoreOptions & { silence: Silence }): Promise<number> {
  let records = 0
  while (behind.size > 0 && !options.signal.aborted) {
    const taken = fetcher.take()
    if (taken === undefined) {
      await fetcher.ready()
      continue
    }
    const store = behind.get(key(taken))
    if (store === undefined) continue
    if (taken.kind === 'failure') {
      const anew = await afterFailure(store, taken, options)
      behind.set(key(taken), anew)
      if (anew.position < anew.end) assign(fetcher, anew)
      else behind.delete(key(taken))
      continue
    }
    options.silence.broken()
    records += await applyChunk(store, taken)
    options.onProgress?.({ topic: taken.topic, partition: taken.partition, from: store.from, position: store.position, end: store.end })
    if (store.position < store.end) continue
    fetcher.remove(taken)
    behind.delete(key(taken))
  }
  return records
}

/** The log was cut, or made anew, after its ends had been asked for: the store begins again, once. */
async function afterFailure(store: Restoring, failure: FetchFailure, options: RestoreOptions): Promise<Restoring> {
  const { changelog, position, isRebuilt } = store
  if (isRebuilt || !UNSOUND.includes(failure.reason)) {
    throw new StreamThreadFatalError(`changelog ${key(changelog)} cannot be read from offset ${position}: ${failure.message} (${failure.reason})`)
  }
  const [end] = await unlessAborted(options.client.listOffsets([changelog], 'latest'), options.signal)
  const [start] = await unlessAborted(options.client.listOffsets([changelog], 'earliest'), options.signal)
  return rebuilding(changelog, { start: start?.offset ?? 0, end: end?.offset ?? 0 }, failure.message, options)
}

function assign(fetcher: Fetcher, { changelog, position, isRebuilt }: Restoring): void {
  const { topic, partition, store } = changelog
  fetcher.assign({ topic, partition }, { offset: position, leaderEpoch: isRebuilt ? undefined : store.positionEpoch })
}

async function applyChunk(store: Restoring, chunk: FetchedChunk): Promise<number> {
  const batches: ChangelogBatch[] = []
  const records = committedBatches(chunk, batches)
  // Also without a batch: the position moves past transaction markers.
  await store.changelog.restore(batches, chunk.nextOffset, chunk.leaderEpoch)
  chunk.release?.()
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
