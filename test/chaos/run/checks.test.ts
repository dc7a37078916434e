import { expect, test } from 'vitest'
import { MemoryStore } from '../../../stores/memory-store.ts'
import { commit } from '../../../stores/testing/changelog.ts'
import type { ActualRecord } from '../../model/compare.ts'
import { storeDifferences } from './check-stores.ts'
import { checkVersionsOfTopic } from './check-versions.ts'

test('versions may stay and go up, over a delete too; a lower one is found, and named', () => {
  const good = [processed(0, 'A', 1), processed(1, 'A', 1), processed(2, 'A', null), processed(3, 'A', 5), processed(4, 'B', 1)]
  expect(checkVersionsOfTopic(good)).toMatchObject({ held: true, detail: '5 records of 2 trades' })
  const { held, detail } = checkVersionsOfTopic([...good, processed(5, 'A', 4)])
  expect([held, detail]).toEqual([false, '1 differences (6 records of 2 trades): 0@5: trade A goes from version 5 to 4'])
  // in the order of the log, in whatever order they were read
  expect(checkVersionsOfTopic(good.toReversed()).held).toBe(true)
})

test('a store is held against its changelog up to its position: what it lacks, what it has too much and what is older is found', async () => {
  const store = new MemoryStore({ name: 's' })
  await commit(store, [{ key: 'a', value: '1' }, { key: 'b', value: '1' }])
  await commit(store, [{ key: 'a', value: '2' }, { key: 'b' }])
  const log = [change(0, 'a', '1'), change(1, 'b', '1'), change(3, 'a', '2'), change(4, 'b', undefined)]
  const later = [change(6, 'c', '1')]
  expect([...storeDifferences(store, [...log, ...later])]).toEqual([])
  expect([...storeDifferences(store, [...log.slice(0, 3), ...later])]).toEqual(['b is not there, in the changelog 1'])
  expect([...storeDifferences(store, [log[0], log[1], log[3]].filter((found) => found !== undefined))]).toEqual(['a is 2, in the changelog 1'])
  expect([...storeDifferences(store, log.filter(({ key }) => key !== 'a'))]).toEqual(['a is 2, in the changelog not there'])
})

function processed(offset: number, tradeId: string, version: number | null): ActualRecord {
  const value = version === null ? null : Buffer.from(JSON.stringify({ trade_id: tradeId, version }))
  return { topic: 'trade.processed', partition: 0, offset, timestamp: 0, key: Buffer.from(tradeId), value, headers: [] }
}

function change(offset: number, key: string, value: string | undefined) {
  return { offset, key, value }
}
