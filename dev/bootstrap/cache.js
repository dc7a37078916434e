import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withFileLock } from './file-lock.js'

/** The checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** @type {string | undefined} */
let folder

/** Where what is installed outside of node_modules lies, shared by all checkouts of a user: `TRADEWIND_CACHE_DIR`, else the XDG cache folder. */
export function cacheFolder() {
  folder ??= firstWritable([
    process.env['TRADEWIND_CACHE_DIR'],
    join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tradewind'),
    // users such as `nobody` have no home
    join(root, '.tradewind', 'cache'),
  ])
  return folder
}

/** @param {(string | undefined)[]} candidates */
function firstWritable(candidates) {
  let failure
  for (const candidate of candidates) {
    if (!candidate) continue
    try {
      mkdirSync(candidate, { recursive: true })
      accessSync(candidate, constants.W_OK)
      return candidate
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** @param {string} name */
export function isCached(name) {
  return existsSync(join(cacheFolder(), name))
}

/**
 * A folder of the cache, made once. Its name carries the version of its content, and it appears in one rename when it is
 * complete: what an interrupted installation left is never taken for whole.
 * @param {string} name
 * @param {import('./progress.js').Progress} progress
 * @param {(target: string) => Promise<void>} fill
 * @returns {Promise<string>}
 */
export async function cached(name, progress, fill) {
  const target = join(cacheFolder(), name)
  if (isCached(name)) return target
  return withFileLock(`${target}.lock`, progress, async () => {
    if (existsSync(target)) return target
    const unfinished = `${target}.new`
    rmSync(unfinished, { recursive: true, force: true })
    mkdirSync(unfinished)
    await fill(unfinished)
    renameSync(unfinished, target)
    return target
  })
}
