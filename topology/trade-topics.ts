import { TRADE_RULES_DEFAULTS } from '../processors/trade-rules-settings.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** The rules make sure that each output fits into this: a topic that takes less would refuse it, and the input would be without its audit entry. */
const LEAST_BYTES: ReadonlyMap<string, number> = new Map([['max.message.bytes', TRADE_RULES_DEFAULTS.maxMessageBytes]])

/** Topics of the trade store, by what they hold. */
export interface TradeTopics {
  readonly ingested: string
  readonly processed: string
  readonly expired: string
  readonly repaired: string
  readonly audit: string
  readonly deadLetter: string
}

/** The names, each with `prefix` before it: trade stores that share a cluster need different ones. */
export function tradeTopics(prefix: string): TradeTopics {
  return {
    ingested: `${prefix}trade.ingested`,
    processed: `${prefix}trade.processed`,
    expired: `${prefix}trade.expired`,
    repaired: `${prefix}trade.repaired`,
    audit: `${prefix}trade.audit`,
    deadLetter: `${prefix}trade.dead-letter`,
  }
}

/** What the MongoDB sink takes. */
export function documentTopics({ audit, processed, expired, repaired, deadLetter }: TradeTopics): readonly string[] {
  return [audit, processed, expired, repaired, deadLetter]
}

/** The names without a prefix. */
export const TRADE_TOPICS = tradeTopics('')

export interface TopicDefinition {
  readonly name: string
  readonly configs: ReadonlyMap<string, string>
  /** Settings without which results would be wrong: checked at start. The others are a choice. */
  readonly mustBe: readonly string[]
  /** Numbers below which records would be lost: checked at start. */
  readonly atLeast: ReadonlyMap<string, number>
}

/**
 * What each topic has to be. `trade.processed` keeps every version for 7 days, so that a sink may be away that long and miss none; the changelogs keep
 * tombstones as long, so that a store may be.
 */
export function tradeTopicDefinitions(topics: TradeTopics): readonly TopicDefinition[] {
  return [deleted(topics.ingested, 7), compacted(topics.processed, 7), deleted(topics.expired, 30), deleted(topics.repaired, 30), deleted(topics.audit, 30), deleted(topics.deadLetter, 30)]
}

function deleted(name: string, days: number): TopicDefinition {
  const configs = new Map([
    ['cleanup.policy', 'delete'],
    ['retention.ms', String(days * DAY_MS)],
  ])
  return { name, configs, mustBe: ['cleanup.policy'], atLeast: LEAST_BYTES }
}

function compacted(name: string, days: number): TopicDefinition {
  const configs = new Map([
    ['cleanup.policy', 'compact'],
    ['min.compaction.lag.ms', String(days * DAY_MS)],
    ['delete.retention.ms', String(days * DAY_MS)],
  ])
  return { name, configs, mustBe: [...configs.keys()], atLeast: LEAST_BYTES }
}
