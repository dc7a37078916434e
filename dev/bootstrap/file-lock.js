import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { once } from 'node:events'

/**
 * @typedef {object} FileLock
 * @property {() => Promise<void>} release
 */

/**
 * An operating system lock, held by a `flock` process that ends when our end of its pipe closes: so it is released
 * whatever way this process ends, and no stale lock can stay.
 * Where there is no `flock` command nothing is locked.
 * @param {string} path file to lock; made, with its folder, if it is not there
 * @param {number} waitMs
 * @returns {Promise<FileLock | undefined>} `undefined`: another process still has it after `waitMs`
 */
export async function lockFile(path, waitMs) {
  mkdirSync(dirname(path), { recursive: true })
  // in a process group of its own: Ctrl-C in a terminal must not end the lock before its owner
  const child = spawn('flock', ['-w', (waitMs / 1000).toFixed(3), path, 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
  const closed = new Promise((resolve) => child.once('close', resolve))
  const outcome = await Promise.race([
    once(child.stdout, 'data').then(() => 'locked'),
    once(child, 'exit').then(() => 'busy'),
  ]).catch((error) => {
    if (error.code === 'ENOENT') return 'no flock'
    throw error
  })
  if (outcome === 'busy') return undefined
  if (outcome === 'no flock') return { release: async () => undefined }
  return {
    async release() {
      child.stdin.end()
      await closed
    },
  }
}

/**
 * Runs `work` while nobody else holds the lock.
 * @template T
 * @param {string} path
 * @param {import('./progress.js').Progress} progress told when we have to wait
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withFileLock(path, progress, work) {
  let lock = await lockFile(path, 1000)
  if (lock === undefined) progress('waiting for another installation that is under way ...')
  while (lock === undefined) lock = await lockFile(path, 600_000)
  try {
    return await work()
  } finally {
    await lock.release()
  }
}
