import { expect, test } from 'vitest'
import type { Fault } from './faults.ts'
import { shrink } from './shrink.ts'

const faults = Array.from({ length: 20 }, (_, i): Fault => ({ kind: 'cut', atMs: i, instance: 0 }))

test('what is left is what the failure needs', async () => {
  let runs = 0
  const fails = async (some: readonly Fault[]): Promise<boolean> => {
    runs++
    return [3, 11].every((needed) => some.some(({ atMs }) => atMs === needed))
  }
  expect((await shrink(faults, fails)).map(({ atMs }) => atMs)).toEqual([3, 11])
  expect(runs).toBeLessThan(60)
})

test('a run that fails without any fault is left with none', async () => {
  expect(await shrink(faults, async () => true)).toEqual([])
})

test('it ends after a number of attempts with what it has', async () => {
  const left = await shrink(faults, async (some) => some.length > 15, 3)
  expect(left.length).toBeGreaterThan(15)
})
