import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import type { Compression } from '../../records/compression.ts'
import { murmur2 } from '../../records/murmur2.ts'
import type { ChangelogBatch, StateStore } from '../state-store.ts'

/** A write to a store; without a value it is a tombstone. */
export interface Write {
  readonly key: string
  readonly value?: string
  readonly timestamp?: number
}

/** The batch that a producer would make of these writes. Their offsets follow one another from `baseOffset`, which is not in the bytes: a live batch has 0 there. */
export function changelogBatch(writes: readonly Write[], baseOffset: number, compression: Compression = 'none'): ChangelogBatch {
  const builder = new BatchBuilder({ transactional: true, compression })
  for (const { key, value, timestamp } of writes)
    builder.append(timestamp ?? 1_000, ByteView.of(key), value === undefined ? undefined : ByteView.of(value), undefined)
  const bytes = builder.sealPlain()
  return { bytes, start: 0, end: bytes.length, baseOffset }
}

/** Applies one batch behind the store's position, as a commit does; answers the new position, past the transaction marker. */
export async function commit(store: StateStore, writes: readonly Write[], epoch = 1): Promise<number> {
  const baseOffset = store.position ?? 0
  const position = baseOffset + writes.length + 1
  await store.apply([changelogBatch(writes, baseOffset)], position, epoch)
  return position
}

export function hashOf(key: ByteView): number {
  return murmur2(key.buffer, key.start, key.end)
}

export function getText(store: StateStore, key: string): string | undefined {
  const view = ByteView.of(key)
  const value = new ByteView()
  return store.get(view, hashOf(view), value) ? value.toString() : undefined
}

export function peekText(store: StateStore, key: string): string | undefined {
  const view = ByteView.of(key)
  const value = new ByteView()
  return store.peek(view, hashOf(view), value) ? value.toString() : undefined
}

/** Keys and values, read one by one through the index; `entries` has to tell the same. */
export function contentOf(store: StateStore): Map<string, string> {
  const keys: string[] = []
  store.forEach((key) => keys.push(key.toString()))
  return new Map(keys.sort().map((key) => [key, getText(store, key) ?? '(gone)']))
}

export function entriesOf(store: StateStore): Map<string, string> {
  const found: [string, string][] = []
  store.entries((key, value) => found.push([key.toString(), value.toString()]))
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)))
}
