import { createHash } from 'node:crypto'
import type { TradeEvents } from '../databases/trade-events.ts'
import type { Rebalance, Rebalances } from './rebalances.ts'

const MINUTE_MS = 60_000

/** Writes what a gateway sees of rebalances into `trade_events`, once for all gateways: those that see the same one give it the same id. Where MongoDB is away it is told by the gateways that have seen it only. */
export function recordRebalances(rebalances: Rebalances, events: Pick<TradeEvents, 'record'>): void {
  rebalances.onChange = (rebalance) => {
    const { atMs, group, generation, owners } = rebalance
    events.record({ id: idOf(rebalance), eventType: 'REBALANCED', severity: 'info', tradeId: undefined, data: { group, generation: generation ?? null, owners }, timestampMs: atMs }).catch(() => {})
  }
}

/** A group that does not tell its generation has had no two rebalances with the same result within a minute. */
function idOf({ atMs, group, generation, owners }: Rebalance): string {
  const result = createHash('sha256').update(JSON.stringify(owners)).digest('hex').slice(0, 16)
  return `rebalance#${group}#${generation ?? `at ${Math.floor(atMs / MINUTE_MS)}`}#${result}`
}
