import { expect, test } from 'vitest'
import { contentOf } from '../stores/testing/changelog.ts'
import { VirtualClock } from '../test/support/virtual-clock.ts'
import { ChangelogStore } from './changelog-store.ts'
import { RecordCollector } from './record-collector.ts'
import { type RestoreProgress, restoreStores } from './restore.ts'
import { ModelKafka } from './testing/model-kafka.ts'
import { ModelStore } from './testing/model-stores.ts'

const DAY_MS = 86_400_000

class Fixture {
  readonly clock = new VirtualClock()
  readonly kafka = new ModelKafka()
  readonly log = this.kafka.log('c')
  readonly rebuilt: string[] = []
  readonly waits: string[] = []
  readonly progress: RestoreProgress[] = []
  readonly abort = new AbortController()
  store = new ModelStore({ name: 's' })

  restore(): Promise<number> {
    const changelog = new ChangelogStore({ topic: 'c', partition: 0, taskId: '0_0', store: this.store, collector: new RecordCollector(new Map()) })
    return restoreStores([changelog], {
      client: this.kafka,
      clock: this.clock,
      signal: this.abort.signal,
      onProgress: (progress) => this.progress.push(progress),
      onRebuild: (message) => this.rebuilt.push(message),
      onWaiting: (message) => this.waits.push(message),
    })
  }

  content(): string[] {
    return [...contentOf(this.store)].map(([key, value]) => `${key}=${value}`)
  }
}

test('an empty store is filled from the start of the log, aborted transactions left out, markers passed', async () => {
  const at = new Fixture()
  at.log.writeOpen([{ key: 'a', value: '1' }, { key: 'b', value: '1' }], 7)
  at.log.endTransaction(7, true)
  at.log.writeOpen([{ key: 'a', value: 'never' }], 8)
  at.log.endTransaction(8, false)
  at.log.writeOpen([{ key: 'b' }], 7)
  at.log.endTransaction(7, true)
  expect(await at.restore()).toBe(3)
  expect(at.content()).toEqual(['a=1'])
  expect(at.store).toMatchObject({ position: 7, positionEpoch: 0 })
  expect(at.progress.at(-1)).toMatchObject({ from: 0, position: 7, end: 7 })
  expect(at.kafka.openFetchers).toBe(0)
  expect(at.rebuilt).toEqual([])
})

test('what is there is not read again', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  await at.restore()
  at.log.write([{ key: 'b', value: '2' }])
  expect(await at.restore()).toBe(1)
  expect(await at.restore()).toBe(0)
  expect(at.content()).toEqual(['a=1', 'b=2'])
})

test('an empty log needs no fetcher', async () => {
  const at = new Fixture()
  expect(await at.restore()).toBe(0)
  expect(at.store.lastCaughtUpMs).toBe(at.clock.now())
})

test('restoring does not end before the last stable offset has passed the end: a transaction that looks open may have committed', async () => {
  const at = new Fixture()
  at.log.writeOpen([{ key: 'a', value: '1' }], 7)
  let restored: number | undefined
  void at.restore().then((records) => {
    restored = records
  })
  await at.clock.settle()
  expect(restored).toBeUndefined()
  at.log.endTransaction(7, true)
  at.kafka.changed()
  await at.clock.settle()
  expect(restored).toBe(1)
  expect(at.content()).toEqual(['a=1'])
})

test('what keeps a store from its end for long is named, again and again, until it is over', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  at.log.writeOpen([{ key: 'b', value: '1' }], 7)
  const restoring = at.restore()
  await at.clock.advance(29_000)
  expect(at.waits).toEqual([])
  await at.clock.advance(31_000)
  expect(at.waits).toHaveLength(2)
  expect(at.waits[0]).toMatch(/c-0 .*offset 1.*to 2.*open transaction.*kafka-transactions\.sh find-hanging/)
  at.log.endTransaction(7, true)
  at.kafka.changed()
  expect(await restoring).toBe(2)
  await at.clock.advance(60_000)
  expect(at.waits).toHaveLength(2)
})

test('aborted, it ends although nothing comes, and does not call the store caught up', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  await at.restore()
  const caughtUpMs = at.store.lastCaughtUpMs
  await at.clock.advance(DAY_MS)
  at.log.writeOpen([{ key: 'a', value: '2' }], 7)
  const restoring = at.restore()
  await at.clock.settle()
  at.abort.abort()
  expect(await restoring).toBe(0)
  expect(at.store.lastCaughtUpMs).toBe(caughtUpMs)
  expect(at.kafka.openFetchers).toBe(0)
})

