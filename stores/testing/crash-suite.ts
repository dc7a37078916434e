import { describe, expect, test } from 'vitest'
import type { Disk } from '../../ports/disk.ts'
import { type StateStore, StoreFailedError } from '../state-store.ts'
import { commit, contentOf, entriesOf, type Write } from './changelog.ts'
import { type DiskFault, MemoryDisk, ProcessDeadError } from './memory-disk.ts'
import { numbersFrom } from './state-store-contract.ts'

/** Opens a store whose segments hold some ten commits of the suite (1,500 bytes), so that it compacts all the time. */
export type OpenStore = (disk: Disk, directory: string) => Promise<StateStore>

const DIRECTORY = '/store'
const COMMITS = 26
const KEYS = 14
const COLD_KEYS = 12

/** What a store holds after so many commits. */
interface Expected {
  readonly position: number | undefined
  /** All keys and values, as text: these are compared tens of thousands of times. */
  readonly content: string
}

/** How far a run came before it was stopped. */
interface Progress {
  /** Commits whose `apply` has resolved, and those of them that were flushed. */
  applied: number
  flushed: number
}

/**
 * What a store that survives crashes has to hold after each of them: the state after some number of commits, exactly, and the position that belongs to it. After the death of the process
 * that is every commit that was applied, and perhaps the one that was under way; after a power cut, at least what was flushed. Damage may take it back further, but never to a state that never was.
 * `powerCuts`: at each step, each losing something else.
 */
export function crashSuite(name: string, open: OpenStore, { powerCuts = 3 }: { powerCuts?: number } = {}): void {
  describe(`${name} after a crash`, { timeout: 60_000 }, () => {
    const commits = workload()
    const states = statesOf(commits)

    test('the workload removes segments, or the rest of this suite would prove little', async () => {
      const disk = new MemoryDisk()
      await run(await open(disk, DIRECTORY), commits, { applied: 0, flushed: 0 })
      expect(disk.operations.filter(({ kind, path }) => kind === 'unlink' && path.endsWith('.log')).length).toBeGreaterThan(3)
    })

    test('cut at every byte of every file, it holds a prefix', async () => {
      const files = await filesAfter(open, commits)
      for (const [path, bytes] of files) {
        for (let length = 0; length < bytes.length; length += strideIn(bytes)) {
          const disk = diskOf(files)
          disk.put(path, bytes.subarray(0, length))
          await checkPrefix(await open(disk, DIRECTORY), states, `${path} cut to ${length}`)
        }
      }
    })

    test('with any byte changed, it holds a prefix', async () => {
      const files = await filesAfter(open, commits)
      const random = numbersFrom(3)
      for (const [path, bytes] of files) {
        for (let at = 0; at < bytes.length; at += strideIn(bytes)) {
          const damaged = Buffer.from(bytes)
          damaged[at] = (damaged[at] ?? 0) ^ (1 << (random() % 8))
          const disk = diskOf(files)
          disk.put(path, damaged)
          await checkPrefix(await open(disk, DIRECTORY), states, `${path} changed at ${at}`)
        }
      }
    })

    test('with any file missing, it holds a prefix', async () => {
      const files = await filesAfter(open, commits)
      for (const path of files.keys()) {
        const disk = diskOf(new Map([...files].filter(([other]) => other !== path)))
        await checkPrefix(await open(disk, DIRECTORY), states, `${path} missing`)
      }
    })

    test.each(['refuse', 'tear'] as const)('a write that fails (%s) loses nothing that was applied, wherever it happens', async (fault) => {
      await forEachStep(open, commits, async (step) => {
        const disk = new MemoryDisk()
        disk.failAt(step, fault)
        const progress = { applied: 0, flushed: 0 }
        const store = await openAnyway(open, disk)
        await checkFailure(store, await stopped(() => run(store, commits, progress)), states, progress)
        const again = await open(disk, DIRECTORY)
        const found = await checkPrefix(again, states, `${fault} at ${step}`)
        expect(found, `${fault} at ${step}`).toBeGreaterThanOrEqual(progress.applied)
        await checkGoesOn(again, { from: found, commits, states })
      })
    })

    test.each(['crash-before', 'crash-torn', 'crash-after'] as const)('the process dies (%s), wherever it happens', async (fault) => {
      await forEachStep(open, commits, async (step) => {
        const { disk, progress } = await crashedAt({ open, commits, step, fault })
        const store = await open(disk.restarted(), DIRECTORY)
        const found = await checkPrefix(store, states, `${fault} at ${step}`)
        expect(found, `${fault} at ${step}`).toBeGreaterThanOrEqual(progress.applied)
        await checkGoesOn(store, { from: found, commits, states })
      })
    })

    test.each(['crash-before', 'crash-torn', 'crash-after'] as const)('the power is cut (%s), wherever it happens', async (fault) => {
      const random = numbersFrom(11)
      await forEachStep(open, commits, async (step) => {
        const { disk, progress } = await crashedAt({ open, commits, step, fault })
        for (let i = 0; i < powerCuts; i++) {
          const store = await open(disk.powerCut(random), DIRECTORY)
          const found = await checkPrefix(store, states, `power cut, ${fault} at ${step}`)
          expect(found, `power cut, ${fault} at ${step}`).toBeGreaterThanOrEqual(progress.flushed)
          await checkGoesOn(store, { from: found, commits, states })
        }
      })
    })
  })
}

/** Every byte of a small file; of a large one, which holds nothing that is not elsewhere, some. */
function strideIn({ length }: Buffer): number {
  return length < 5_000 ? 1 : 41
}

/**
 * Skewed, so that segments empty at different speeds. The first commit writes keys that nothing touches any more until they are removed, one now and then: their tombstones lie in segments
 * that are compacted long before the old one is.
 */
