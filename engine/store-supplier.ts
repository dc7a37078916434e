import type { StateStore } from '../stores/state-store.ts'
import type { StoreDefinition } from './topology.ts'

/** Opens the store of a task, in the state directory or in memory. Whoever opened it closes it before another thread opens it again. */
export interface StoreSupplier {
  open(taskId: string, definition: StoreDefinition): Promise<StateStore>
}
