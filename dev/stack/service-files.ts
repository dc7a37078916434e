import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from './free-ports.ts'
import { commandLineOf, findProcess, killAll, processTree } from './process-table.ts'

// A data folder of the embedded stack:
//   kafka/ postgres/ mongo/   data
//   log/<service>.log         what the server wrote
//   run/<service>.pid         process id and start time, while it runs
//   run/<service>.ports       the ports that it had last

export function serviceFiles(dataDir: string, service: string): { pidFile: string; logFile: string } {
  for (const folder of ['run', 'log']) mkdirSync(join(dataDir, folder), { recursive: true })
  return { pidFile: join(dataDir, 'run', `${service}.pid`), logFile: join(dataDir, 'log', `${service}.log`) }
}

/** The service's ports of the last run, other ones where these are taken by now. */
export async function servicePorts(dataDir: string, service: string, count: number): Promise<number[]> {
  const file = join(dataDir, 'run', `${service}.ports`)
  const ports = await freePorts(count, readText(file).split(' ').map(Number).filter(Boolean))
  mkdirSync(join(dataDir, 'run'), { recursive: true })
  writeFileSync(file, ports.join(' '))
  return ports
}

/** Kills what a predecessor on this data left running, where a pid file still means the process that it was written for. */
export async function killLeftovers(dataDir: string, servicePrefix = ''): Promise<void> {
  const run = join(dataDir, 'run')
  const pidFiles = listFolder(run).filter((name) => name.startsWith(servicePrefix) && name.endsWith('.pid'))
  for (const name of pidFiles) {
    const [pid, startTicks] = readText(join(run, name)).trim().split(' ')
    const entry = findProcess(Number(pid))
    if (entry?.startTicks === startTicks && entry !== undefined && commandLineOf(entry.pid).includes(dataDir)) await killAll(processTree(entry.pid))
    rmSync(join(run, name), { force: true })
  }
}

/** Removes what the stack made in the folder, and nothing else. */
export function clearData(dataDir: string): void {
  for (const name of ['kafka', 'kafka.new', 'postgres', 'postgres.new', 'mongo', 'log', 'run']) rmSync(join(dataDir, name), { recursive: true, force: true })
}

/** Empty where the file is not there (yet). */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    // no predecessor
    return []
  }
}
