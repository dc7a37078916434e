import type { KafkaClient } from '../ports/kafka-client.ts'
import type { ChangelogStore } from './changelog-store.ts'

/** Kafka's default of delete.retention.ms, where the topic's own is not to be learnt (no permission to describe it). */
const DEFAULT_TOMBSTONE_RETENTION_MS = 86_400_000

/** What is known of the changelog of a store. */
export interface ChangelogFacts {
  readonly start: number
  readonly end: number
  /** How long a tombstone can be read at least: delete.retention.ms. */
  readonly tombstoneRetentionMs: number
}

/** Why a store cannot be brought up from its own position and has to be rebuilt from the log's start; `undefined`: it can. */
export async function whyUnsound(changelog: ChangelogStore, log: ChangelogFacts, { client, nowMs }: { client: KafkaClient; nowMs: number }): Promise<string | undefined> {
  const { position, positionEpoch, lastCaughtUpMs } = changelog.store
  if (position === undefined) return undefined
  if (position > log.end) return `it stands at offset ${position}, beyond the end of its changelog (${log.end}): the topic was made anew, or has lost records`
  if (position < log.start) return `it stands at offset ${position}, before the start of its changelog (${log.start}): what lies between was deleted`
  if (positionEpoch !== undefined) {
    const { leaderEpoch, endOffset } = await client.endOfEpoch(changelog, positionEpoch)
    if (leaderEpoch < 0 || endOffset < position) return `it stands at offset ${position} of leader epoch ${positionEpoch}, which the log has only up to ${Math.max(endOffset, 0)}: it has diverged from the log (an unclean election?)`
  }
  // Where the log has nothing beyond the store, there is no tombstone to miss.
  if (position === log.end) return undefined
  if (lastCaughtUpMs === undefined) return 'it is not known when it last held its whole changelog, so deletions since then may be gone from the log'
  const awayMs = nowMs - lastCaughtUpMs
  if (awayMs >= log.tombstoneRetentionMs) return `it last held its whole changelog ${awayMs} ms ago, but the log keeps deletions for ${log.tombstoneRetentionMs} ms only (delete.retention.ms)`
  return undefined
}

/** delete.retention.ms of each changelog topic. */
export async function tombstoneRetention(client: KafkaClient, topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const described = await client.broker.describeTopicConfigs(topics)
  const retention = new Map<string, number>(topics.map((topic) => [topic, DEFAULT_TOMBSTONE_RETENTION_MS]))
  for (const { name, errorCode, configs } of described) {
    const valueMs = Number(configs.get('delete.retention.ms') ?? Number.NaN)
    if (errorCode === 0 && Number.isFinite(valueMs)) retention.set(name, valueMs)
  }
  return retention
}
