import { join } from 'node:path'
import { readdir } from 'node:fs/promises'
import type { Settings } from '../../config/settings.ts'
import type { KafkaClient } from '../../ports/kafka-client.ts'
import type { StateStore } from '../../stores/state-store.ts'
import { TRADE_STORES } from '../../topology/trades.ts'
import { tradeTopics } from '../../topology/trade-topics.ts'
import { TRADE_PREFIX_BYTES } from '../../processors/trade-state.ts'
import type { Check } from '../self-check/check.ts'
import { checkAudit } from '../self-check/check-audit.ts'
import { checkDocuments } from '../self-check/check-documents.ts'
import { checkTrades } from '../self-check/check-trades.ts'
import type { RunningStack } from '../running-stack.ts'
import { storesFolder, taskStores } from '../task-stores.ts'

export interface SelfCheckOptions {
  readonly client: KafkaClient
  readonly settings: Settings
  readonly stack: RunningStack
  /** Whether everything that was sent had arrived everywhere before the roles were stopped. */
  readonly caughtUp: boolean
  readonly endedWell: boolean
}

/** After everything has been stopped but Kafka and the databases: is what they hold, and what the state store holds, the same? */
export async function selfCheck({ client, settings, stack, caughtUp, endedWell }: SelfCheckOptions): Promise<Check[]> {
  const checks: Check[] = [
    { name: 'everything sent was processed and written in time', held: caughtUp, detail: caughtUp ? 'drained' : 'not drained within a minute' },
    { name: 'every process ended in an orderly way', held: endedWell, detail: endedWell ? 'yes' : 'no, see above' },
  ]
  const topics = tradeTopics(settings['topics.prefix'])
  checks.push(await checkAudit(client, topics))
  const stores = await openStores(settings)
  try {
    checks.push(...(await checkTrades({ client, topics, postgres: stack.postgres, stores })))
  } finally {
    for (const store of stores) await store.close()
  }
  checks.push(await checkDocuments(client, stack.mongo, topics.audit))
  return checks
}

/** The stores as they lie on the disk; the changelog is not asked. */
async function openStores(settings: Settings): Promise<StateStore[]> {
  const folder = storesFolder(settings)
  const stores: StateStore[] = []
  for (const partition of await readdir(join(folder, TRADE_STORES.trades))) {
    stores.push(await taskStores(folder).open(`0_${partition}`, { name: TRADE_STORES.trades, prefixBytes: TRADE_PREFIX_BYTES }))
  }
  return stores
}
