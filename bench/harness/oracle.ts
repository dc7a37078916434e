import { crc32 } from 'node:zlib'
import { readTopic } from '../../cli/self-check/read-topic.ts'
import type { KafkaClient } from '../../ports/kafka-client.ts'
import { TRADE_TOPICS } from '../../topology/trade-topics.ts'
import { checksumOf } from '../workload/partition-checksum.ts'
import { sum } from './bench-stack.ts'

export const OUTCOMES = ['CREATED', 'UPDATED', 'REPLACED', 'STALE_VERSION', 'DUPLICATE', 'PAST_MATURITY', 'INVALID'] as const

export interface Expected {
  /** By partition and offset, which of `OUTCOMES`. */
  readonly outcomes: readonly Uint8Array[]
  /** How many of each, in the order of `OUTCOMES`. */
  readonly counts: readonly number[]
  /** By number of the trade, CRC-32 of its last accepted content; 0: none. */
  readonly state: ReadonlyMap<number, number>
  /** How many trades have to expire. Default: none. */
  readonly expired?: number
  /** CRC-32 of all keys and values of the input, partition by partition. */
  readonly inputChecksum: string
}

/**
 * What has to come out of the input, worked out from the input topic itself by the rules in their plainest form. Whatever is fast has to agree with it,
 * record by record. `limits`: by partition, how many records of the input count. Default: all. `today`: the business date, as YYYY-MM-DD. Default: that of now, in UTC.
 */
export async function expectedResults(client: KafkaClient, { limits, today = new Date().toISOString().slice(0, 10) }: { limits?: readonly number[]; today?: string } = {}): Promise<Expected> {
  const topic = TRADE_TOPICS.ingested
  const [metadata] = await client.topics([topic])
  const partitions = metadata?.partitions.length ?? 0
  const ends = await client.listOffsets(
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    'latest',
  )
  const outcomes = Array.from({ length: partitions }, (_, partition) => {
    const end = ends.find((found) => found.partition === partition)?.offset ?? 0
    return new Uint8Array(Math.min(end, limits?.[partition] ?? end))
  })
  const checksums = new Uint32Array(partitions)
  const counts = OUTCOMES.map(() => 0)
  const trades = new Map<number, { version: number; content: number }>()
  await readTopic(client, topic, ({ key, value, offset }, partition) => {
    const known = outcomes[partition]
    if (known === undefined || offset >= known.length) return
    checksums[partition] = crc32(value.buffer.subarray(value.start, value.end), crc32(key.buffer.subarray(key.start, key.end), checksums[partition]))
    const outcome = judge(trades, tradeNumber(key.toString()), value.toString(), today)
    known[offset] = outcome
    counts[outcome] = (counts[outcome] ?? 0) + 1
  })
  if (sum(counts) !== sum(outcomes.map(({ length }) => length))) throw new Error(`the input holds ${sum(counts)} records, its offsets say ${sum(outcomes.map(({ length }) => length))}: it was not written once and in order`)
  return { outcomes, counts, state: new Map([...trades].map(([id, { content }]) => [id, content])), inputChecksum: checksumOf(checksums) }
}

/** What the rules say of the records of each trade, by key, in their order: which of `OUTCOMES`. */
export async function outcomesByTrade(client: KafkaClient): Promise<ReadonlyMap<string, readonly number[]>> {
  const trades = new Map<number, { version: number; content: number }>()
  const outcomes = new Map<string, number[]>()
  const today = new Date().toISOString().slice(0, 10)
  await readTopic(client, TRADE_TOPICS.ingested, ({ key, value }) => {
    const id = key.toString()
    const known = outcomes.get(id) ?? []
    outcomes.set(id, known)
    known.push(judge(trades, tradeNumber(id), value.toString(), today))
  })
  return outcomes
}

interface TradeFields {
  readonly trade_id: string
  readonly version: number
  readonly counterparty_id: string
  readonly book_id: string | undefined
  readonly maturity_date: string
  readonly created_date: string
}

function judge(trades: Map<number, { version: number; content: number }>, id: number, text: string, today: string): number {
  const trade = parse(text)
  if (trade?.book_id === undefined) return INVALID
  const stored = trades.get(id)
  const content = contentOf(trade)
  if (stored !== undefined && trade.version < stored.version) return STALE_VERSION
  if (stored !== undefined && trade.version === stored.version && content === stored.content) return DUPLICATE
  if (trade.maturity_date < today) return PAST_MATURITY
  trades.set(id, { version: trade.version, content })
  if (stored === undefined) return CREATED
  return trade.version === stored.version ? REPLACED : UPDATED
}

function parse(text: string): TradeFields | undefined {
  try {
    // The workload writes all fields or leaves out the book.
    return JSON.parse(text) as TradeFields
  } catch {
    // The workload has records that are cut off.
    return undefined
  }
}

/** CRC-32 of the fields that make a trade what it is, its version among them; never 0. */
export function contentOf(trade: TradeFields): number {
  return crc32([trade.trade_id, trade.version, trade.counterparty_id, trade.book_id, trade.maturity_date, trade.created_date].join('|')) || 1
}

export function tradeNumber(key: string): number {
  return Number(key.slice('TRD-'.length))
}

const [CREATED, UPDATED, REPLACED, STALE_VERSION, DUPLICATE, PAST_MATURITY, INVALID] = [0, 1, 2, 3, 4, 5, 6]
