import { describe, expect, test } from 'vitest'
import { BatchBuilder } from '../records/batch-builder.ts'
import { ByteView } from '../records/byte-view.ts'
import { Overlay } from './overlay.ts'
import { hashOf } from './testing/changelog.ts'
import { numbersFrom } from './testing/state-store-contract.ts'

function write(overlay: Overlay, builder: BatchBuilder, key: string, value: string | undefined): void {
  const view = ByteView.of(key)
  builder.append(0, view, value === undefined ? undefined : ByteView.of(value), undefined)
  overlay.put(hashOf(view), builder)
}

function read(overlay: Overlay, key: string, prefixBytes?: number): string {
  const view = ByteView.of(key)
  const into = new ByteView()
  const found = prefixBytes === undefined ? overlay.get(view, hashOf(view), into) : overlay.peek(view, hashOf(view), prefixBytes, into)
  return found === 'found' ? `found ${into.toString()}` : found
}

describe('an overlay', () => {
  test('tells what was written, what was deleted and what it does not know', () => {
    const overlay = new Overlay()
    const builder = new BatchBuilder({ transactional: true })
    expect(read(overlay, 'a')).toBe('miss')
    write(overlay, builder, 'a', '1')
    write(overlay, builder, 'b', undefined)
    write(overlay, builder, 'c', '')
    expect([read(overlay, 'a'), read(overlay, 'b'), read(overlay, 'c'), read(overlay, 'd'), overlay.size]).toEqual(['found 1', 'deleted', 'found ', 'miss', 3])
    write(overlay, builder, 'a', undefined)
    write(overlay, builder, 'b', '2')
    expect([read(overlay, 'a'), read(overlay, 'b'), overlay.size]).toEqual(['deleted', 'found 2', 3])
  })

  test('gives the first bytes of a value', () => {
    const overlay = new Overlay()
    const builder = new BatchBuilder({ transactional: true })
    write(overlay, builder, 'a', '123456')
    write(overlay, builder, 'b', '12')
    expect([read(overlay, 'a', 4), read(overlay, 'b', 4)]).toEqual(['found 1234', 'found 12'])
  })

  test('holds what a map holds, while the batch grows and is used again', () => {
    const random = numbersFrom(2)
    const overlay = new Overlay()
    const builder = new BatchBuilder({ transactional: true })
    for (let generation = 0; generation < 20; generation++) {
      const expected = new Map<string, string>()
      for (let i = 0; i < 200 * generation; i++) {
        const key = `key ${'k'.repeat(random() % 40)} ${random() % 500}`
        const value = random() % 3 === 0 ? undefined : `${generation} ${i}`
        write(overlay, builder, key, value)
        expected.set(key, value === undefined ? 'deleted' : `found ${value}`)
      }
      for (const [key, value] of expected) expect(read(overlay, key)).toBe(value)
      expect(overlay.size).toBe(expected.size)
      overlay.clear()
      builder.reset()
      for (const key of expected.keys()) expect(read(overlay, key)).toBe('miss')
    }
  })

  test('keys of any length', () => {
    const overlay = new Overlay()
    const builder = new BatchBuilder({ transactional: true })
    for (const key of ['', 'k'.repeat(70_000), `${'k'.repeat(69_999)}x`]) write(overlay, builder, key, `${key.length} ${key.at(-1)}`)
    expect([read(overlay, ''), read(overlay, 'k'.repeat(70_000)), read(overlay, `${'k'.repeat(69_999)}x`)]).toEqual([
      'found 0 undefined',
      'found 70000 k',
      'found 70000 x',
    ])
  })

  test('is of one batch: a second one is refused until it is cleared', () => {
    const overlay = new Overlay()
    write(overlay, new BatchBuilder({ transactional: true }), 'a', '1')
    expect(() => write(overlay, new BatchBuilder({ transactional: true }), 'b', '1')).toThrow('clear it before')
    overlay.clear()
    write(overlay, new BatchBuilder({ transactional: true }), 'b', '1')
    expect([read(overlay, 'a'), read(overlay, 'b')]).toEqual(['miss', 'found 1'])
  })
})
