import { processTree } from '../../../dev/stack/process-table.ts'
import type { Service } from '../../../dev/stack/service.ts'

/** SIGSTOP or SIGCONT to a server and all its processes. */
export function signalService({ pid }: Service, signal: 'SIGSTOP' | 'SIGCONT'): void {
  if (pid === undefined) return
  for (const entry of processTree(pid)) {
    try {
      process.kill(entry.pid, signal)
    } catch {
      // it has just ended
    }
  }
}
