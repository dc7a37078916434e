import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteView } from '../records/byte-view.ts'
import { DueBuckets } from './due-buckets.ts'

function takeAll(buckets: DueBuckets, lastSlot: number): string[] {
  const key = new ByteView()
  const taken: string[] = []
  while (buckets.take(lastSlot, key)) taken.push(key.toString())
  return taken
}

function bucketsOf(...entries: [slot: number, key: string][]): DueBuckets {
  const slots = new Map(entries.map(([slot, key]) => [key, slot]))
  const buckets = new DueBuckets((key) => slots.get(key.toString()))
  for (const [slot, key] of entries) buckets.add(slot, ByteView.of(key))
  return buckets
}

test('gives out keys by slot, the earliest first, up to the last one asked for', () => {
  const buckets = bucketsOf([7, 'd'], [3, 'a'], [5, 'b'], [5, 'c'], [9, 'e'])
  expect(takeAll(buckets, 2)).toEqual([])
  expect(takeAll(buckets, 7)).toEqual(['a', 'b', 'c', 'd'])
  expect([buckets.hasDue(8), buckets.hasDue(9), buckets.size]).toEqual([false, true, 1])
  expect(takeAll(buckets, Number.MAX_SAFE_INTEGER)).toEqual(['e'])
  expect([buckets.hasDue(Number.MAX_SAFE_INTEGER), buckets.size]).toEqual([false, 0])
})

test('a slot can be filled again, also while it is worked off', () => {
  const buckets = bucketsOf([1, 'a'], [1, 'b'])
  const key = new ByteView()
  expect(buckets.take(1, key)).toBe(true)
  buckets.add(1, ByteView.of('c'))
  expect(takeAll(buckets, 1)).toEqual(['b', 'c'])
  buckets.add(-4, ByteView.of('d'))
  expect(takeAll(buckets, 1)).toEqual(['d'])
})

test('keys of any length that ids have', () => {
  const keys = ['', 'x'.repeat(200), '\u{1f600}'.repeat(50), 'y']
  expect(takeAll(bucketsOf(...keys.map((key): [number, string] => [1, key])), 1)).toEqual(keys)
})

test('a bucket of many keys loses none', () => {
  const keys = Array.from({ length: 5000 }, (_, n) => `T${n}`)
  expect(takeAll(bucketsOf(...keys.map((key): [number, string] => [1, key])), 1)).toEqual(keys)
})

test('a key that comes and goes again and again takes no more and more room', () => {
  const due = new Set<string>(['stays'])
  const buckets = new DueBuckets((key) => (due.has(key.toString()) ? 1 : undefined))
  buckets.add(1, ByteView.of('stays'))
  let largest = 0
  for (let n = 0; n < 50_000; n++) {
    const key = ByteView.of(`T${n % 10}`)
    due.add(key.toString())
    buckets.add(1, key)
    due.delete(key.toString())
    buckets.stale(1)
    largest = Math.max(largest, buckets.size)
  }
  expect(largest).toBeLessThan(2100)
  due.add('T3')
  buckets.add(1, ByteView.of('T3'))
  const taken = takeAll(buckets, 1).filter((key) => due.has(key))
  expect(new Set(taken)).toEqual(new Set(['stays', 'T3']))
})

test('a slot of which nothing is left is gone, and the next one is the earliest', () => {
  const buckets = new DueBuckets(() => undefined)
  buckets.add(2, ByteView.of('b'))
  for (let n = 0; n < 1100; n++) {
    buckets.add(1, ByteView.of('a'))
    buckets.stale(1)
  }
  expect(buckets.size).toBeLessThan(100)
  expect(buckets.hasDue(2)).toBe(true)
  expect(takeAll(buckets, 2).at(-1)).toBe('b')
})

test('stale reports about a slot that is gone do nothing', () => {
  const buckets = bucketsOf([1, 'a'])
  takeAll(buckets, 1)
  buckets.stale(1)
  expect(buckets.size).toBe(0)
})

test('keys that are put off, brought forward and done with come when they are due, and take no more and more room', () => {
  const change = fc.record({ key: fc.integer({ min: 0, max: 20 }), slot: fc.option(fc.integer({ min: 1, max: 60 })), repeat: fc.integer({ min: 1, max: 400 }) })
  fc.assert(
    fc.property(fc.array(fc.oneof(change, fc.constant('later' as const)), { maxLength: 60 }), (steps) => {
      const due = new Map<string, number>()
      const buckets = new DueBuckets((key) => due.get(key.toString()))
      let now = 0
      const set = (key: string, slot: number | undefined) => {
        const before = due.get(key)
        if (slot === undefined) due.delete(key)
        else due.set(key, slot)
        if (slot !== undefined && before === undefined) buckets.add(slot, ByteView.of(key))
        else if (slot !== undefined && before !== undefined && slot < before) buckets.addAgain(slot, ByteView.of(key))
        else if (slot === undefined && before !== undefined) buckets.stale(before)
      }
      const later = () => {
        now += 7
        const expected = [...due].filter(([, slot]) => slot <= now).map(([key]) => key)
        const taken: string[] = []
        const view = new ByteView()
        while (buckets.take(now, view)) {
          const key = view.toString()
          const slot = due.get(key)
          if (slot !== undefined && slot > now) buckets.addAgain(slot, view)
          else if (due.delete(key)) taken.push(key)
        }
        expect(taken.sort()).toEqual(expected.sort())
        expect(buckets.hasDue(now)).toBe(false)
      }
      for (const step of steps) {
        if (step === 'later') later()
        else
          for (let i = 0; i < step.repeat; i++) {
            set(`T${step.key}`, now + (step.slot ?? 1) + (i % 2) * 5)
            if (step.slot === null) set(`T${step.key}`, undefined)
          }
        expect(buckets.size).toBeLessThan(70 * 1200)
      }
      while (now < 600 && due.size > 0) later()
      expect(due.size).toBe(0)
    }),
    { numRuns: 60 },
  )
})

test('brought forward and put off again and again, a key takes the room of a few', () => {
  let slot = 0
  const buckets = new DueBuckets(() => slot)
  buckets.add(5, ByteView.of('T'))
  for (let n = 0; n < 100_000; n++) {
    slot = n % 2 === 0 ? 3 : 5
    if (slot === 3) buckets.addAgain(3, ByteView.of('T'))
  }
  expect(buckets.size).toBeLessThan(2100)
})
