import { expect, test } from 'vitest'
import { Recovery } from './recovery.ts'

function signs() {
  const watch = { committedSerials: [5, 6], postgres: [10, 10], mongo: [20, 20], ends: { processed: [10, 10], audit: [20, 20] } }
  return { watch, load: { sent: 8 }, http: { begun: 3, settledUpTo: 2 } }
}

test('it is whole when a later trade of every partition is committed and in both databases, and the gateway has told of one', () => {
  const seen = signs()
  const recovery = new Recovery(seen)
  const steps: [() => unknown, string][] = [
    [() => (seen.watch.committedSerials = [8, 7]), 'commits of partitions 1, rows of partitions 0 1, documents of partitions 0 1, trade that the gateway took and knows to have succeeded'],
    [() => (seen.watch.committedSerials = [8, 9]), 'rows of partitions 0 1, documents of partitions 0 1, trade that the gateway took and knows to have succeeded'],
    [() => (seen.watch.postgres = [11, 11]), 'documents of partitions 0 1, trade that the gateway took and knows to have succeeded'],
    [() => (seen.watch.mongo = [21, 21]), 'trade that the gateway took and knows to have succeeded'],
    [() => (seen.http.settledUpTo = 3), ''],
  ]
  for (const [step, missing] of steps) {
    step()
    recovery.look()
    expect([recovery.missing, recovery.isWhole]).toEqual([missing, missing === ''])
  }
})

test('what was committed just before a processor died says nothing of who took its partitions over', () => {
  const seen = signs()
  const recovery = new Recovery(seen)
  recovery.affects([1])
  const after = new Recovery(seen)
  seen.load.sent = 12
  after.affects([1])
  seen.watch.committedSerials = [20, 11]
  recovery.look()
  after.look()
  expect([recovery.affectedMs, after.affectedMs]).toEqual([expect.any(Number), undefined])
  seen.watch.committedSerials = [20, 12]
  after.look()
  expect(after.affectedMs).toEqual(expect.any(Number))
})
