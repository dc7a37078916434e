import { createHash } from 'node:crypto'
import type { TradeEvents } from '../databases/trade-events.ts'
import type { Rebalance, Rebalances } from './rebalances.ts'

const MINUTE_MS = 60_000

/** Writes what a gateway sees of rebalances into `trade_events`, once for all gateways that see it on the same day (UTC): they give it the same id. Where MongoDB is away it is told by the gateways that have seen it only. */
export function recordRebalances(rebalances: Rebalances, events: Pick<TradeEvents, 'record'>): void {
  rebalances.onChange = (rebalance) => {
    const { atMs, group, generation, owners } = rebalance
    events.record({ id: idOf(rebalance), eventType: 'REBALANCED', severity: 'info', tradeId: undefined, data: { group, generation: generation ?? null, owners }, timestampMs: atMs }).catch(() => {})
  }
}

/**
 * The day is in it because generations start anew with the group, from 1 and with the same owners, while the event of the first time is kept for months. What is seen on both sides of midnight is there twice: better than not at all.
 * A group that does not tell its generation has had no two rebalances with the same result within a minute.
 */
function idOf({ atMs, group, generation, owners }: Rebalance): string {
  const result = createHash('sha256').update(JSON.stringify(owners)).digest('hex').slice(0, 16)
  const when = generation === undefined ? `at ${Math.floor(atMs / MINUTE_MS)}` : `${generation} on ${new Date(atMs).toISOString().slice(0, 10)}`
  return `rebalance#${group}#${when}#${result}`
}
