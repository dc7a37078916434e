import { MemoryStore } from './memory-store.ts'
import { stateStoreContract } from './testing/state-store-contract.ts'

stateStoreContract('the memory store', async () => ({
  open: async ({ prefixBytes }) => new MemoryStore({ name: 'trades', prefixBytes }),
  release: async () => {},
}))
