import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { CorruptBatchError } from '../../records/corrupt-batch-error.ts'
import { ATTRIBUTE, FIELD, stampBatch } from '../../records/record-batch.ts'
import type { StateStore } from '../state-store.ts'
import { changelogBatch, commit, contentOf, entriesOf, getText, hashOf, peekText } from './changelog.ts'

/** Where a store of a test lives. `open` may be called again after the store was closed: it is the same store then. */
export interface StoreHome {
  open(options: { prefixBytes: number }): Promise<StateStore>
  release(): Promise<void>
}

/** What every state store has to do, whatever it is made of. */
export function stateStoreContract(name: string, newHome: () => Promise<StoreHome>): void {
  describe(`${name} keeps the contract of a state store`, () => {
    let home: StoreHome
    let store: StateStore

    beforeEach(async () => {
      home = await newHome()
      store = await home.open({ prefixBytes: 4 })
    })

    afterEach(async () => {
      await store.close()
      await home.release()
    })

    test('a new store is empty and has no position', () => {
      expect(store.position).toBeUndefined()
      expect(store.positionEpoch).toBeUndefined()
      expect(store.lastCaughtUpMs).toBeUndefined()
      expect(store.size).toBe(0)
      expect(getText(store, 'a')).toBeUndefined()
    })

    test('what was applied is read, and the position is the one given', async () => {
      await store.apply(
        [
          changelogBatch(
            [
              { key: 'a', value: 'one' },
              { key: 'b', value: 'two' },
            ],
            10,
          ),
        ],
        13,
        5,
      )
      expect(getText(store, 'a')).toBe('one')
      expect(getText(store, 'b')).toBe('two')
      expect([store.size, store.position, store.positionEpoch]).toEqual([2, 13, 5])
    })

    test('the last write of a key counts, within a batch and between batches', async () => {
      await commit(store, [
        { key: 'a', value: '1' },
        { key: 'a', value: '2' },
      ])
      expect(getText(store, 'a')).toBe('2')
      await commit(store, [{ key: 'a', value: 'a longer value' }])
      expect([getText(store, 'a'), store.size]).toEqual(['a longer value', 1])
    })

    test('a tombstone removes the key, and it can come back', async () => {
      await commit(store, [
        { key: 'a', value: '1' },
        { key: 'b', value: '1' },
      ])
      await commit(store, [{ key: 'a' }, { key: 'unknown' }])
      expect([getText(store, 'a'), getText(store, 'b'), store.size]).toEqual([undefined, '1', 1])
      await commit(store, [{ key: 'a', value: '2' }])
      expect([getText(store, 'a'), store.size]).toEqual(['2', 2])
    })

    test('the highest offset wins when batches of one call are out of order', async () => {
      const newer = changelogBatch([{ key: 'a', value: 'newer' }], 20)
      const older = changelogBatch(
        [
          { key: 'a', value: 'older' },
          { key: 'b', value: 'b' },
        ],
        10,
      )
      await store.apply([newer, older], 21, 1)
      expect([getText(store, 'a'), getText(store, 'b')]).toEqual(['newer', 'b'])
    })

    test('records below the position are in the store already and are left out', async () => {
      await store.apply([changelogBatch([{ key: 'a', value: 'newer' }, { key: 'b' }], 10)], 12, 1)
      await store.apply(
        [
          changelogBatch(
            [
              { key: 'a', value: 'older' },
              { key: 'b', value: 'older' },
              { key: 'a', value: 'older' },
              { key: 'c', value: 'new' },
            ],
            9,
          ),
        ],
        13,
        1,
      )
      expect([...contentOf(store)]).toEqual([
        ['a', 'newer'],
        ['c', 'new'],
      ])
    })

    test('without batches the position moves, past transaction markers', async () => {
      await store.apply([], 7, undefined)
      expect([store.position, store.positionEpoch, store.size]).toEqual([7, undefined, 0])
    })

    test('control batches are passed over', async () => {
      await store.apply([markerBatch(5)], 6, 1)
      expect([store.position, store.size]).toEqual([6, 0])
    })

    test('a position below the own one, and a record at or beyond the new one, are refused', async () => {
      await commit(store, [{ key: 'a', value: '1' }])
      await expect(store.apply([], 1, 1)).rejects.toThrow(RangeError)
      await expect(store.apply([changelogBatch([{ key: 'b', value: '1' }], 9)], 9, 1)).rejects.toThrow(RangeError)
      expect([store.position, [...contentOf(store)]]).toEqual([2, [['a', '1']]])
    })

    test('a batch that is damaged leaves nothing behind, not even its sound neighbours', async () => {
      const sound = changelogBatch([{ key: 'a', value: '1' }], 0)
      const damaged = changelogBatch([{ key: 'b', value: '1' }], 1)
      damaged.bytes[damaged.end - 2] = (damaged.bytes[damaged.end - 2] ?? 0) ^ 1
      await expect(store.apply([sound, damaged], 2, 1)).rejects.toThrow(CorruptBatchError)
      await expect(store.apply([{ ...sound, end: sound.end - 1 }], 1, 1)).rejects.toThrow(CorruptBatchError)
      expect([store.position, store.size]).toEqual([undefined, 0])
      await commit(store, [{ key: 'a', value: '1' }])
      expect(getText(store, 'a')).toBe('1')
    })

    test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('a batch compressed with %s keeps its offsets and is read', async (compression) => {
      const writes = [
        { key: 'a', value: 'x'.repeat(500) },
        { key: 'b', value: 'y'.repeat(300) },
      ]
      await store.apply([changelogBatch(writes, 40, compression)], 42, 1)
      await store.apply([changelogBatch([{ key: 'b', value: 'z' }], 42)], 43, 1)
      expect([...contentOf(store)]).toEqual([
        ['a', 'x'.repeat(500)],
        ['b', 'z'],
      ])
    })

    test('a batch in the middle of a buffer is read where it is', async () => {
      const { bytes } = changelogBatch([{ key: 'a', value: 'one' }], 0)
      const start = 17
      const surrounded = Buffer.concat([Buffer.alloc(start, 255), bytes, Buffer.alloc(9, 255)])
      await store.apply([{ bytes: surrounded, start, end: start + bytes.length, baseOffset: 3 }], 4, 1)
      expect(getText(store, 'a')).toBe('one')
    })

    test('peek gives the first bytes of a value, of a shorter one all of it', async () => {
      await commit(store, [
        { key: 'a', value: '123456' },
        { key: 'b', value: '12' },
        { key: 'c', value: '' },
      ])
      expect([peekText(store, 'a'), peekText(store, 'b'), peekText(store, 'c'), peekText(store, 'd')]).toEqual(['1234', '12', '', undefined])
      await commit(store, [{ key: 'a', value: 'x' }])
      expect(peekText(store, 'a')).toBe('x')
    })

    test('keys and values of any length, and any bytes', async () => {
      const keys = ['', 'k', 'k'.repeat(1_023), 'k'.repeat(1_024), 'k'.repeat(1_025), `${'k'.repeat(70_000)}1`, `${'k'.repeat(70_000)}2`, 'ä\u0000ö']
      await commit(
        store,
        keys.map((key, i) => ({ key, value: `value ${i} ${'v'.repeat(i * 9_000)}` })),
      )
      for (const [i, key] of keys.entries()) expect(getText(store, key)).toBe(`value ${i} ${'v'.repeat(i * 9_000)}`)
      await commit(
        store,
        keys.map((key) => ({ key })),
      )
      expect(store.size).toBe(0)
    })

    test('many keys, overwritten and removed at random, are those of a plain map', async () => {
      const random = numbersFrom(7)
      const expected = new Map<string, string>()
      for (let round = 0; round < 60; round++) {
        const writes = Array.from({ length: 300 }, () => {
          const key = `key-${random() % 4_000}`
          return random() % 4 === 0 ? { key } : { key, value: `${round} ${'v'.repeat(random() % 50)}` }
        })
        for (const { key, value } of writes) value === undefined ? expected.delete(key) : expected.set(key, value)
        await commit(store, writes)
        await store.housekeep(1_000)
      }
      expect(contentOf(store)).toEqual(new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1))))
      expect(entriesOf(store)).toEqual(contentOf(store))
      expect(store.size).toBe(expected.size)
    })

    test('entries have the timestamps of their records, forEach the prefixes', async () => {
      await commit(store, [
        { key: 'a', value: '12345', timestamp: 1_700_000_000_000 },
        { key: 'b', value: '1', timestamp: 1_600_000_000_000 },
      ])
      const entries: unknown[] = []
      store.entries((key, value, timestamp) => entries.push([key.toString(), value.toString(), timestamp]))
      expect(entries.sort()).toEqual([
        ['a', '12345', 1_700_000_000_000],
        ['b', '1', 1_600_000_000_000],
      ])
      const prefixes: unknown[] = []
      store.forEach((key, prefix) => prefixes.push([key.toString(), prefix.toString()]))
      expect(prefixes.sort()).toEqual([
        ['a', '1234'],
        ['b', '1'],
      ])
    })

    test('calls run in call order, without being awaited in between', async () => {
      const calls = [
        store.apply([changelogBatch([{ key: 'a', value: '1' }], 0)], 1, 1),
        store.apply([changelogBatch([{ key: 'a', value: '2' }], 1)], 2, 1),
        store.housekeep(1_000_000),
        store.clear(),
        store.apply([changelogBatch([{ key: 'b', value: '3' }], 0)], 1, 2),
      ]
      await Promise.all(calls)
      expect([[...contentOf(store)], store.position, store.positionEpoch]).toEqual([[['b', '3']], 1, 2])
    })

    test('clear removes everything', async () => {
      const emptyBytes = store.sizeBytes
      await commit(store, [{ key: 'a', value: '1' }])
      expect(store.sizeBytes).toBeGreaterThan(emptyBytes)
      await store.caughtUp(1_000)
      await store.clear()
      expect([store.size, store.position, store.lastCaughtUpMs, getText(store, 'a')]).toEqual([0, undefined, undefined, undefined])
      expect(store.sizeBytes).toBe(emptyBytes)
      await commit(store, [{ key: 'b', value: '1' }])
      expect([...contentOf(store)]).toEqual([['b', '1']])
    })

    test('the time of the last catch-up is kept, at most once a minute', async () => {
      await commit(store, [{ key: 'a', value: '1' }])
      await store.caughtUp(100_000)
      await store.caughtUp(159_999)
      expect(store.lastCaughtUpMs).toBe(100_000)
      await store.caughtUp(160_000)
      expect(store.lastCaughtUpMs).toBe(160_000)
    })

    test('a closed store takes nothing more, and can be closed again', async () => {
      await store.close()
      await store.close()
      await expect(store.apply([], 1, 1)).rejects.toThrow('closed')
    })

    test('opened again, it holds what it promises to survive', async () => {
      await commit(store, [
        { key: 'a', value: '123456' },
        { key: 'b', value: '1' },
      ])
      await commit(store, [{ key: 'b' }], 9)
      await store.caughtUp(77)
      await store.close()
      store = await home.open({ prefixBytes: 2 })
      const nothing = store.manifest.survives === 'nothing'
      expect([...contentOf(store)]).toEqual(nothing ? [] : [['a', '123456']])
      expect([store.position, store.positionEpoch, store.lastCaughtUpMs, peekText(store, 'a')]).toEqual(
        nothing ? [undefined, undefined, undefined, undefined] : [5, 9, 77, '12'],
      )
    })

    test('without a prefix, peek gives the whole value', async () => {
      await store.close()
      store = await home.open({ prefixBytes: 0 })
      await store.clear()
      await commit(store, [{ key: 'a', value: '123456' }])
      const view = ByteView.of('a')
      const value = new ByteView()
      expect([store.peek(view, hashOf(view), value), value.toString()]).toEqual([true, '123456'])
    })
  })
}

function markerBatch(baseOffset: number) {
  const builder = new BatchBuilder({ transactional: true })
  builder.append(1, new ByteView(Buffer.from([0, 0, 0, 1])), new ByteView(Buffer.alloc(6)), undefined)
  const bytes = builder.seal()
  bytes.writeInt16BE(ATTRIBUTE.control | ATTRIBUTE.transactional, FIELD.attributes)
  stampBatch(bytes, { producerId: 1, producerEpoch: 0, baseSequence: -1 })
  return { bytes, start: 0, end: bytes.length, baseOffset }
}

/** A generator of whole numbers that gives the same ones every time. */
export function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state >>> 8
  }
}
