import { describe, test } from 'vitest'
import { compactionCases } from './compaction-cases.ts'
import type { ContractCase } from './contract-case.ts'
import { ContractRun, type ContractTarget } from './contract-run.ts'
import { fetchCases } from './fetch-cases.ts'
import { groupCases } from './group-cases.ts'
import { groupOffsetCases } from './group-offset-cases.ts'
import { idempotenceCases } from './idempotence-cases.ts'
import { logCases } from './log-cases.ts'
import { produceCases } from './produce-cases.ts'
import { staticMemberCases } from './static-member-cases.ts'
import { topicCases } from './topic-cases.ts'
import { transactionCases } from './transaction-cases.ts'
import { transactionEndCases } from './transaction-end-cases.ts'
import { transactionV1Cases } from './transaction-v1-cases.ts'

/** Themes of the contract. */
export const THEMES: Readonly<Record<string, readonly ContractCase[]>> = {
  compaction: compactionCases,
  topics: topicCases,
  produce: produceCases,
  idempotence: idempotenceCases,
  fetch: fetchCases,
  log: logCases,
  transactions: transactionCases,
  ends: transactionEndCases,
  v1: transactionV1Cases,
  groups: groupCases,
  statics: staticMemberCases,
  offsets: groupOffsetCases,
}

/**
 * What every implementation of the port `Broker` does, with Apache Kafka 4.3 as the judge. One suite for the real broker and for the model of the
 * simulation: what the simulation proves is worth as much as the model is like the real one.
 *
 * `connect` gives each case a target; names of topics, groups and producers are the case's own, so that a target may be shared. Cases of a theme of
 * `together` are one test: they wait for the broker most of the time. `only`: these themes.
 */
export function brokerContract(name: string, connect: () => Promise<ContractTarget>, { together = [], only = Object.keys(THEMES) }: { together?: readonly string[]; only?: readonly string[] } = {}): void {
  const check = async (one: ContractCase, of: string) => {
    const target = await connect()
    try {
      await one.check(new ContractRun(target, of))
    } finally {
      await target.close()
    }
  }
  describe.concurrent(name, { timeout: 90_000 }, () => {
    for (const theme of only) {
      const cases = THEMES[theme] ?? []
      if (together.includes(theme)) test(`${theme}: ${cases.length} cases`, () => checkAll(cases.map((one, i) => ({ title: one.name, done: check(one, `${theme}-${i}`) }))))
      else describe(theme, () => cases.forEach((one, i) => test(one.name, () => check(one, `${theme}-${i}`))))
    }
  })
}

async function checkAll(checks: readonly { title: string; done: Promise<void> }[]): Promise<void> {
  const outcomes = await Promise.allSettled(checks.map(({ done }) => done))
  const failures = outcomes.flatMap((outcome, i) => (outcome.status === 'rejected' ? [`${checks[i]?.title}: ${outcome.reason instanceof Error ? outcome.reason.stack : String(outcome.reason)}`] : []))
  if (failures.length > 0) throw new Error(failures.join('\n'))
}
