import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemRandom } from '../ports/system-random.ts'
import { nodeDisk } from './node-disk.ts'
import { StateDirectory, StateDirectoryError, type StateDirectoryOptions } from './state-directory.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'state-directory-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function options(changes: Partial<StateDirectoryOptions> = {}): StateDirectoryOptions {
  return { disk: nodeDisk, random: systemRandom, path: join(folder, 'app'), applicationId: 'app', clusterId: 'cluster', topology: 'trades:24', ...changes }
}

async function opened(changes: Partial<StateDirectoryOptions> = {}): Promise<string> {
  const directory = await StateDirectory.open(options(changes))
  await directory.release()
  return directory.processId
}

test('a restart is the same process', async () => {
  const first = await opened()
  expect(first).toMatch(/^[0-9a-f-]{36}$/)
  expect(await opened()).toBe(first)
})

test('two processes cannot have it at once; when one lets go, the other can', async () => {
  const first = await StateDirectory.open(options())
  await expect(StateDirectory.open(options())).rejects.toThrow(/in use by another process; stop that one first/)
  await first.release()
  await opened()
})

test.each([
  [{ clusterId: 'other' }, /another Kafka cluster: found cluster, expected other/],
  [{ applicationId: 'other' }, /another application: found app, expected other/],
  [{ topology: 'trades:16' }, /another set of stores: found trades:24, expected trades:16/],
])('a foreign directory is refused, and left as it is: %j', async (changes, message) => {
  const processId = await opened()
  await expect(StateDirectory.open(options(changes))).rejects.toThrow(message)
  expect(await opened()).toBe(processId)
})

test('a copy is refused; taken over on purpose it is a process of its own', async () => {
  const original = await opened()
  const copy = join(folder, 'copy')
  await cp(join(folder, 'app'), copy, { recursive: true })
  await expect(StateDirectory.open(options({ path: copy }))).rejects.toThrow(/is a copy.*state.adopt=true/)
  const adopted = await opened({ path: copy, adopt: true })
  expect(adopted).not.toBe(original)
  expect(await opened({ path: copy })).toBe(adopted)
})

test('a newer format, a broken identity, stores without an identity: refused, with what to do', async () => {
  await opened()
  const file = join(folder, 'app', 'identity.json')
  const identity = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...identity, formatVersion: 99 }))
  await expect(StateDirectory.open(options())).rejects.toThrow(/format version: found 99, expected at most 1. It was written by a newer release/)
  await writeFile(file, '{"half')
  await expect(StateDirectory.open(options())).rejects.toThrow(/cannot be read/)
  await rm(file)
  await nodeDisk.makeDirectory(join(folder, 'app', 'tasks', '0_1'))
  await expect(StateDirectory.open(options())).rejects.toThrow(StateDirectoryError)
})

test('a fact is recorded once and survives', async () => {
  const directory = await StateDirectory.open(options())
  expect(await directory.recordOnce('partitions:in', '12')).toBe('12')
  expect(await directory.recordOnce('partitions:in', '13')).toBe('12')
  await directory.release()
  const again = await StateDirectory.open(options())
  expect(await again.recordOnce('partitions:in', '14')).toBe('12')
  await again.release()
})
