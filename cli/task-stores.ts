import { join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import type { StoreSupplier } from '../engine/store-supplier.ts'
import type { Disk } from '../ports/disk.ts'
import type { Failpoint } from '../ports/failpoint.ts'
import { LogStore } from '../stores/log-store/log-store.ts'
import { MemoryStore } from '../stores/memory-store.ts'
import { nodeDisk } from '../stores/node-disk.ts'

/** Folder of all stores of an application. */
export function storesFolder(settings: Settings): string {
  return join(settings['data.dir'], 'state', settings['application.id'], 'tasks')
}

/** Folder of one store of one task. */
export function storeDirectory(stateDirectory: string, taskId: string, store: string): string {
  return join(stateDirectory, taskId, store)
}

export interface TaskStoresOptions {
  /** Default: the machine's. */
  readonly disk?: Disk
  readonly failpoint?: Failpoint
  /** See `LogStoreOptions`. */
  readonly segmentBytes?: number
}

/** Stores on disk, below the folder of a locked state directory. */
export function taskStores(stateDirectory: string, options: TaskStoresOptions = {}): StoreSupplier {
  const { disk = nodeDisk, ...further } = options
  return {
    open(taskId, { name, prefixBytes = 0, kind = 'log' }) {
      if (kind === 'memory') return Promise.resolve(new MemoryStore({ name, prefixBytes }))
      return LogStore.open({ ...further, name, disk, partition: Number(taskId.split('_')[1]), directory: storeDirectory(stateDirectory, taskId, name), prefixBytes })
    },
  }
}