function workload(): Write[][] {
  const random = numbersFrom(5)
  const cold = Array.from({ length: COLD_KEYS }, (_, i) => ({ key: `cold-${i}`, value: `cold ${'v'.repeat(60)}` }))
  const hot = Array.from({ length: COMMITS - 1 }, (_, number) => {
    const writes: Write[] = Array.from({ length: 1 + (random() % 5) }, () => {
      const key = `key-${Math.min(random() % KEYS, random() % KEYS)}`
      return random() % 5 === 0 ? { key } : { key, value: `${number}:${'v'.repeat(random() % 40)}` }
    })
    return number % 2 === 1 ? [...writes, { key: `cold-${number >> 1}` }] : writes
  })
  return [cold, ...hot]
}

function statesOf(commits: readonly Write[][]): Expected[] {
  const content = new Map<string, string>()
  const states: Expected[] = [{ position: undefined, content: textOf(content) }]
  let position = 0
  for (const writes of commits) {
    for (const { key, value } of writes) value === undefined ? content.delete(key) : content.set(key, value)
    position += writes.length + 1
    states.push({ position, content: textOf(content) })
  }
  return states
}

function textOf(content: ReadonlyMap<string, string>): string {
  return JSON.stringify([...content].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Carries out the commits from `progress.applied` on, as a stream thread does. */
async function run(store: StateStore, commits: readonly Write[][], progress: Progress): Promise<void> {
  while (progress.applied < commits.length) {
    const number = progress.applied
    await commit(store, commits[number] ?? [])
    progress.applied = number + 1
    await store.housekeep(400)
    if (number % 9 === 8) {
      await store.flush()
      progress.flushed = number + 1
    }
    if (number % 7 === 6) await store.caughtUp(number * 60_000)
  }
}

/** All faults of one run: how many steps there are is what an undisturbed run needs. */
async function forEachStep(open: OpenStore, commits: readonly Write[][], check: (step: number) => Promise<void>): Promise<void> {
  const undisturbed = new MemoryDisk()
  const store = await open(undisturbed, DIRECTORY)
  await run(store, commits, { applied: 0, flushed: 0 })
  await store.close()
  for (let step = 0; step < undisturbed.operations.length; step++) await check(step)
}

async function crashedAt({
  open,
  commits,
  step,
  fault,
}: {
  open: OpenStore
  commits: readonly Write[][]
  step: number
  fault: DiskFault
}): Promise<{ disk: MemoryDisk; progress: Progress }> {
  const disk = new MemoryDisk()
  disk.failAt(step, fault)
  const progress = { applied: 0, flushed: 0 }
  const error = await stopped(async () => {
    const store = await open(disk, DIRECTORY)
    await run(store, commits, progress)
    await store.close()
  })
  expect(
    error instanceof ProcessDeadError || (error instanceof StoreFailedError && error.cause instanceof ProcessDeadError),
    `${fault} at ${step} stopped the run: ${error}`,
  ).toBe(true)
  return { disk, progress }
}

async function stopped(step: () => Promise<void>): Promise<unknown> {
  try {
    await step()
  } catch (error) {
    return error
  }
  return undefined
}

/** A fault may meet the opening itself: then it is tried again, as a restarted process does. */
async function openAnyway(open: OpenStore, disk: MemoryDisk): Promise<StateStore> {
  try {
    return await open(disk, DIRECTORY)
  } catch {
    return open(disk, DIRECTORY)
  }
}

/** What a failed store still does: it reads, and refuses. */
async function checkFailure(store: StateStore, error: unknown, states: readonly Expected[], { applied }: Progress): Promise<void> {
  if (error === undefined) return closeAnyway(store)
  expect(error).toBeInstanceOf(StoreFailedError)
  expect(textOf(contentOf(store))).toBe(states[applied]?.content)
  await expect(commit(store, [{ key: 'late', value: 'late' }])).rejects.toThrow(StoreFailedError)
  await store.close()
}

/** The fault may have been kept for the sync at the end; the files are released all the same. */
async function closeAnyway(store: StateStore): Promise<void> {
  const error = await stopped(() => store.close())
  if (error !== undefined) expect(error).toBeInstanceOf(StoreFailedError)
}

/** Answers after how many commits the store is in its state. */
async function checkPrefix(store: StateStore, states: readonly Expected[], what: string): Promise<number> {
  const number = states.findIndex(({ position }) => position === store.position)
  expect(number, `${what}: position ${store.position}`).toBeGreaterThanOrEqual(0)
  const content = contentOf(store)
  expect(textOf(content), what).toBe(states[number]?.content)
  expect(textOf(entriesOf(store)), what).toBe(states[number]?.content)
  expect(store.size, what).toBe(content.size)
  return number
}

/** The store catches up, and what it then holds is found again. */
async function checkGoesOn(
  store: StateStore,
  { from, commits, states }: { from: number; commits: readonly Write[][]; states: readonly Expected[] },
): Promise<void> {
  await run(store, commits, { applied: from, flushed: 0 })
  await checkPrefix(store, states.slice(-1), 'after catching up')
  await store.close()
}

async function filesAfter(open: OpenStore, commits: readonly Write[][]): Promise<Map<string, Buffer>> {
  const disk = new MemoryDisk()
  const store = await open(disk, DIRECTORY)
  await run(store, commits, { applied: 0, flushed: 0 })
  await store.close()
  return disk.files()
}

function diskOf(files: ReadonlyMap<string, Buffer>): MemoryDisk {
  const disk = new MemoryDisk()
  for (const [path, bytes] of files) disk.put(path, bytes)
  return disk
}
