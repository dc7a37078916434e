import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** What /proc says of a process that lives. A zombie does not. */
export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  /** Clock ticks since boot: with the pid it names a process for good, while pids alone are used again. */
  readonly startTicks: string
}

export function findProcess(pid: number): ProcessEntry | undefined {
  const stat = readProc(pid, 'stat')
  // the name, in parentheses, may hold blanks and parentheses
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, parent] = fields ?? []
  const startTicks = fields?.[19]
  if (parent === undefined || startTicks === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, parent: Number(parent), startTicks }
}

/** The command line, arguments separated by blanks; empty where it cannot be read. */
export function commandLineOf(pid: number): string {
  return readProc(pid, 'cmdline')?.replaceAll('\0', ' ').trim() ?? ''
}

export function environmentOf(pid: number): string {
  return readProc(pid, 'environ') ?? ''
}

export function allProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => findProcess(Number(name)) ?? [])
}

/** The process and all its descendants, parents first. */
export function processTree(pid: number): ProcessEntry[] {
  const everyone = allProcesses()
  const tree = everyone.filter((entry) => entry.pid === pid)
  for (const parent of tree) tree.push(...everyone.filter((entry) => entry.parent === parent.pid))
  return tree
}

export function isAlive(entry: ProcessEntry): boolean {
  return findProcess(entry.pid)?.startTicks === entry.startTicks
}

/** Kills and waits until they are gone: a child of PostgreSQL holds the data for a moment longer than its parent lives. */
export async function killAll(entries: readonly ProcessEntry[]): Promise<void> {
  for (const entry of entries) if (isAlive(entry)) process.kill(entry.pid, 'SIGKILL')
  while (entries.some(isAlive)) await delay(5)
}

/** A process of another user, or one that has just ended, reads as absent. */
function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}