test('a store beyond the end of its log belongs to another one: rebuilt', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }, { key: 'b', value: '1' }])
  await at.restore()
  at.kafka.forget('c')
  at.kafka.write('c', 0, [{ key: 'c', value: '1' }])
  await at.restore()
  expect(at.content()).toEqual(['c=1'])
  expect(at.rebuilt[0]).toMatch(/store s \(c-0\) is rebuilt.*offset 2, beyond the end of its changelog \(1\)/)
})

test('a store whose next records were deleted: rebuilt', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  await at.restore()
  at.log.write([{ key: 'b', value: '1' }])
  at.log.write([{ key: 'c', value: '1' }])
  at.log.deleteBefore(2)
  await at.restore()
  expect(at.content()).toEqual(['c=1'])
  expect(at.rebuilt[0]).toMatch(/before the start of its changelog/)
})

test('a store that has diverged from the log: rebuilt, and the reason names the epoch', async () => {
  const at = new Fixture()
  at.log.leaderEpoch = 3
  at.log.write([{ key: 'a', value: '1' }, { key: 'gone', value: '1' }])
  await at.restore()
  // An unclean election: the new leader had the first record only, and has written others since.
  at.kafka.forget('c')
  const log = at.kafka.log('c')
  log.write([{ key: 'a', value: '1' }])
  log.leaderEpoch = 4
  log.write([{ key: 'b', value: '1' }, { key: 'd', value: '1' }])
  log.epochEnd = { leaderEpoch: 3, endOffset: 1 }
  at.store.positionEpoch = 3
  await at.restore()
  expect(at.content()).toEqual(['a=1', 'b=1', 'd=1'])
  expect(at.rebuilt[0]).toMatch(/offset 2 of leader epoch 3, which the log has only up to 1: it has diverged/)
})

test('an epoch that the log still has is no reason', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  await at.restore()
  at.store.positionEpoch = 3
  at.log.epochEnd = { leaderEpoch: 3, endOffset: 1 }
  at.log.write([{ key: 'b', value: '1' }])
  await at.restore()
  expect(at.rebuilt).toEqual([])
})

test('a store that was away longer than the log keeps tombstones: rebuilt, its deleted keys do not come back', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }, { key: 'deleted', value: '1' }])
  await at.restore()
  await at.clock.advance(7 * DAY_MS)
  // compacted: neither the record nor its tombstone is left
  at.kafka.forget('c')
  at.kafka.write('c', 0, [{ key: 'a', value: '1' }])
  at.kafka.write('c', 0, [{ key: 'x', value: '1' }, { key: 'y', value: '1' }])
  await at.restore()
  expect(at.content()).toEqual(['a=1', 'x=1', 'y=1'])
  expect(at.rebuilt[0]).toMatch(/604800000 ms ago, but the log keeps deletions for 604800000 ms only/)
})

test('a store that was away for less, or lacks nothing, is kept', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  await at.restore()
  await at.clock.advance(7 * DAY_MS)
  await at.restore()
  expect(at.store.lastCaughtUpMs).toBe(at.clock.now())
  await at.clock.advance(7 * DAY_MS - 1)
  at.log.write([{ key: 'b', value: '1' }])
  expect(await at.restore()).toBe(1)
  expect(at.rebuilt).toEqual([])
})

test('of a store that never said when it was caught up, deletions may be missing: rebuilt', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  await at.restore()
  at.store.lastCaughtUpMs = undefined
  at.log.write([{ key: 'b', value: '1' }])
  await at.restore()
  expect(at.rebuilt).toHaveLength(1)
})

test('a rebuild that was interrupted goes on where it was', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  at.log.writeOpen([{ key: 'b', value: '1' }], 7)
  const abort = at.restore()
  await at.clock.settle()
  at.abort.abort()
  await abort
  expect(at.store.position).toBe(1)
  at.log.endTransaction(7, true)
  const again = new Fixture()
  again.store = at.store
  again.log.write([{ key: 'a', value: '1' }])
  again.log.write([{ key: 'b', value: '1' }])
  expect(await again.restore()).toBe(1)
  expect(again.rebuilt).toEqual([])
})

test('records that are deleted while it reads: the store begins again, once', async () => {
  const at = new Fixture()
  at.log.write([{ key: 'a', value: '1' }])
  await at.restore()
  at.log.write([{ key: 'b', value: '1' }])
  at.log.write([{ key: 'c', value: '1' }])
  const fetcher = at.kafka.fetcher.bind(at.kafka)
  at.kafka.fetcher = (options) => {
    at.log.deleteBefore(2)
    return fetcher(options)
  }
  await at.restore()
  expect(at.content()).toEqual(['c=1'])
  expect(at.rebuilt[0]).toMatch(/is not in the log/)
})
