const DAY_MS = 24 * 60 * 60 * 1000

/** Topics of the trade store, by what they hold. */
export const TRADE_TOPICS = {
  ingested: 'trade.ingested',
  processed: 'trade.processed',
  expired: 'trade.expired',
  repaired: 'trade.repaired',
  audit: 'trade.audit',
  deadLetter: 'trade.dead-letter',
} as const

export interface TopicDefinition {
  readonly name: string
  readonly configs: ReadonlyMap<string, string>
}

/**
 * What each topic has to be. `trade.processed` keeps every version for 7 days, so that a sink may be away that long and miss none; the changelogs keep
 * tombstones as long, so that a store may be.
 */
export const TRADE_TOPIC_DEFINITIONS: readonly TopicDefinition[] = [
  { name: TRADE_TOPICS.ingested, configs: deleted(7) },
  {
    name: TRADE_TOPICS.processed,
    configs: new Map([
      ['cleanup.policy', 'compact'],
      ['min.compaction.lag.ms', String(7 * DAY_MS)],
      ['delete.retention.ms', String(7 * DAY_MS)],
    ]),
  },
  { name: TRADE_TOPICS.expired, configs: deleted(30) },
  { name: TRADE_TOPICS.repaired, configs: deleted(30) },
  { name: TRADE_TOPICS.audit, configs: deleted(30) },
  { name: TRADE_TOPICS.deadLetter, configs: deleted(30) },
]

function deleted(days: number): Map<string, string> {
  return new Map([
    ['cleanup.policy', 'delete'],
    ['retention.ms', String(days * DAY_MS)],
  ])
}
