import { join } from 'node:path'
import type { StoreSupplier } from '../engine/store-supplier.ts'
import { LogStore } from '../stores/log-store/log-store.ts'
import { MemoryStore } from '../stores/memory-store.ts'
import { NodeDisk } from '../stores/node-disk.ts'

/** Folder of one store of one task. */
export function storeDirectory(stateDirectory: string, taskId: string, store: string): string {
  return join(stateDirectory, taskId, store)
}

/** Stores on disk, below the folder of a locked state directory. */
export function taskStores(stateDirectory: string): StoreSupplier {
  const disk = new NodeDisk()
  return {
    open(taskId, { name, prefixBytes = 0, kind = 'log' }) {
      if (kind === 'memory') return Promise.resolve(new MemoryStore({ name, prefixBytes }))
      return LogStore.open({ name, disk, directory: storeDirectory(stateDirectory, taskId, name), prefixBytes })
    },
  }
}
