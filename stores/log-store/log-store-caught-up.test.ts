import { expect, test } from 'vitest'
import { commit, contentOf } from '../testing/changelog.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { LogStore } from './log-store.ts'

const openOn = (disk: MemoryDisk): Promise<LogStore> => LogStore.open({ name: 'trades', disk, directory: '/store', partition: 0, segmentBytes: 1_000 })

test('the time of the last catch-up falls back with the position', async () => {
  const disk = new MemoryDisk()
  const store = await openOn(disk)
  await commit(store, [{ key: 'a', value: '1' }])
  await store.caughtUp(1_000)
  const early = disk.files()
  await commit(store, [{ key: 'b', value: '1' }])
  await store.caughtUp(1_000_000)
  await store.close()
  for (const [path, bytes] of early) if (path.endsWith('.log')) disk.put(path, bytes)
  const again = await openOn(disk)
  expect([again.position, again.lastCaughtUpMs]).toEqual([2, 1_000])
})

test('a store that was opened, had nothing to restore and was compacted holds everything at the next opening', async () => {
  const disk = new MemoryDisk()
  const store = await openOn(disk)
  await commit(store, [{ key: 'lies still', value: 'v'.repeat(300) }])
  await store.close()
  const reopened = await openOn(disk)
  await reopened.caughtUp(1_000_000)
  for (let i = 0; i < 40; i++) {
    await commit(reopened, [{ key: 'changes', value: String(i).repeat(200) }])
    await reopened.housekeep(100_000)
  }
  expect([...contentOf(reopened).keys()]).toEqual(['changes', 'lies still'])
  await reopened.close()
  expect([...contentOf(await openOn(disk)).keys()]).toEqual(['changes', 'lies still'])
})
