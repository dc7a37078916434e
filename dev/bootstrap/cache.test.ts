import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { cached, cacheFolder, isCached } from './cache.js'

const folder = mkdtempSync(join(tmpdir(), 'tradewind-cache-'))
process.env['TRADEWIND_CACHE_DIR'] = folder
afterAll(() => rmSync(folder, { recursive: true }))

const silent = () => undefined

test('a folder is filled once, by whoever comes first', async () => {
  let fills = 0
  const fill = async (target: string) => {
    fills++
    await new Promise(setImmediate)
    writeFileSync(join(target, 'content'), 'whole')
  }
  const folders = await Promise.all([cached('thing-1', silent, fill), cached('thing-1', silent, fill), cached('thing-1', silent, fill)])
  expect(new Set(folders)).toEqual(new Set([join(cacheFolder(), 'thing-1')]))
  expect(readFileSync(join(folder, 'thing-1', 'content'), 'utf8')).toBe('whole')
  expect(fills).toBe(1)
})

test('what could not be completed is not there, and does not stand in the way', async () => {
  const broken = cached('thing-2', silent, async (target) => {
    writeFileSync(join(target, 'part'), 'half')
    throw new Error('no network')
  })
  await expect(broken).rejects.toThrow('no network')
  expect(isCached('thing-2')).toBe(false)
  const target = await cached('thing-2', silent, async (unfinished) => writeFileSync(join(unfinished, 'content'), 'whole'))
  expect(readdirSync(target)).toEqual(['content'])
  expect(existsSync(`${target}.new`)).toBe(false)
})
