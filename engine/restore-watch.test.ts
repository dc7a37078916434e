import { expect, test } from 'vitest'
import { RestoreWatch } from './restore-watch.ts'
import { countingTopology } from './testing/counting.ts'

test('what a task has still to read is known once its stores have begun, and forgotten with the start', () => {
  const watch = new RestoreWatch(countingTopology({ partitions: 2 }))
  expect(watch.remaining('0_1')).toBeUndefined()
  const progress = { topic: 'app-counts-changelog', partition: 1, from: 0, end: 100 }
  watch.note({ ...progress, position: 30 })
  watch.note({ ...progress, position: 60 })
  expect([watch.remaining('0_1'), watch.remaining('0_0')]).toEqual([40, undefined])
  // Markers may lie behind the end that was to be reached.
  watch.note({ ...progress, position: 101 })
  expect(watch.remaining('0_1')).toBe(0)
  watch.forget()
  expect(watch.remaining('0_1')).toBeUndefined()
})
