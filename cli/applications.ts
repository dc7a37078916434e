import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import type { Settings } from '../config/settings.ts'
import { Topology } from '../engine/topology.ts'
import { createTrades } from '../topology/trades.ts'
import { type TopicDefinition, tradeTopicDefinitions, tradeTopics } from '../topology/trade-topics.ts'
import { PersonsMistake } from './exit.ts'
import type { RunningRules } from './stream-worker-messages.ts'

/** What a processor runs. */
export interface Application {
  readonly topology: Topology
  /** What the topics have to be; those not named here are created with the brokers' defaults. */
  readonly topics: readonly TopicDefinition[]
  /** Expires what is due, in every task of this thread; answers how many did. */
  readonly expire?: () => Promise<number>
}

/** The trade store, or the module of one's own that exports `topology`. */
export async function loadApplication(module: string | undefined, settings: Settings, rules?: RunningRules): Promise<Application> {
  if (module === undefined) return tradeStore(settings, rules)
  const loaded: unknown = await import(pathToFileURL(resolve(module)).href).catch((error: unknown) => {
    throw new PersonsMistake(`the topology ${module} could not be loaded: ${error instanceof Error ? error.message : String(error)}`)
  })
  const topology = typeof loaded === 'object' && loaded !== null && 'topology' in loaded ? loaded.topology : undefined
  if (!(topology instanceof Topology)) throw new PersonsMistake(`${module} does not export a \`topology\`; expected: export const topology = builder.build()`)
  return { topology, topics: [] }
}

function tradeStore(settings: Settings, running: RunningRules | undefined): Application {
  const topics = tradeTopics(settings['topics.prefix'])
  const rules = {
    ...(settings['business.date'] !== undefined && { businessDate: settings['business.date'] }),
    ...running,
    timeZone: settings['business.timeZone'],
    checkPartition: settings['input.checkPartition'],
  }
  const { topology, expire } = createTrades(rules, topics)
  return { topology, expire, topics: tradeTopicDefinitions(topics) }
}
