import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { DiskFile } from '../../ports/disk.ts'
import { crc32c } from '../../records/crc32c.ts'
import { nodeDisk } from '../node-disk.ts'
import { changelogBatch, commit, contentOf, entriesOf, getText, peekText } from '../testing/changelog.ts'
import { MemoryDisk } from '../testing/memory-disk.ts'
import { numbersFrom, stateStoreContract } from '../testing/state-store-contract.ts'
import { LogStore, type LogStoreOptions } from './log-store.ts'

function contractWith(name: string, options: Partial<LogStoreOptions>): void {
  stateStoreContract(name, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'log-store-'))
    return {
      open: ({ prefixBytes }) => LogStore.open({ name: 'trades', disk: nodeDisk, directory: join(directory, 'store'), partition: 3, prefixBytes, ...options }),
      release: () => rm(directory, { recursive: true }),
    }
  })
}

contractWith('the log store', {})
contractWith('the log store with small segments', { segmentBytes: 20_000 })
contractWith('the log store without memory for keys', { segmentBytes: 100_000, memoryBudgetBytes: 0 })

const DIRECTORY = '/store'

function openOn(disk: MemoryDisk, options: Partial<LogStoreOptions> = {}): Promise<LogStore> {
  return LogStore.open({ name: 'trades', disk, directory: DIRECTORY, partition: 0, segmentBytes: 1_000, ...options })
}

/** Compaction until nothing is due any more, if that comes to pass: each call removes one segment. */
async function compact(store: LogStore, disk: MemoryDisk): Promise<void> {
  for (let i = 0, before = -1; i < 20 && before !== disk.operations.length; i++) {
    before = disk.operations.length
    await store.housekeep(100_000)
  }
}

function segmentFiles(disk: MemoryDisk): string[] {
  return [...disk.files().keys()].filter((path) => path.endsWith('.log')).sort()
}

describe('compaction', () => {
  test('keeps the file in proportion to what lives, whatever is written', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { segmentBytes: 10_000, deadShare: 0.5 })
    const random = numbersFrom(1)
    for (let round = 0; round < 400; round++) {
      await commit(
        store,
        Array.from({ length: 10 }, () => ({ key: `key-${random() % 100}`, value: 'v'.repeat(100) })),
      )
      await store.housekeep(0)
    }
    const { liveBytes, fileBytes, keys } = store.stats()
    expect(keys).toBe(100)
    expect(liveBytes).toBeGreaterThan(100 * 100)
    expect(fileBytes).toBeLessThan(4 * liveBytes + 2 * 10_000)
    expect(entriesOf(store)).toEqual(contentOf(store))
  })

  test('a tombstone stays while an older segment may hold its key, and goes with the oldest', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { deadShare: 0.3 })
    await commit(store, [
      { key: 'removed', value: 'v'.repeat(200) },
      { key: 'stays', value: 'v'.repeat(600) },
    ])
    await commit(store, [{ key: 'removed' }, { key: 'hot', value: 'v'.repeat(700) }])
    for (let i = 0; i < 3; i++) await commit(store, [{ key: 'hot', value: 'w'.repeat(700) }])
    await compact(store, disk)
    const oldest = segmentFiles(disk)[0] ?? ''
    expect(disk.files().get(oldest)?.includes('removed'), 'the segment of the value has not been compacted').toBe(true)
    await store.close()

    const again = await openOn(disk, { deadShare: 0.01 })
    expect([...contentOf(again).keys()]).toEqual(['hot', 'stays'])
    await compact(again, disk)
    await commit(again, [{ key: 'next', value: 'v'.repeat(900) }])
    await compact(again, disk)
    expect([...disk.files().values()].some((bytes) => bytes.includes('removed'))).toBe(false)
    expect([...contentOf(again).keys()]).toEqual(['hot', 'next', 'stays'])
  })

  test('many tombstones make it rewrite the oldest segment, however full it is', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { deadShare: 0.95 })
    await commit(store, [{ key: 'stays', value: 'v'.repeat(900) }])
    const oldest = segmentFiles(disk)[0]
    for (let i = 0; i < 30; i++)
      await commit(
        store,
        Array.from({ length: 10 }, (_, n) => ({ key: `never-there-${i}-${n}` })),
      )
    await compact(store, disk)
    expect(segmentFiles(disk)).not.toContain(oldest)
    expect(getText(store, 'stays')).toBe('v'.repeat(900))
  })

  test('copies keep offset order and timestamps; what was copied is copied again', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { deadShare: 0.1 })
    const random = numbersFrom(9)
    const expected = new Map<string, number>()
    for (let round = 1; round <= 120; round++) {
      const key = `key-${random() % 25}`
      expected.set(key, round * 1_000_000_000)
      await commit(store, [{ key, value: `${round}`.repeat(20), timestamp: round * 1_000_000_000 }])
      await store.housekeep(10)
    }
    await store.close()
    const found = new Map<string, number>()
    const again = await openOn(disk)
    again.entries((key, _value, timestamp) => found.set(key.toString(), timestamp))
    expect(new Map([...found].sort())).toEqual(new Map([...expected].sort()))
  })

  test('a store that is cleared while a segment is copied goes on with the new log', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { deadShare: 0.1 })
    for (let i = 0; i < 10; i++) await commit(store, [{ key: `key-${i % 3}`, value: 'v'.repeat(400) }])
    await store.housekeep(1)
    const copying = store.housekeep(1)
    await store.clear()
    await copying
    await commit(store, [{ key: 'a', value: '1' }])
    await store.housekeep(1_000)
    expect([...contentOf(store)]).toEqual([['a', '1']])
  })
})

