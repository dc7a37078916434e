import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { keptSecret } from './kept-secret.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'kept-secret-'))
})
afterAll(() => rm(root, { recursive: true }))

test('gateways that start at a time have one secret, whole, and so has the next; nothing else is left', async () => {
  const folder = join(root, 'new', 'folder')
  const secrets = await Promise.all(Array.from({ length: 20 }, () => keptSecret(folder)))
  expect(secrets[0]).toMatch(/^[0-9a-f]{64}$/)
  expect(new Set([...secrets, await keptSecret(folder)]).size).toBe(1)
  expect(await readdir(folder)).toEqual(['gateway-secret'])
  expect((await stat(join(folder, 'gateway-secret'))).mode & 0o777).toBe(0o600)
})

test.each(['', 'x'.repeat(31)])('a file with %j for a secret is refused, with what to do', async (text) => {
  await writeFile(join(root, 'gateway-secret'), text)
  await expect(keptSecret(root)).rejects.toThrow(`gateway-secret holds ${text.length} characters, expected at least 32`)
})
