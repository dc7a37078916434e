import type { BatchBuilder } from '../records/batch-builder.ts'
import type { ByteView } from '../records/byte-view.ts'
import { murmur2 } from '../records/murmur2.ts'
import { Overlay } from '../stores/overlay.ts'
import type { ChangelogBatch, StateStore } from '../stores/state-store.ts'
import type { KeyValueAccess } from './processor.ts'
import type { RecordCollector } from './record-collector.ts'

/** Writes of one transaction to one store: the changelog batch that is being built and an index on it. The bytes of a value exist once. */
export interface StoreLayer {
  readonly builder: BatchBuilder
  readonly overlay: Overlay
}

/**
 * A state store with its changelog: what is written goes into the changelog batch of the open transaction, and is read from there until the transaction has been
 * committed and the batch applied to the store. Reads look through the open transaction, the sealed ones from the newest, then the store.
 */
export class ChangelogStore implements KeyValueAccess {
  readonly topic: string
  readonly partition: number
  readonly store: StateStore
  /** It could not take a committed batch: its task closes it and restores it. */
  failed = false
  readonly #taskId: string
  readonly #collector: RecordCollector
  readonly #overlays: Overlay[] = []
  #open: StoreLayer | undefined
  /** Layers of the open transaction that are full, and of transactions whose commit is under way; the newest last. */
  #older: StoreLayer[] = []
  #listeners: ((key: ByteView, prefix: ByteView) => void)[] = []

  constructor(options: { topic: string; partition: number; taskId: string; store: StateStore; collector: RecordCollector }) {
    this.topic = options.topic
    this.partition = options.partition
    this.store = options.store
    this.#taskId = options.taskId
    this.#collector = options.collector
  }

  get(key: ByteView, into: ByteView): boolean {
    return this.getHashed(key, murmur2(key.buffer, key.start, key.end), into)
  }

  getHashed(key: ByteView, hash: number, into: ByteView): boolean {
    const written = this.#written(key, hash, into)
    return written === 'miss' ? this.store.get(key, hash, into) : written === 'found'
  }

  peek(key: ByteView, into: ByteView): boolean {
    return this.peekHashed(key, murmur2(key.buffer, key.start, key.end), into)
  }

  peekHashed(key: ByteView, hash: number, into: ByteView): boolean {
    const written = this.#written(key, hash, into)
    return written === 'miss' ? this.store.peek(key, hash, into) : written === 'found'
  }

  put(key: ByteView, value: ByteView, timestamp: number): void {
    this.putHashed(key, murmur2(key.buffer, key.start, key.end), value, timestamp)
  }

  putHashed(key: ByteView, hash: number, value: ByteView, timestamp: number): void {
    this.#write(key, hash, value, timestamp)
  }

  delete(key: ByteView, timestamp: number): void {
    this.deleteHashed(key, murmur2(key.buffer, key.start, key.end), timestamp)
  }

  deleteHashed(key: ByteView, hash: number, timestamp: number): void {
    this.#write(key, hash, undefined, timestamp)
  }

  watch(listener: (key: ByteView, prefix: ByteView) => void): void {
    this.#listeners.push(listener)
    this.store.forEach(listener)
  }

  /** The transaction was sealed: further writes belong to the next one. */
  sealed(): void {
    if (this.#open !== undefined) this.#older.push(this.#open)
    this.#open = undefined
  }

  /** The layer's batch has been applied to the store: reads find its records there. */
  applied(layer: StoreLayer): void {
    this.#older = this.#older.filter((other) => other !== layer)
    this.#release(layer)
  }

  /** Forgets every write that was not applied, and who watches. */
  discard(): void {
    this.sealed()
    for (const layer of this.#older) this.#release(layer)
    this.#older = []
    this.#listeners = []
  }

  /** Applies batches that were read from the changelog. */
  restore(batches: readonly ChangelogBatch[], position: number, leaderEpoch: number): Promise<void> {
    return this.store.apply(batches, position, leaderEpoch)
  }

  #written(key: ByteView, hash: number, into: ByteView): 'miss' | 'deleted' | 'found' {
    if (this.#open !== undefined) {
      const found = this.#open.overlay.get(key, hash, into)
      if (found !== 'miss') return found
    }
    for (let i = this.#older.length - 1; i >= 0; i--) {
      const found = this.#older[i]?.overlay.get(key, hash, into) ?? 'miss'
      if (found !== 'miss') return found
    }
    return 'miss'
  }

  #write(key: ByteView, hash: number, value: ByteView | undefined, timestamp: number): void {
    let layer = this.#open ?? this.#begin()
    if (!layer.builder.append(timestamp, key, value, undefined)) {
      this.sealed()
      layer = this.#begin()
      layer.builder.append(timestamp, key, value, undefined)
    }
    layer.overlay.put(hash, layer.builder)
  }

  #begin(): StoreLayer {
    const layer: StoreLayer = { builder: this.#collector.builder(this.topic), overlay: this.#overlays.pop() ?? new Overlay() }
    this.#collector.begin(this.topic, this.partition, this, layer)
    this.#collector.open.taskIds.add(this.#taskId)
    this.#open = layer
    return layer
  }

  #release(layer: StoreLayer): void {
    layer.overlay.clear()
    this.#overlays.push(layer.overlay)
  }
}
