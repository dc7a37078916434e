import { expect, test } from 'vitest'
import { ByteView } from '../records/byte-view.ts'
import { changelogBatch } from '../stores/testing/changelog.ts'
import { MemoryStore } from '../stores/memory-store.ts'
import { ChangelogStore } from './changelog-store.ts'
import { RecordCollector } from './record-collector.ts'
import type { Transaction } from './transaction.ts'

class Fixture {
  readonly collector = new RecordCollector(new Map())
  readonly store = new MemoryStore({ name: 's' })
  readonly changelog = new ChangelogStore({ topic: 'c', partition: 2, taskId: '0_2', store: this.store, collector: this.collector })

  put(key: string, value: string): void {
    this.changelog.put(ByteView.of(key), ByteView.of(value), 1)
  }

  delete(key: string): void {
    this.changelog.delete(ByteView.of(key), 1)
  }

  get(key: string): string | undefined {
    const into = new ByteView()
    const isThere = this.changelog.get(ByteView.of(key), into)
    const text = isThere ? into.toString() : undefined
    expect(this.changelog.peek(ByteView.of(key), into)).toBe(isThere)
    if (isThere) expect(into.toString()).toBe(text)
    return text
  }

  async stored(...writes: { key: string; value: string }[]): Promise<void> {
    await this.store.apply([changelogBatch(writes, this.store.position ?? 0)], (this.store.position ?? 0) + writes.length, 1)
  }

  async apply(transaction: Transaction): Promise<void> {
    for (const { store, layer, builder } of transaction.batches) {
      if (store === undefined || layer === undefined) continue
      const bytes = Buffer.from(builder.sealPlain())
      const baseOffset = this.store.position ?? 0
      await this.store.apply([{ bytes, start: 0, end: bytes.length, baseOffset }], baseOffset + builder.recordCount, 1)
      store.applied(layer)
    }
  }
}

test('a write is seen at once, through the open, the sealed and the applied layer', async () => {
  const at = new Fixture()
  await at.stored({ key: 'a', value: '0' }, { key: 'b', value: '0' })
  at.put('a', '1')
  expect([at.get('a'), at.get('b'), at.get('c')]).toEqual(['1', '0', undefined])
  const first = at.collector.seal()
  at.put('a', '2')
  at.put('c', '2')
  const second = at.collector.seal()
  at.put('a', '3')
  expect([at.get('a'), at.get('c')]).toEqual(['3', '2'])
  await at.apply(first)
  expect([at.get('a'), at.get('c')]).toEqual(['3', '2'])
  await at.apply(second)
  at.collector.discard()
  at.changelog.discard()
  expect([at.get('a'), at.get('b'), at.get('c')]).toEqual(['2', '0', '2'])
})

test('a deletion hides what older layers and the store have', async () => {
  const at = new Fixture()
  await at.stored({ key: 'a', value: '0' })
  at.put('b', '1')
  const first = at.collector.seal()
  at.delete('a')
  at.delete('b')
  expect([at.get('a'), at.get('b')]).toEqual([undefined, undefined])
  at.put('a', 'again')
  expect(at.get('a')).toBe('again')
  at.delete('a')
  const second = at.collector.seal()
  expect([at.get('a'), at.get('b')]).toEqual([undefined, undefined])
  await at.apply(first)
  expect([at.get('a'), at.get('b')]).toEqual([undefined, undefined])
  await at.apply(second)
  expect(at.store.size).toBe(0)
})

test('what is not applied is forgotten by a recovery', async () => {
  const at = new Fixture()
  await at.stored({ key: 'a', value: '0' })
  at.put('a', '1')
  at.collector.seal()
  at.put('a', '2')
  at.collector.discard()
  at.changelog.discard()
  expect(at.get('a')).toBe('0')
  at.put('a', '3')
  expect(at.get('a')).toBe('3')
})

test('more than a batch holds goes into several batches of one transaction, and is read from all of them', () => {
  const at = new Fixture()
  const large = 'x'.repeat(300_000)
  for (const key of ['a', 'b', 'c', 'd', 'e']) at.put(key, key + large)
  at.put('a', 'small')
  const transaction = at.collector.open
  expect(transaction.batches.length).toBe(3)
  expect([...transaction.taskIds]).toEqual(['0_2'])
  expect(at.get('a')).toBe('small')
  expect(at.get('e')).toBe(`e${large}`)
})

test('who watches is told of every key in the store, once', async () => {
  const at = new Fixture()
  await at.stored({ key: 'a', value: '0' }, { key: 'b', value: '0' })
  const seen: string[] = []
  at.changelog.watch((key) => seen.push(key.toString()))
  expect(seen.toSorted()).toEqual(['a', 'b'])
})
