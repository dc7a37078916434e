import { join } from 'node:path'
import type { Check } from '../../../cli/self-check/check.ts'
import { checkAudit } from '../../../cli/self-check/check-audit.ts'
import { checkDocuments } from '../../../cli/self-check/check-documents.ts'
import { checkTrades } from '../../../cli/self-check/check-trades.ts'
import { TRADE_STORES } from '../../../topology/trades.ts'
import { differencesFromModel, readOutputs } from '../../support/trade-records.ts'
import { checkAcknowledged } from './check-acknowledged.ts'
import { checkHistory, checkTradeVersions } from './check-rows.ts'
import { checkStores, newest, openStores } from './check-stores.ts'
import { checkTransactions } from './check-transactions.ts'
import { checkVersionsOfRows, checkVersionsOfTopic } from './check-versions.ts'
import { MEMBERS } from './fleet.ts'
import type { ForeignLoad } from './foreign-load.ts'
import { BUSINESS_DATE, type ChaosWorld } from './world.ts'

/** What must hold when all input is worked off, every role has stopped and brokers and databases are well. */
export async function finalChecks(world: ChaosWorld, load: ForeignLoad, processing: { fromMs: number; toMs: number }): Promise<Check[]> {
  const { environment, direct, fleet } = world
  const { client, topics, applicationId } = environment
  const processed = (await readOutputs(environment)).filter(({ topic }) => topic === 'trade.processed')
  const folders = new Map(MEMBERS.flatMap(({ name, kind }) => (kind === 'processor' ? [[name, join(fleet.folderOf(name), 'state', applicationId, 'stores')] as const] : [])))
  const trades = await openStores(TRADE_STORES.trades, folders)
  const ofTrades = await checkTrades({ client, topics, postgres: direct.postgres, stores: newest(trades) })
  for (const { store } of trades) await store.close()
  const [processedTopic] = await client.topics([topics.processed])
  return [
    await checkAcknowledged(client, topics.ingested, load.acknowledged),
    await checkAudit(client, topics),
    await checkModel(world, processing),
    checkVersionsOfTopic(processed),
    await checkVersionsOfRows(direct.postgres),
    await checkStores(client, applicationId, folders),
    ...ofTrades,
    await checkTradeVersions(direct.postgres, processed),
    await checkDocuments(client, environment.databases.mongo, topics.audit),
    await checkHistory(environment.databases.mongo, processedTopic?.topicId ?? '', processed),
    await checkTransactions(client),
  ]
}

async function checkModel({ environment }: ChaosWorld, processing: { fromMs: number; toMs: number }): Promise<Check> {
  const { differences, inputs, outcomes } = await differencesFromModel(environment, { businessDate: BUSINESS_DATE, processing })
  const counts = [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
  return { name: 'every committed output = the independent model of the rules', held: differences === '', detail: differences === '' ? `${inputs} inputs: ${counts}` : differences }
}
