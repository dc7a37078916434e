import { readFileSync } from 'node:fs'
import { processTree } from '../../dev/stack/process-table.ts'

/** What /proc counts processor time in: a hundredth of a second on every Linux. */
const TICKS_PER_S = 100

/** Processor time of a process with all its threads, user and system, from /proc. Throws when it has ended. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // the name, in parentheses, may hold blanks and parentheses
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
}

/** The same with all children, those that have ended included: a database is many processes. */
export function cpuSecondsOfTree(pid: number): number {
  let ticks = 0
  for (const entry of processTree(pid)) {
    try {
      const stat = readFileSync(`/proc/${entry.pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      ticks += [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0)
    } catch {
      // It has ended since the list was made: from now on it is in its parent's figure.
    }
  }
  return ticks / TICKS_PER_S
}

/** The highest resident set that a process has had, and the one of now. Throws when it has ended. */
export function memoryOf(pid: number): { peakBytes: number; residentBytes: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (field: string) => {
    const [, digits] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status) ?? []
    if (digits === undefined) throw new Error(`process ${pid} has no memory any more: it has ended`)
    return Number(digits)
  }
  return { peakBytes: kilobytes('VmHWM') * 1024, residentBytes: kilobytes('VmRSS') * 1024 }
}
