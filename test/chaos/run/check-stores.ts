import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Check, Differences } from '../../../cli/self-check/check.ts'
import { readTopic } from '../../../cli/self-check/read-topic.ts'
import { taskStores } from '../../../cli/task-stores.ts'
import { changelogTopic } from '../../../engine/application-topology.ts'
import type { KafkaClient } from '../../../ports/kafka-client.ts'
import { TRADE_PREFIX_BYTES } from '../../../processors/trade-state.ts'
import type { StateStore } from '../../../stores/state-store.ts'
import { TRADE_STORES } from '../../../topology/trades.ts'

/** A record of a changelog; `value` is `undefined` where it deletes. */
export interface Change {
  readonly offset: number
  readonly key: string
  readonly value: string | undefined
}

export interface OpenStore {
  readonly member: string
  readonly partition: number
  readonly store: StateStore
}

/** Opens every store of that name that lies in one of the folders. */
export async function openStores(name: string, folders: ReadonlyMap<string, string>): Promise<OpenStore[]> {
  const opened: OpenStore[] = []
  for (const [member, folder] of folders) {
    const partitions = await readdir(join(folder, name)).catch(() => [])
    for (const partition of partitions.map(Number)) {
      const store = await taskStores(folder).open(`0_${partition}`, { name, prefixBytes: name === TRADE_STORES.trades ? TRADE_PREFIX_BYTES : 0 })
      opened.push({ member, partition, store })
    }
  }
  return opened
}

/** Every store on every disk, up to date or not: at position p it is the fold of what is committed in its changelog below p, key by key. One of each partition, that of its last owner, is up to date. */
export async function checkStores(client: KafkaClient, applicationId: string, folders: ReadonlyMap<string, string>): Promise<Check> {
  const differences = new Differences()
  let stores = 0
  let entries = 0
  for (const name of Object.values(TRADE_STORES)) {
    const changes = await readChanges(client, changelogTopic(applicationId, name))
    const furthest = new Map<number, number>()
    for (const { member, partition, store } of await openStores(name, folders)) {
      stores++
      entries += store.size
      furthest.set(partition, Math.max(furthest.get(partition) ?? 0, store.position ?? 0))
      for (const difference of storeDifferences(store, changes.get(partition) ?? [])) differences.add(`${member}, store ${name}/${partition} at ${store.position}: ${difference}`)
      await store.close()
    }
    for (const [partition, ofPartition] of changes) {
      const lastOffset = ofPartition.at(-1)?.offset ?? -1
      const position = furthest.get(partition) ?? 0
      if (position <= lastOffset) differences.add(`store ${name}/${partition}: its changelog goes up to offset ${lastOffset}, no store beyond ${position}`)
    }
  }
  return differences.check('every state store on every disk = what is committed of its changelog up to its position', `${stores} stores, ${entries} entries`)
}

/** Of each partition the store that is furthest: that of its last owner. */
export function newest(stores: readonly OpenStore[]): StateStore[] {
  const best = new Map<number, StateStore>()
  for (const { partition, store } of stores) {
    if ((store.position ?? -1) >= (best.get(partition)?.position ?? -1)) best.set(partition, store)
  }
  return [...best.values()]
}

async function readChanges(client: KafkaClient, topic: string): Promise<Map<number, Change[]>> {
  const changes = new Map<number, Change[]>()
  await readTopic(client, topic, (record, partition) => {
    const ofPartition = changes.get(partition) ?? []
    changes.set(partition, ofPartition)
    ofPartition.push({ offset: record.offset, key: record.key.copy().toString('latin1'), value: record.hasValue ? record.value.copy().toString('latin1') : undefined })
  })
  return changes
}

/** What a store holds against the fold of its changelog up to the store's position. */
export function* storeDifferences(store: StateStore, changes: readonly Change[]): Generator<string> {
  const position = store.position ?? 0
  const expected = new Map<string, string>()
  const changedLater = new Set<string>()
  for (const { offset, key, value } of changes) {
    if (offset >= position) changedLater.add(key)
    else if (value === undefined) expected.delete(key)
    else expected.set(key, value)
  }
  const found = new Map<string, string>()
  store.entries((key, value) => found.set(key.copy().toString('latin1'), value.copy().toString('latin1')))
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    // Compaction of the topic may have taken the earlier record of a key that was written again.
    if (changedLater.has(key)) continue
    if (expected.get(key) !== found.get(key)) yield `${key} is ${found.get(key) ?? 'not there'}, in the changelog ${expected.get(key) ?? 'not there'}`
  }
}
