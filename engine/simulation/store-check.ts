import type { MachineDisk } from './simulated-disk.ts'
import { LogStore } from '../../stores/log-store/log-store.ts'
import { SimulatedProcess } from './simulated-process.ts'
import type { SimulatedRecord } from './simulated-application.ts'
import type { Scheduler } from './scheduler.ts'

export interface StoreCheckOptions {
  readonly name: string
  readonly disk: MachineDisk
  readonly scheduler: Scheduler
  /** Store name to its changelog topic. */
  readonly changelogs: ReadonlyMap<string, string>
  /** Committed records of all changelogs. */
  readonly records: readonly SimulatedRecord[]
  readonly prefixBytes: ReadonlyMap<string, number>
  /** A store that was away for longer has to be rebuilt before it is used: the log may not tell any more what it should have held. */
  readonly tombstoneRetentionMs: number
  /** Of each `changelog-partition`; what was deleted for good may have left nothing behind it. */
  readonly ends: ReadonlyMap<string, number>
}

export interface StoreReport {
  readonly violations: string[]
  /** `changelog-partition` of the stores that lack no record. */
  readonly complete: Set<string>
}

interface Entry {
  readonly value: string
  readonly timestamp: number
}

const SNAPSHOT_FILE = 'index'
const STORE_FILE = /\/stores\/([^/]+)\/(\d+)\/segments$/

/** Opens every store on a disk and holds it against its changelog: a store at position p is the fold of what is committed below p. */
export async function checkStores(options: StoreCheckOptions): Promise<StoreReport> {
  const { disk, scheduler } = options
  const process = new SimulatedProcess(`${options.name}.check`, scheduler)
  const report: StoreReport = { violations: [], complete: new Set() }
  for (const path of disk.paths) {
    const [, name = '', partitionText = ''] = STORE_FILE.exec(path) ?? []
    const topic = options.changelogs.get(name)
    if (topic === undefined) continue
    const partition = Number(partitionText)
    const directory = path.slice(0, path.lastIndexOf('/'))
    const open = (): Promise<LogStore> => LogStore.open({ name, disk: disk.of(process), partition, directory, prefixBytes: options.prefixBytes.get(name) ?? 0 })
    const store = await open()
    const records = options.records.filter((record) => record.topic === topic && record.partition === partition)
    const isComplete = !records.some(({ offset }) => offset >= (store.position ?? 0))
    const isBehind = (store.position ?? 0) < (options.ends.get(`${topic}-${partition}`) ?? 0)
    const isTooOld = isBehind && scheduler.now() - (store.lastCaughtUpMs ?? 0) >= options.tombstoneRetentionMs
    const at = `${options.name}: store ${name}/${partition} at ${store.position}`
    if (!isTooOld) for (const violation of compareStore(store, records)) report.violations.push(`${at} ${violation}`)
    if (isComplete) report.complete.add(`${topic}-${partition}`)
    const { position } = store
    const held = contentOf(store)
    await store.close()
    // The snapshot of the index is a short cut, and may be gone at any time: the log alone has to say the same.
    if (disk.find(`${directory}/${SNAPSHOT_FILE}`) === undefined) continue
    await disk.of(process).unlink(`${directory}/${SNAPSHOT_FILE}`)
    const reread = await open()
    const differing = reread.position === position ? differences(held, contentOf(reread)) : [`is at ${reread.position}`]
    report.violations.push(...differing.map((difference) => `${at}, opened without its snapshot, ${difference}`))
    await reread.close()
  }
  return report
}

function* compareStore(store: LogStore, records: readonly SimulatedRecord[]): Generator<string> {
  const position = store.position ?? 0
  const fold = new Map<string, Entry>()
  const changedLater = new Set<string>()
  for (const { key, value, offset, timestamp } of records) {
    if (key === null) continue
    const text = key.toString('latin1')
    if (offset >= position) changedLater.add(text)
    else if (value === null) fold.delete(text)
    else fold.set(text, { value: value.toString('latin1'), timestamp })
  }
  const found = contentOf(store)
  for (const key of new Set([...fold.keys(), ...found.keys()])) {
    // Compaction may have taken the earlier record of a key that was written again: then the log does not tell what the store has to hold.
    if (changedLater.has(key)) continue
    const expected = fold.get(key)
    const actual = found.get(key)
    if (expected?.value !== actual?.value || expected?.timestamp !== actual?.timestamp) yield `holds ${shown(actual)} for ${key}, the changelog ${shown(expected)}`
  }
}

function contentOf(store: LogStore): Map<string, Entry> {
  const found = new Map<string, Entry>()
  store.entries((key, value, timestamp) => found.set(key.copy().toString('latin1'), { value: value.copy().toString('latin1'), timestamp }))
  return found
}

function differences(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): string[] {
  const keys = [...new Set([...before.keys(), ...after.keys()])]
  return keys.filter((key) => before.get(key)?.value !== after.get(key)?.value || before.get(key)?.timestamp !== after.get(key)?.timestamp).map((key) => `holds ${shown(after.get(key))} for ${key}, and with it ${shown(before.get(key))}`)
}

function shown(entry: Entry | undefined): string {
  return entry === undefined ? 'nothing' : `${entry.value.slice(0, 100)} (${entry.timestamp})`
}
