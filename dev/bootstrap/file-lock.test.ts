import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { lockFile } from './file-lock.js'

const folder = mkdtempSync(join(tmpdir(), 'tradewind-lock-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a lock is held until it is released', async () => {
  const path = join(folder, 'a', 'lock')
  const first = await lockFile(path, 0)
  expect(await lockFile(path, 0)).toBeUndefined()
  const waiting = lockFile(path, 20_000)
  await first?.release()
  const second = await waiting
  expect(second).toBeDefined()
  await second?.release()
})
