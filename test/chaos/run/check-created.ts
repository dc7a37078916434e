import { type Check, Differences } from '../../../cli/self-check/check.ts'

/** What the gateway has said of the trades that were sent through it. */
export interface ThroughGateway {
  /** Ids of trades that it took. */
  readonly taken: ReadonlySet<string>
  /** The one that it took or not: nobody knows. */
  readonly underWay: string | undefined
  /** What it said of a trade that it took, where that is not SUCCESS. */
  readonly notSettled: ReadonlyMap<string, string>
}

/** Each trade was created once, and the gateway says so; what came besides is known to be a repetition. `audits`: of these trades, in any order. */
export function checkCreated({ taken, underWay, notSettled }: ThroughGateway, audits: readonly { readonly tradeId: string; readonly outcome: string }[]): Check {
  const created = new Map<string, number>()
  const differences = new Differences()
  let repetitions = 0
  for (const { tradeId, outcome } of audits) {
    if (outcome === 'CREATED') created.set(tradeId, (created.get(tradeId) ?? 0) + 1)
    else if (outcome === 'DUPLICATE') repetitions++
    else differences.add(`trade ${tradeId} is ${outcome}, expected CREATED, or DUPLICATE for a repetition`)
  }
  for (const tradeId of taken) if (created.get(tradeId) !== 1) differences.add(`trade ${tradeId} was taken and created ${created.get(tradeId) ?? 0} times`)
  for (const [tradeId, count] of created) {
    if (taken.has(tradeId)) continue
    if (tradeId !== underWay) differences.add(`trade ${tradeId} was created, and never taken`)
    else if (count !== 1) differences.add(`trade ${tradeId} was created ${count} times`)
  }
  for (const [tradeId, said] of notSettled) differences.add(`trade ${tradeId} was taken, and the gateway does not say that it succeeded: ${said}`)
  return differences.check('every trade that the gateway has taken was created once', `${taken.size} taken, ${repetitions} repetitions in the log`)
}
