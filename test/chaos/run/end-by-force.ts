import { spawnSync } from 'node:child_process'
import { allProcesses, environmentOf } from '../../../dev/stack/process-table.ts'

/**
 * Kills every process that has the text in its environment, but this one, and takes away what is mounted below the folder. In one go, so that what is under way here
 * cannot start another one meanwhile: the caller ends this process next.
 */
export function endByForce(inEnvironment: string, mounted: string): void {
  for (const { pid } of allProcesses()) {
    if (pid === process.pid || !environmentOf(pid).includes(inEnvironment)) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // it has just ended
    }
  }
  spawnSync('umount', ['--lazy', mounted])
}