test('clearing waits for a sync that is under way, and compaction then leaves the new log alone', async () => {
  const disk = new HeldSyncDisk()
  const store = await openOn(disk, { deadShare: 0.1 })
  for (let i = 0; i < 6; i++) await commit(store, [{ key: 'a', value: 'v'.repeat(400) }])
  const inSync = disk.holdNextSync()
  const housekeeping = store.housekeep(100_000)
  const release = await inSync
  const clearing = store.clear()
  const applying = store.apply([changelogBatch([{ key: 'b', value: '1' }], 0)], 1, 1)
  // Everything that does not wait for the sync has happened after this.
  await setImmediate()
  release()
  await Promise.all([housekeeping, clearing, applying])
  expect(disk.syncedClosedFile).toBe(false)
  await commit(store, [{ key: 'c', value: '1' }])
  expect([[...contentOf(store).keys()], store.position]).toEqual([['b', 'c'], 3])
})

test('a torn tail is cut off on a full disk too', async () => {
  const disk = new MemoryDisk()
  const store = await openOn(disk)
  await commit(store, [{ key: 'a', value: '1' }])
  disk.failAt(disk.operations.length, 'tear')
  await expect(commit(store, [{ key: 'b', value: '1' }])).rejects.toThrow('ENOSPC')
  await store.close()
  const before = disk.operations.length
  expect([...contentOf(await openOn(disk)).keys()]).toEqual(['a'])
  expect(disk.operations.slice(before).map(({ kind }) => kind)).toEqual(['truncate', 'sync'])
})

describe('opening', () => {
  test('says what was cut off and why', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk)
    await commit(store, [{ key: 'a', value: '1' }])
    await commit(store, [{ key: 'b', value: '1' }])
    await store.close()
    const [path = ''] = segmentFiles(disk)
    const bytes = disk.files().get(path) ?? Buffer.alloc(0)
    disk.put(path, bytes.subarray(0, bytes.length - 1))
    const again = await openOn(disk)
    expect(again.recovery.outcome).toBe('cut')
    expect(again.recovery.reason).toMatch(/segment 1 is damaged at byte \d+: it ends after/)
    expect(again.position).toBe(2)
  })

  test('a damaged list of segments clears the store; the damaged files are not read', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk)
    await commit(store, [{ key: 'a', value: '1' }])
    await store.close()
    disk.put(`${DIRECTORY}/segments`, Buffer.from('{}'))
    const again = await openOn(disk)
    expect([again.recovery.outcome, again.position, again.size]).toEqual(['cleared', undefined, 0])
  })

  test('a store of a later format is refused and left alone', async () => {
    const disk = new MemoryDisk()
    const line = '{"format":2}'
    disk.put(`${DIRECTORY}/segments`, Buffer.from(`${line}\n${crcOf(line)}\n`))
    await expect(openOn(disk)).rejects.toThrow('has format 2, this version knows format 1')
    expect([...disk.files().keys()]).toEqual([`${DIRECTORY}/segments`])
  })

  test('the store of another partition is not taken for the own one', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { partition: 1 })
    await commit(store, [{ key: 'a', value: '1' }])
    await store.close()
    const again = await openOn(disk, { partition: 2 })
    expect([again.recovery.outcome, again.position]).toEqual(['cut', undefined])
    expect(again.recovery.reason).toContain('a frame belongs to partition 1, this is the store of partition 2')
  })

  test('files that a crash left behind are removed', async () => {
    const disk = new MemoryDisk()
    disk.put(`${DIRECTORY}/000000000007.log`, Buffer.from('left over'))
    const store = await openOn(disk)
    await commit(store, [{ key: 'a', value: '1' }])
    await store.close()
    disk.put(`${DIRECTORY}/000000000003.log`, Buffer.from('left over'))
    expect([...contentOf(await openOn(disk))]).toEqual([['a', '1']])
    expect(segmentFiles(disk)).toHaveLength(1)
  })

  test('the prefix may be changed between runs', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { prefixBytes: 0 })
    await commit(store, [{ key: 'a', value: 'a'.repeat(30) }])
    await store.close()
    const again = await openOn(disk, { prefixBytes: 24 })
    expect(peekText(again, 'a')).toBe('a'.repeat(24))
    await expect(openOn(disk, { prefixBytes: 25 })).rejects.toThrow('prefixBytes is 25, expected a whole number from 0 to 24')
  })
})

