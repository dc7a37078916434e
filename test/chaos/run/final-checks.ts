import { join } from 'node:path'
import type { Check } from '../../../cli/self-check/check.ts'
import { checkAudit } from '../../../cli/self-check/check-audit.ts'
import { checkDocuments } from '../../../cli/self-check/check-documents.ts'
import { checkTrades } from '../../../cli/self-check/check-trades.ts'
import { TRADE_STORES } from '../../../topology/trades.ts'
import { type ActualRecord, compare, report } from '../../model/compare.ts'
import type { ModelInput, ModelOutputs, Outcome } from '../../model/trade-model.ts'
import { witnessedRun } from '../../model/witnessed-run.ts'
import { MAX_MESSAGE_BYTES, processingTimes, readInputs, readOutputs } from '../../support/trade-records.ts'
import { within } from './bounded.ts'
import { checkAcknowledged } from './check-acknowledged.ts'
import { checkDeadLetters, readSinkLetters } from './check-dead-letters.ts'
import { checkEvents } from './check-events.ts'
import { checkHistory } from './check-history.ts'
import { checkTradeVersions } from './check-rows.ts'
import { checkStores, newest, openStores } from './check-stores.ts'
import { checkTransactions } from './check-transactions.ts'
import { checkVersionsOfRows, checkVersionsOfTopic } from './check-versions.ts'
import { MEMBERS } from './fleet.ts'
import type { ForeignLoad } from './foreign-load.ts'
import type { ChaosWorld } from './world.ts'

/** Only ends what hangs: an hour of records is compared in less, each check by itself. */
const COMPARED_WITHIN_MS = 1_800_000

/** What must hold when all input is worked off, every role has stopped and brokers and databases are well. */
export async function finalChecks(world: ChaosWorld, load: ForeignLoad, processing: { fromMs: number; toMs: number }): Promise<Check[]> {
  const { environment, direct, fleet } = world
  const { client, topics, applicationId, databases } = environment
  const folders = new Map(MEMBERS.flatMap(({ name, kind }) => (kind === 'processor' ? [[name, join(fleet.folderOf(name), 'state', applicationId, 'stores')] as const] : [])))
  let processed: readonly ActualRecord[] = []
  const checks: [name: string, check: () => Promise<Check | readonly Check[]> | Check][] = [
    ['every acknowledged input is in the log, where it was acknowledged', () => checkAcknowledged(client, topics.ingested, load.acknowledged)],
    ['audit entries = input records, exactly one each', () => checkAudit(client, topics)],
    [
      'every committed output = the independent model of the rules',
      async () => {
        // all that came out in an hour is held by nobody else
        const actual = await readOutputs(environment)
        processed = actual.filter(({ topic }) => topic === 'trade.processed')
        return checkModel(await readInputs(environment), actual, world, processing)
      },
    ],
    ['versions never go down on trade.processed', () => checkVersionsOfTopic(processed)],
    ['versions and offsets of a row in PostgreSQL never go down', () => checkVersionsOfRows(direct.postgres)],
    ['every state store on every disk = what is committed of its changelog up to its position', () => checkStores(client, applicationId, folders)],
    ['state stores and PostgreSQL trades = last trade.processed of each key', () => checkNewest(world, folders)],
    ['PostgreSQL trade_versions = the last content of each version', () => checkTradeVersions(direct.postgres, processed)],
    ['MongoDB audit = trade.audit', () => checkDocuments(client, databases.mongo, topics.audit)],
    [
      'MongoDB trade_history = trade.processed, one document each',
      async () => checkHistory(databases.mongo, { topic: topics.processed, topicId: (await client.topics([topics.processed]))[0]?.topicId ?? '' }, processed),
    ],
    ['MongoDB trade_events = trade.expired, trade.repaired and trade.dead-letter, one document each', () => checkEvents(client, databases.mongo, topics)],
    ['sinks put aside what their database cannot keep, and nothing else', async () => checkDeadLetters(await readSinkLetters(client, topics.deadLetter), topics.processed, processed)],
    ['no partition has a hanging transaction', () => checkTransactions(client)],
  ]
  const done: Check[] = []
  for (const [name, check] of checks) done.push(...[await checkWithin(name, async () => check())].flat())
  return done
}

/** A check that cannot be made, or does not end, did not hold. */
export async function checkWithin<T extends Check | readonly Check[]>(name: string, check: () => Promise<T>): Promise<T | Check> {
  try {
    return await within(name, COMPARED_WITHIN_MS, check)
  } catch (error) {
    return { name, held: false, detail: `could not be checked: ${error instanceof Error ? error.message : String(error)}` }
  }
}

async function checkNewest({ environment, direct }: ChaosWorld, folders: ReadonlyMap<string, string>): Promise<Check[]> {
  const trades = await openStores(TRADE_STORES.trades, folders)
  try {
    return await checkTrades({ client: environment.client, topics: environment.topics, postgres: direct.postgres, stores: newest(trades) })
  } finally {
    for (const { store } of trades) await store.close()
  }
}

interface ModelSettings {
  readonly environment: { readonly settings: { readonly 'topics.partitions': number }; readonly topics: { readonly ingested: string } }
  readonly businessDates: readonly string[]
}

export function checkModel(inputs: readonly ModelInput[], actual: readonly ActualRecord[], { environment, businessDates }: ModelSettings, processing: { fromMs: number; toMs: number }): Check[] {
  const { settings, topics } = environment
  const options = { partitions: settings['topics.partitions'], maxMessageBytes: MAX_MESSAGE_BYTES, topic: topics.ingested }
  const { expected, faults } = witnessedRun(inputs, actual, { ...options, businessDates, processedAt: processingTimes(actual, processing), toMs: processing.toMs })
  const outcomes = new Map<Outcome, number>()
  const differences = compare(actual, counted(expected, outcomes), { processing })
  const wrong = [...faults, report(differences)].filter(Boolean).join('\n')
  const counts = [...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
  return [
    { name: 'every committed output = the independent model of the rules', held: wrong === '', detail: wrong || `${inputs.length} inputs: ${counts}` },
    checkExpired(outcomes.get('EXPIRED') ?? 0, businessDates),
  ]
}

function* counted(outputs: Iterable<ModelOutputs>, outcomes: Map<Outcome, number>): Generator<ModelOutputs> {
  for (const output of outputs) {
    outcomes.set(output.outcome, (outcomes.get(output.outcome) ?? 0) + 1)
    yield output
  }
}

/** That they are the right ones is for the model to say; a run in which nothing is due says nothing of expiry. */
export function checkExpired(expired: number, businessDates: readonly string[]): Check {
  return { name: 'trades expired while faults were made', held: expired > 0, detail: `${expired} expired; the business date was ${businessDates.join(', ')}` }
}
