import { expect, test } from 'vitest'
import { ByteView } from '../../records/byte-view.ts'
import { mixHash } from '../mix-hash.ts'
import { numbersFrom } from '../testing/state-store-contract.ts'
import { KeyIndex } from './key-index.ts'

const VALUE = Buffer.from('value')

function newIndex(): KeyIndex {
  return new KeyIndex({ prefixBytes: 2, memoryBudgetBytes: 1 << 30, keyInFile: () => undefined })
}

function put(index: KeyIndex, key: string, position: number, mixed = mixHash(key.length)): boolean {
  const buffer = Buffer.from(key)
  return index.put(mixed, {
    buffer: Buffer.concat([buffer, VALUE]),
    keyStart: 0,
    keyEnd: buffer.length,
    valueStart: buffer.length,
    valueEnd: buffer.length + VALUE.length,
    tag: 1,
    keyPosition: 0,
    valuePosition: position,
  })
}

function find(index: KeyIndex, key: string, mixed = mixHash(key.length)): number | undefined {
  const buffer = Buffer.from(key)
  return index.find(mixed, buffer, 0, buffer.length) ? index.position : undefined
}

function remove(index: KeyIndex, key: string, mixed = mixHash(key.length)): boolean {
  const buffer = Buffer.from(key)
  return index.remove(mixed, buffer, 0, buffer.length)
}

test('keys with one and the same hash are kept apart', () => {
  const index = newIndex()
  for (let i = 0; i < 200; i++) put(index, `key-${i}`, i, 7)
  for (let i = 0; i < 200; i += 2) expect(remove(index, `key-${i}`, 7)).toBe(true)
  for (let i = 0; i < 200; i++) expect(find(index, `key-${i}`, 7)).toBe(i % 2 === 0 ? undefined : i)
})

test('removing closes the gap, also around the end of the table', () => {
  // The highest hashes of the first part: their searches wrap around to its beginning.
  const highest = (1 << 27) - 1
  const index = newIndex()
  const keys = Array.from({ length: 12 }, (_, i) => ({ key: `key-${i}`, mixed: highest - (i % 3) * (1 << 21) }))
  for (const [i, { key, mixed }] of keys.entries()) put(index, key, i, mixed)
  for (const [i, { key, mixed }] of keys.entries()) {
    expect(remove(index, key, mixed)).toBe(true)
    for (const [j, other] of keys.entries()) expect(find(index, other.key, other.mixed)).toBe(j <= i ? undefined : j)
  }
  expect(index.size).toBe(0)
})

test('it is a map, whatever comes and goes', () => {
  const random = numbersFrom(4)
  const index = newIndex()
  const expected = new Map<string, number>()
  for (let i = 0; i < 60_000; i++) {
    const key = `key-${random() % 9_000}`
    const mixed = mixHash(Number(key.slice(4)))
    if (random() % 3 === 0) expect(remove(index, key, mixed)).toBe(expected.delete(key))
    else {
      expect(put(index, key, i, mixed)).toBe(expected.has(key))
      expected.set(key, i)
    }
  }
  expect(index.size).toBe(expected.size)
  for (let n = 0; n < 9_000; n++) expect(find(index, `key-${n}`, mixHash(n))).toBe(expected.get(`key-${n}`))
  const found = new Map<string, number>()
  const key = new ByteView()
  index.forEach((entry, _tag, position) => {
    index.arena.key(entry, key)
    found.set(key.toString(), position)
  })
  expect(new Map([...found].sort())).toEqual(new Map([...expected].sort()))
})

test('keys of one partition out of 64 spread over the table', () => {
  const index = newIndex()
  for (let i = 0; i < 20_000; i++) put(index, `key-${i}`, i, mixHash(i * 64 + 5))
  // 20,000 keys in 32 parts: without the mixing, all would be in a few of them, which then are many times as large.
  expect(index.indexBytes).toBe(32 * 1_024 * 16)
})

test('the room of removed keys is used again', () => {
  const index = newIndex()
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 10_000; i++) put(index, `key-${round}-${10_000 + i}`, i, mixHash(i))
    for (let i = 0; i < 10_000; i++) remove(index, `key-${round}-${10_000 + i}`, mixHash(i))
  }
  expect(index.arena.sizeBytes).toBe(1 << 20)
})