describe('a snapshot of the index', () => {
  const OFTEN = { snapshotBytes: 1, snapshotPerIndexByte: 0 }
  const PATH = `${DIRECTORY}/index`

  test('is what the next opening takes instead of indexing the log, and the store goes on from there', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, OFTEN)
    await commit(store, [{ key: 'a', value: '1' }, { key: 'b', value: '1' }, { key: 'c', value: '1' }])
    await commit(store, [{ key: 'b' }])
    await store.close()
    const again = await openOn(disk, OFTEN)
    expect([again.stats().uncoveredBytes, again.position, again.size]).toEqual([0, 6, 2])
    expect([...contentOf(again)]).toEqual([['a', '1'], ['c', '1']])
    // The room of the removed key is used again; what is replaced is accounted for.
    await commit(again, [{ key: 'd', value: '22' }, { key: 'a', value: '22' }])
    expect([...contentOf(again)].sort()).toEqual([['a', '22'], ['c', '1'], ['d', '22']])
    expect(again.stats().liveBytes).toBe(store.stats().liveBytes + 12)
    await again.close()
  })

  test('covers what was there when it was made; what came behind is indexed', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, OFTEN)
    await commit(store, [{ key: 'a', value: '1' }])
    await store.housekeep(1)
    expect(store.stats().uncoveredBytes).toBe(0)
    await commit(store, [{ key: 'b', value: '1' }])
    const { uncoveredBytes } = store.stats()
    expect(uncoveredBytes).toBeGreaterThan(0)
    const killed = await openOn(disk.restarted(), OFTEN)
    expect([killed.stats().uncoveredBytes, [...contentOf(killed).keys()]]).toEqual([uncoveredBytes, ['a', 'b']])
  })

  test('is not used where the log is damaged, and is gone before the log can grow to its length again', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, OFTEN)
    await commit(store, [{ key: 'a', value: '1' }])
    await commit(store, [{ key: 'b', value: '1' }])
    await store.close()
    const [path = ''] = segmentFiles(disk)
    const bytes = disk.files().get(path) ?? Buffer.alloc(0)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    disk.put(path, bytes)
    const cut = await openOn(disk, OFTEN)
    expect([cut.recovery.outcome, [...contentOf(cut).keys()]]).toEqual(['cut', ['a']])
    expect(disk.files().has(PATH)).toBe(false)
  })

  test.each([
    ['another prefix', { prefixBytes: 5 }],
    ['another partition', { partition: 3 }],
  ])('of %s is not used', async (_, other) => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, OFTEN)
    await commit(store, [{ key: 'a', value: '1' }])
    await store.close()
    expect((await openOn(disk, { ...OFTEN, ...other })).stats().uncoveredBytes).toBe('partition' in other ? 0 : (disk.files().get(segmentFiles(disk)[0] ?? '')?.length ?? 0))
    expect(disk.files().has(PATH)).toBe(false)
  })

  test('that a crash left unfinished is removed', async () => {
    const disk = new MemoryDisk()
    disk.put(`${PATH}.tmp`, Buffer.alloc(100))
    await openOn(disk, OFTEN)
    expect(disk.files().has(`${PATH}.tmp`)).toBe(false)
  })

  test('is not written each time that compaction outdates it', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { segmentBytes: 1_000, deadShare: 0.3, snapshotBytes: 4_000, snapshotPerIndexByte: 0 })
    for (let i = 0; i < 60; i++) {
      await commit(store, [{ key: `k${i % 3}`, value: 'v'.repeat(40) }])
      await store.housekeep(400)
    }
    const count = (wanted: string) => disk.operations.filter(({ kind }) => kind === wanted).length
    expect(count('unlink')).toBeGreaterThan(6)
    expect(count('rename')).toBeLessThan(5)
  })

  test('is due again when compaction has removed a segment that it names', async () => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, { segmentBytes: 1_000, deadShare: 0.3, snapshotBytes: 1, snapshotPerIndexByte: 0 })
    for (let i = 0; i < 60; i++) {
      await commit(store, [{ key: `k${i % 3}`, value: 'v'.repeat(40) }])
      await store.housekeep(400)
    }
    expect(disk.operations.some(({ kind, path }) => kind === 'unlink' && path.endsWith('.log'))).toBe(true)
    const killed = await openOn(disk.restarted(), OFTEN)
    expect(killed.stats().uncoveredBytes).toBe(0)
    expect(contentOf(killed)).toEqual(contentOf(store))
  })

  test.each([0, 1, 2, 3])('that cannot be written (step %i) is missed by nobody, and nothing of it stays on the full disk', async (step) => {
    const disk = new MemoryDisk()
    const store = await openOn(disk, OFTEN)
    await commit(store, [{ key: 'a', value: '1' }])
    disk.failAt(disk.operations.length + step, 'refuse')
    await store.housekeep(1)
    expect(disk.files().has(`${PATH}.tmp`)).toBe(false)
    await commit(store, [{ key: 'b', value: '1' }])
    expect([...contentOf(await openOn(disk.restarted(), OFTEN)).keys()]).toEqual(['a', 'b'])
  })
})

