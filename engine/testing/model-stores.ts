import { MemoryStore } from '../../stores/memory-store.ts'
import { type ChangelogBatch, type StateStore, StoreFailedError } from '../../stores/state-store.ts'
import type { StoreSupplier } from '../store-supplier.ts'
import type { StoreDefinition } from '../topology.ts'

/** A store that outlives its closing, as a directory does. It fails where the test says so, and then until it is opened again. */
export class ModelStore extends MemoryStore {
  /** The next applications that fail. */
  failing = 0
  isOpen = false
  /** Awaited by `close`. */
  closing: Promise<void> | undefined
  housekeeping: (() => Promise<void>) | undefined
  applied = 0
  #hasFailed = false

  override async apply(batches: readonly ChangelogBatch[], position: number, positionEpoch: number | undefined): Promise<void> {
    if (this.failing > 0) {
      this.failing--
      this.#hasFailed = true
    }
    if (this.#hasFailed) throw new StoreFailedError(this.name, 'no space left', undefined)
    this.applied++
    await super.apply(batches, position, positionEpoch)
  }

  override async housekeep(): Promise<void> {
    await this.housekeeping?.()
  }

  override async close(): Promise<void> {
    await this.closing
    this.isOpen = false
    this.#hasFailed = false
  }
}

/** The stores of a process. Opening one that is open is an error: two would write to one directory. */
export class ModelStores implements StoreSupplier {
  readonly all = new Map<string, ModelStore>()
  opened = 0
  /** Awaited by `open`. */
  opening: Promise<void> | undefined

  async open(taskId: string, { name }: StoreDefinition): Promise<StateStore> {
    await this.opening
    const key = `${taskId}/${name}`
    let store = this.all.get(key)
    if (store === undefined) {
      store = new ModelStore({ name })
      this.all.set(key, store)
    }
    if (store.isOpen) throw new Error(`store ${key} was opened while it was open`)
    store.isOpen = true
    this.opened++
    return store
  }

  get(taskId: string, name: string): ModelStore {
    const store = this.all.get(`${taskId}/${name}`)
    if (store === undefined) throw new Error(`no store ${name} of task ${taskId}`)
    return store
  }
}
