import { join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import type { StoreSupplier } from '../engine/store-supplier.ts'
import type { Disk } from '../ports/disk.ts'
import type { Failpoint } from '../ports/failpoint.ts'
import { LogStore } from '../stores/log-store/log-store.ts'
import { MemoryStore } from '../stores/memory-store.ts'
import { nodeDisk } from '../stores/node-disk.ts'

/** Folder of all stores of an application, as `StateDirectory` lays them out. */
export function storesFolder(settings: Settings): string {
  return join(settings['data.dir'], 'state', settings['application.id'], 'stores')
}

/** Folder of one store of one task. */
export function storeDirectory(storesPath: string, taskId: string, store: string): string {
  return join(storesPath, store, String(partitionOf(taskId)))
}

/** The number behind the sub-topology's. Names of stores are unique in a topology, so a store's partition is one task's. */
function partitionOf(taskId: string): number {
  return Number(taskId.split('_')[1])
}

/** The default of `LogStoreOptions.snapshotBytes`. */
const MAX_SNAPSHOT_BYTES = 4 << 20

export interface TaskStoresOptions {
  /** Default: the machine's. */
  readonly disk?: Disk
  readonly failpoint?: Failpoint
  /** See `LogStoreOptions`. */
  readonly segmentBytes?: number
}

/** Stores on disk, below the folder of a locked state directory. */
export function taskStores(storesPath: string, options: TaskStoresOptions = {}): StoreSupplier {
  const { disk = nodeDisk, ...given } = options
  // Stores that are told to be small have snapshots too.
  const further = { ...given, ...(given.segmentBytes !== undefined && { snapshotBytes: Math.min(given.segmentBytes / 2, MAX_SNAPSHOT_BYTES) }) }
  return {
    open(taskId, { name, prefixBytes = 0, kind = 'log' }) {
      if (kind === 'memory') return Promise.resolve(new MemoryStore({ name, prefixBytes }))
      return LogStore.open({ ...further, name, disk, partition: partitionOf(taskId), directory: storeDirectory(storesPath, taskId, name), prefixBytes })
    },
  }
}
