import { expect, test } from 'vitest'
import { Scheduler } from './scheduler.ts'
import { SeededRandom } from './seeded-random.ts'
import { GOOD_DISK, MachineDisk } from './simulated-disk.ts'
import { SimulatedProcess } from './simulated-process.ts'

function machine(seed = 1): { scheduler: Scheduler; disk: MachineDisk; process: (name?: string) => SimulatedProcess; run: <T>(work: Promise<T>) => Promise<T> } {
  const scheduler = new Scheduler()
  const disk = new MachineDisk({ scheduler, random: new SeededRandom(seed) })
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isOver = false
    const end = () => {
      isOver = true
    }
    work.then(end, end)
    await scheduler.run(() => isOver)
    return work
  }
  return { scheduler, disk, process: (name = 'p') => new SimulatedProcess(name, scheduler), run }
}

test('what was appended outlives the process; a power cut takes what was not synced, wherever it likes', async () => {
  const lengths = new Set<number>()
  for (let seed = 0; seed < 40; seed++) {
    const { disk, process, run } = machine(seed)
    const first = process()
    const file = await run(disk.of(first).open('d/f'))
    await run(disk.of(first).syncDirectory('d'))
    await run(file.append([Buffer.from('synced')]))
    await run(file.sync())
    await run(file.append([Buffer.from('unsynced')]))
    first.kill()
    expect((await run(disk.of(process()).read('d/f')))?.toString()).toBe('syncedunsynced')
    disk.cutPower()
    const left = await run(disk.of(process()).read('d/f'))
    expect(left?.subarray(0, 6).toString()).toBe('synced')
    lengths.add(left?.length ?? -1)
  }
  expect(lengths.size).toBeGreaterThan(4)
})

test('a write under way at the death of its process is done, not done or torn, and nobody is told', async () => {
  const found = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const { scheduler, disk, process, run } = machine(seed)
    const dying = process()
    const file = await run(disk.of(dying).open('d/f'))
    let isTold = false
    const told = () => {
      isTold = true
    }
    file.append([Buffer.from('abcdef')]).then(told, told)
    dying.kill()
    await scheduler.run(() => false)
    expect(isTold).toBe(false)
    found.add((await run(disk.of(process()).read('d/f')))?.toString() ?? 'none')
  }
  expect(found).toContain('')
  expect(found).toContain('abcdef')
  expect([...found].some((content) => content.length > 0 && content.length < 6)).toBe(true)
})

test('a full disk tears the write that does not fit', async () => {
  const { disk, process, run } = machine()
  const file = await run(disk.of(process()).open('f'))
  disk.conditions = { ...GOOD_DISK, capacityBytes: 4 }
  await expect(run(file.append([Buffer.from('abcdef')]))).rejects.toMatchObject({ code: 'ENOSPC' })
  expect(file.sizeBytes).toBe(4)
})

test('a lock ends with its process; a paused one keeps it', async () => {
  const { disk, process, run } = machine()
  const first = process()
  expect(await run(disk.of(first).lock('d/lock'))).toBeDefined()
  first.pause()
  expect(await run(disk.of(process()).lock('d/lock'))).toBeUndefined()
  first.kill()
  expect(await run(disk.of(process()).lock('d/lock'))).toBeDefined()
})

test('a file made anew has another identity', async () => {
  const { disk, process, run } = machine()
  const at = disk.of(process())
  await run(at.replace('f', Buffer.from('a')))
  const before = await run(at.identity('f'))
  await run(at.replace('f', Buffer.from('a')))
  expect(await run(at.identity('f'))).not.toBe(before)
})

test('what is copied from another disk has the same content and other identities', async () => {
  const one = machine(1)
  const other = machine(2)
  await one.run(one.disk.of(one.process()).replace('f', Buffer.from('a')))
  other.disk.copyFrom(one.disk)
  const at = other.disk.of(other.process())
  expect((await other.run(at.read('f')))?.toString()).toBe('a')
  expect(await other.run(at.identity('f'))).not.toBe(await one.run(one.disk.of(one.process()).identity('f')))
  other.disk.cutPower()
  expect((await other.run(at.read('f')))?.toString()).toBe('a')
})
