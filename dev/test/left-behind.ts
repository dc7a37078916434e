import { readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { allProcesses, commandLineOf, environmentOf, isAlive, killAll, type ProcessEntry } from '../stack/process-table.ts'

/** What may still be ending when the tests are over. */
const GRACE_MS = 30_000

/**
 * Finds, and kills, the processes that a test run has left: the folder of the run is in their environment, their command line
 * or their working directory.
 *
 * @returns a line for each of them
 */
export async function killLeftBehind(folder: string, graceMs = GRACE_MS): Promise<string[]> {
  const deadlineMs = performance.now() + graceMs
  let left = belongingTo(folder)
  while (left.length > 0 && performance.now() < deadlineMs) {
    await delay(50)
    left = left.filter(isAlive)
  }
  const lines = left.map(({ pid }) => `${pid} ${commandLineOf(pid).slice(0, 200)}`)
  await killAll(left)
  return lines
}

function belongingTo(folder: string): ProcessEntry[] {
  return allProcesses().filter(({ pid }) => pid !== process.pid && [environmentOf(pid), commandLineOf(pid), workingDirectoryOf(pid)].some((text) => text.includes(folder)))
}

function workingDirectoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    // another user's, or just ended
    return ''
  }
}
