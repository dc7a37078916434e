import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { summarise } from '../harness/summary.ts'
import { DataPath } from '../path/data-path.ts'
import { TradeWorkload } from '../workload/trade-workload.ts'
import type { Opening } from './open-stores.ts'

const OPEN_STORES = fileURLToPath(new URL('open-stores.ts', import.meta.url))
/** Of a store: its name is the store's own business, and all that is known of it here. */
const SNAPSHOT = 'index'
const WAYS = ['with the snapshot of the index', 'without'] as const

/** What opening the stores of so many trades costs, with the snapshots of their indexes and without: in turn, each time in a new process. */
export async function runOpening({ rounds, keys }: { rounds: number; keys: number }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tradewind-opening-'))
  try {
    const stores = join(folder, 'stores')
    const path = await DataPath.open({ folder: stores, workload: new TradeWorkload({ keys, unique: true }) })
    await path.run(keys)
    await path.close()
    const snapshots = (await readdir(stores, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile() && entry.name === SNAPSHOT).map((entry) => join(entry.parentPath, entry.name))
    if (snapshots.length === 0) throw new Error(`the stores of ${keys} trades have no snapshots: expected more --keys`)
    const openings = new Map<string, Opening[]>(WAYS.map((way) => [way, []]))
    for (let round = 0; round < rounds; round++) {
      for (const way of WAYS) openings.get(way)?.push(await (way === 'without' ? apart(snapshots, folder, () => open(stores, keys)) : open(stores, keys)))
    }
    process.stdout.write(`opening the stores of ${keys.toLocaleString('en')} trades, each time in a new process; median (least to most) of ${rounds}\n${''.padEnd(34)}CPU, ms${''.padEnd(18)}time, ms\n`)
    for (const [way, found] of openings) {
      const columns = [found.map(({ cpuMs }) => cpuMs), found.map(({ wallMs }) => wallMs)].map((values) => told(values).padEnd(25))
      process.stdout.write(`${way.padEnd(34)}${columns.join('').trimEnd()}\n`)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Without the snapshots, which are there again afterwards. */
async function apart<Result>(snapshots: readonly string[], folder: string, work: () => Promise<Result>): Promise<Result> {
  for (const [at, file] of snapshots.entries()) await rename(file, join(folder, String(at)))
  const result = await work()
  for (const [at, file] of snapshots.entries()) await rename(join(folder, String(at)), file)
  return result
}

async function open(stores: string, keys: number): Promise<Opening> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', OPEN_STORES, stores])
  // our own program
  const opening = JSON.parse(stdout) as Opening
  if (opening.keys < keys * 0.9) throw new Error(`${opening.keys} keys were found, expected about ${keys}`)
  return opening
}

function told(values: readonly number[]): string {
  const { median, min, max } = summarise(values)
  return `${Math.round(median)} (${Math.round(min)} to ${Math.round(max)})`
}
