import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { taskStores } from '../../../cli/task-stores.ts'
import { changelogTopic } from '../../../engine/application-topology.ts'
import { commit, type Write } from '../../../stores/testing/changelog.ts'
import { TRADE_STORES } from '../../../topology/trades.ts'
import { type RecordInMemory, topicsInMemory } from '../../support/topics-in-memory.ts'
import { checkStores } from './check-stores.ts'

const APPLICATION = 'app'
/** As two commits leave it: at offsets 2 and 5 are transaction markers. */
const CHANGELOG = [{ key: 'a', value: '1' }, { key: 'b', value: '1' }, undefined, { key: 'a', value: '2' }, { key: 'b' }, undefined]

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'check-stores-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** The store of partition 0 on the disk of a processor. */
async function storeOn(processor: string, ...commits: Write[][]): Promise<void> {
  const store = await taskStores(join(folder, processor)).open('0_0', { name: TRADE_STORES.requests, prefixBytes: 0 })
  for (const writes of commits) await commit(store, writes)
  await store.close()
}

function checked(changelog: readonly (RecordInMemory | undefined)[] = CHANGELOG) {
  const topics = Object.fromEntries(Object.values(TRADE_STORES).map((name) => [changelogTopic(APPLICATION, name), { partitions: [name === TRADE_STORES.requests ? changelog : []] }]))
  return checkStores(topicsInMemory(topics), APPLICATION, new Map(['p1', 'p2'].map((name) => [name, join(folder, name)])))
}

const FIRST: Write[] = [{ key: 'a', value: '1' }, { key: 'b', value: '1' }]
const SECOND: Write[] = [{ key: 'a', value: '2' }, { key: 'b' }]

test('the last owner is up to date, an earlier one was at its time', async () => {
  await storeOn('p1', FIRST)
  await storeOn('p2', FIRST, SECOND)
  expect(await checked()).toMatchObject({ held: true, detail: '2 stores, 3 entries' })
})

test('where no store is up to date, that is found', async () => {
  await storeOn('p1', FIRST)
  expect((await checked()).detail).toContain('its changelog goes up to offset 4, no store beyond 3')
})

test('a store that holds what was never committed is found, whoever owns it now', async () => {
  await storeOn('p1', [...FIRST.slice(0, 1), { key: 'b', value: 'aborted' }])
  await storeOn('p2', FIRST, SECOND)
  expect(await checked()).toMatchObject({ held: true })
  // at its position the fold has another value, and no later record changes the key
  expect((await checked([...CHANGELOG.slice(0, 4), undefined, undefined])).detail).toContain('p1, store requests/0 at 3: b is aborted, in the changelog 1')
})

test('a store that lost a change, or kept what was deleted, is found', async () => {
  await storeOn('p1', FIRST, [{ key: 'a', value: '2' }, { key: 'c', value: '1' }])
  const { held, detail } = await checked()
  expect(held).toBe(false)
  expect(detail).toContain('b is 1, in the changelog not there')
  expect(detail).toContain('c is 1, in the changelog not there')
})
