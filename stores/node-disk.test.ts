import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeDisk } from './node-disk.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'node-disk-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('appends go one behind the other, reads are at positions', async () => {
  const file = await nodeDisk.open(join(directory, 'a'))
  await file.append([Buffer.from('one'), Buffer.from(''), Buffer.from('two')])
  await file.append([Buffer.from('three')])
  await file.sync()
  expect(file.sizeBytes).toBe(11)
  const target = Buffer.alloc(5)
  expect([file.readSync(target, 3), target.toString()]).toEqual([5, 'twoth'])
  expect([await file.read(target, 8), target.toString('utf8', 0, 3), file.readSync(target, 11)]).toEqual([3, 'ree', 0])
  await file.truncate(4)
  await file.append([Buffer.from('!')])
  await file.close()
  expect(await readFile(join(directory, 'a'), 'utf8')).toBe('onet!')
  const again = await nodeDisk.open(join(directory, 'a'))
  expect(again.sizeBytes).toBe(5)
  await again.close()
})

test('more chunks than the system takes in one call', async () => {
  const file = await nodeDisk.open(join(directory, 'a'))
  await file.append(Array.from({ length: 3_000 }, (_, i) => Buffer.from([i % 251])))
  expect(file.sizeBytes).toBe(3_000)
  await file.close()
  expect((await readFile(join(directory, 'a'))).every((byte, i) => byte === i % 251)).toBe(true)
})

test('what is not there is empty or undefined; other errors are those of the system', async () => {
  expect(await nodeDisk.list(join(directory, 'none'))).toEqual([])
  expect(await nodeDisk.read(join(directory, 'none'))).toBeUndefined()
  await expect(nodeDisk.unlink(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(nodeDisk.read(directory)).rejects.toMatchObject({ code: 'EISDIR' })
})

test('a file is replaced as a whole', async () => {
  const path = join(directory, 'a')
  await nodeDisk.replace(path, Buffer.from('old and longer'))
  await nodeDisk.replace(path, Buffer.from('new'))
  expect((await nodeDisk.read(path))?.toString()).toBe('new')
  expect(await nodeDisk.list(directory)).toEqual(['a'])
})

test('a file keeps its identity when it is changed or renamed; a copy has another', async () => {
  const path = join(directory, 'a')
  await writeFile(path, 'text')
  const identity = await nodeDisk.identity(path)
  await writeFile(path, 'other text')
  await nodeDisk.rename(path, join(directory, 'b'))
  expect(await nodeDisk.identity(join(directory, 'b'))).toBe(identity)
  await cp(join(directory, 'b'), path, { preserveTimestamps: true })
  expect(await nodeDisk.identity(path)).not.toBe(identity)
})

test('a lock keeps out other instances of the same process', async () => {
  const path = join(directory, 'lock')
  const lock = await nodeDisk.lock(path)
  expect(lock).toBeDefined()
  expect(await nodeDisk.lock(path)).toBeUndefined()
  await lock?.release()
  await lock?.release()
  const next = await nodeDisk.lock(path)
  expect(next).toBeDefined()
  await next?.release()
})

test('a lock keeps out other processes, and ends with its process, also with kill -9', async () => {
  const path = join(directory, 'lock')
  const holder = spawn(process.execPath, ['--input-type=module', '--no-warnings', '--eval', holdLock(path)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = await new Promise<string>((resolve) => holder.stdout.once('data', (data: Buffer) => resolve(data.toString())))
  expect(said).toBe('locked')
  expect(await nodeDisk.lock(path)).toBeUndefined()
  const exited = new Promise((resolve) => holder.once('exit', (_code, signal) => resolve(signal)))
  holder.kill('SIGKILL')
  expect(await exited).toBe('SIGKILL')
  const lock = await nodeDisk.lock(path)
  expect(lock).toBeDefined()
  await lock?.release()
})

function holdLock(path: string): string {
  const module = JSON.stringify(new URL('./node-disk.ts', import.meta.url).href)
  return `const { nodeDisk } = await import(${module}); const lock = await nodeDisk.lock(${JSON.stringify(path)}); process.stdout.write(lock ? 'locked' : 'refused'); setInterval(() => {}, 1000)`
}
