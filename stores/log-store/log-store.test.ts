import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeDisk } from '../node-disk.ts'
import { stateStoreContract } from '../testing/state-store-contract.ts'
import { LogStore, type LogStoreOptions } from './log-store.ts'

function contractWith(name: string, options: Partial<LogStoreOptions>): void {
  stateStoreContract(name, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'log-store-'))
    return {
      open: ({ prefixBytes }) => LogStore.open({ name: 'trades', disk: nodeDisk, directory: join(directory, 'store'), partition: 3, prefixBytes, ...options }),
      release: () => rm(directory, { recursive: true }),
    }
  })
}

contractWith('the log store', {})
contractWith('the log store with small segments', { segmentBytes: 20_000 })
contractWith('the log store without memory for keys', { segmentBytes: 100_000, memoryBudgetBytes: 0 })
