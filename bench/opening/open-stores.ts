import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createTrades } from '../../topology/trades.ts'
import { LogStore } from '../../stores/log-store/log-store.ts'
import { nodeDisk } from '../../stores/node-disk.ts'

/** What opening cost the process: its thread and those that read files. */
export interface Opening {
  readonly cpuMs: number
  readonly wallMs: number
  readonly keys: number
}

/** `open-stores.ts FOLDER`: opens all stores that a data path has left there, one after the other as a stream thread does, and prints an `Opening`. A process of its own: nothing is compiled yet. */
const [folder = ''] = process.argv.slice(2)
const { topology } = createTrades({ businessDate: '2026-11-20' })
const prefixes = new Map(topology.subTopologies().flatMap(({ stores }) => stores.map(({ name, prefixBytes = 0 }) => [name, prefixBytes] as const)))
const directories = [...prefixes].flatMap(([name, prefixBytes]) => readdirSync(join(folder, name)).map((partition) => ({ name, prefixBytes, partition })))

const [before, beganMs] = [process.cpuUsage(), performance.now()]
const stores: LogStore[] = []
for (const { name, prefixBytes, partition } of directories) {
  stores.push(await LogStore.open({ name, disk: nodeDisk, partition: Number(partition), directory: join(folder, name, partition), prefixBytes }))
}
const { user, system } = process.cpuUsage(before)
const opening: Opening = { cpuMs: (user + system) / 1000, wallMs: performance.now() - beganMs, keys: stores.reduce((keys, { size }) => keys + size, 0) }
process.stdout.write(JSON.stringify(opening))
// Not closed: a close may write a snapshot, and the next opening is to find what this one found.
process.exit(0)
