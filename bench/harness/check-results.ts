import { readTopic } from '../../cli/self-check/read-topic.ts'
import type { KafkaClient } from '../../ports/kafka-client.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { sum } from './bench-stack.ts'
import { contentOf, type Expected, OUTCOMES, tradeNumber } from './oracle.ts'

export interface Checked {
  /** Records written to outputs and to the changelog, which holds as many as trade.processed. */
  readonly recordsWritten: number
}

const UNSEEN = 255

/**
 * Holds what a contender wrote against what had to come out: for each input exactly one audit entry, with the right outcome, and as last trade.processed of each trade its right
 * state. Throws with the first differences.
 */
export async function checkResults(client: KafkaClient, contender: string, expected: Expected): Promise<Checked> {
  const differences = new Differences()
  const found = expected.outcomes.map(({ length }) => new Uint8Array(length).fill(UNSEEN))
  let audits = 0
  let expired = 0
  await readTopic(client, TRADE_TOPICS.audit, ({ value }) => {
    audits++
    const outcome = outcomeOf(value)
    // An expiry is no answer to an input.
    if (outcome === 'EXPIRED') {
      expired++
      return
    }
    const partition = numberAfter(value, PARTITION)
    const offset = numberAfter(value, OFFSET)
    const seen = found[partition]
    if (seen === undefined || offset >= seen.length) differences.add(`an audit entry for ${partition}@${offset}, which was not committed`)
    else if (seen[offset] !== UNSEEN) differences.add(`more than one audit entry for ${partition}@${offset}`)
    else seen[offset] = OUTCOMES.indexOf(outcome)
  })
  expected.outcomes.forEach((outcomes, partition) => {
    const seen = found[partition]
    for (const [offset, outcome] of outcomes.entries()) {
      if (seen?.[offset] !== outcome) differences.add(`${partition}@${offset} is ${OUTCOMES[seen?.[offset] ?? UNSEEN] ?? 'not in the audit'}, expected ${OUTCOMES[outcome]}`)
    }
  })
  if (expired !== (expected.expired ?? 0)) differences.add(`${expired} trades have expired, expected ${expected.expired ?? 0}`)
  const { processed, state } = await lastProcessed(client)
  for (const [id, content] of expected.state) if (state.get(id) !== content) differences.add(`trade ${id} ends in another state than expected`)
  if (state.size !== expected.state.size) differences.add(`${state.size} trades, expected ${expected.state.size}`)
  if (differences.count > 0) throw new Error(`the results of ${contender} are wrong in ${differences.count} places:\n  ${differences.first.join('\n  ')}`)
  const invalid = expected.counts[OUTCOMES.indexOf('INVALID')] ?? 0
  return { recordsWritten: 2 * processed + audits + invalid }
}

class Differences {
  count = 0
  readonly first: string[] = []

  add(difference: string): void {
    if (this.count++ < 10) this.first.push(difference)
  }
}

async function lastProcessed(client: KafkaClient): Promise<{ processed: number; state: Map<number, number> }> {
  const state = new Map<number, number>()
  let processed = 0
  await readTopic(client, TRADE_TOPICS.processed, ({ key, value }) => {
    processed++
    // What a contender wrote as a trade; if it is none, reading it ends the check.
    state.set(tradeNumber(key.toString()), contentOf(JSON.parse(value.toString()) as Parameters<typeof contentOf>[0]))
  })
  return { processed, state }
}

export function describeExpected(expected: Expected): string {
  const counts = OUTCOMES.map((outcome, at) => `${(expected.counts[at] ?? 0).toLocaleString('en')} ${outcome}`)
  return `every contender, every round: exactly one audit entry for each of ${sum(expected.counts).toLocaleString('en')} inputs, each with the right outcome (${counts.join(', ')}), and the right final state of all ${expected.state.size.toLocaleString('en')} trades; CRC-32 of the input as read back: ${expected.inputChecksum}`
}

interface Bytes {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

// Audit entries come from known programs: the members are found without parsing the rest, four times as fast.
const PARTITION = Buffer.from('"partition":')
const OFFSET = Buffer.from('"offset":')
const OUTCOME = Buffer.from('"outcome":"')
const QUOTE = 0x22

function numberAfter({ buffer, start, end }: Bytes, name: Buffer): number {
  const at = buffer.indexOf(name, start)
  if (at < 0 || at >= end) throw new Error(`an audit entry without ${name.toString()} ${buffer.toString('utf8', start, end)}`)
  return Number.parseInt(buffer.toString('latin1', at + name.length, at + name.length + 16), 10)
}

function outcomeOf({ buffer, start }: Bytes): (typeof OUTCOMES)[number] | 'EXPIRED' {
  const from = buffer.indexOf(OUTCOME, start) + OUTCOME.length
  // An outcome that we do not know is found at no index, and so differs from what is expected.
  return buffer.toString('latin1', from, buffer.indexOf(QUOTE, from)) as (typeof OUTCOMES)[number]
}