test('above the memory budget keys stay in the file, and everything works as before', async () => {
  const disk = new MemoryDisk()
  const store = await openOn(disk, { segmentBytes: 100_000, memoryBudgetBytes: 1_500_000, prefixBytes: 3 })
  const writes = Array.from({ length: 40_000 }, (_, i) => ({ key: `key-${i}`, value: `value ${i}` }))
  for (let i = 0; i < writes.length; i += 1_000) await commit(store, writes.slice(i, i + 1_000))
  const { arenaBytes, indexBytes } = store.stats()
  expect(arenaBytes + indexBytes).toBeLessThan(40_000 * 70)
  for (const i of [0, 20_000, 39_999]) expect([getText(store, `key-${i}`), peekText(store, `key-${i}`)]).toEqual([`value ${i}`, 'val'])
  await commit(
    store,
    writes.slice(0, 39_990).map(({ key }) => ({ key })),
  )
  expect([...contentOf(store).keys()]).toEqual(writes.slice(39_990).map(({ key }) => key))
})

test('a restored batch with gaps is kept as it is', async () => {
  const disk = new MemoryDisk()
  const store = await openOn(disk)
  await store.apply([changelogBatch([{ key: 'a', value: '1' }], 100), changelogBatch([{ key: 'b', value: '2' }], 5_000_000_000)], 6_000_000_000, 3)
  await store.close()
  const again = await openOn(disk)
  expect([[...contentOf(again)], again.position, again.positionEpoch]).toEqual([
    [
      ['a', '1'],
      ['b', '2'],
    ],
    6_000_000_000,
    3,
  ])
})

function crcOf(line: string): string {
  const bytes = Buffer.from(line)
  return crc32c(bytes, 0, bytes.length).toString(16)
}

/** A disk on which a sync can be held, to see what others do meanwhile. */
class HeldSyncDisk extends MemoryDisk {
  syncedClosedFile = false
  #reached: ((release: () => void) => void) | undefined

  /** Resolves when the sync has begun, with what lets it go on. */
  holdNextSync(): Promise<() => void> {
    return new Promise((resolve) => {
      this.#reached = resolve
    })
  }

  override async open(path: string): Promise<DiskFile> {
    const file = await super.open(path)
    let isClosed = false
    return {
      get sizeBytes() {
        return file.sizeBytes
      },
      append: (chunks) => file.append(chunks),
      readSync: (target, position) => file.readSync(target, position),
      read: (target, position) => file.read(target, position),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      sync: async () => {
        const reached = this.#reached
        this.#reached = undefined
        if (reached !== undefined) await new Promise<void>(reached)
        if (isClosed) this.syncedClosedFile = true
        await file.sync()
      },
      close: async () => {
        isClosed = true
      },
    }
  }
}
