import { MemoryDatabase, MemoryStorage } from './memory-database.ts'
import { testSinkDatabase } from './sink-database-contract.ts'

testSinkDatabase('a database in memory', async () => {
  const storage = new MemoryStorage()
  return {
    client: (groupId) => new MemoryDatabase({ storage, groupId }),
    states: async () =>
      [...storage.rows]
        .map(([tradeId, { value, offset, generation }]) => ({ tradeId, version: value === undefined ? undefined : versionOf(value), offset, generation }))
        .sort((a, b) => (a.tradeId < b.tradeId ? -1 : 1)),
    destroy: async () => {},
  }
})

function versionOf(value: string): number {
  const parsed: { version: number } = JSON.parse(value)
  return parsed.version
}
