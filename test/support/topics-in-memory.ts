import type { Broker, TopicPartition } from '../../ports/broker.ts'
import type { FetchedChunk, Fetcher, KafkaClient } from '../../ports/kafka-client.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { HeaderBlockBuilder } from '../../records/headers.ts'
import { setBaseOffset } from '../../records/record-batch.ts'

/** A committed record; its place in the list is its offset. `undefined`: there is none at that offset (any more). */
export interface RecordInMemory {
  readonly key?: string
  readonly value?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export interface TopicInMemory {
  readonly partitions: readonly (readonly (RecordInMemory | undefined)[])[]
  /** Of each partition: what of its end is not yet stable. Default: nothing. */
  readonly unstable?: readonly number[]
}

/** Topics that do not change any more, for what only reads them to their ends. */
export function topicsInMemory(topics: Readonly<Record<string, TopicInMemory>>): KafkaClient {
  const logOf = ({ topic, partition }: TopicPartition) => topics[topic]?.partitions[partition] ?? []
  const described = (names: readonly string[] | undefined) =>
    (names ?? Object.keys(topics)).map((name) => ({ name, topicId: `id-of-${name}`, errorCode: 0, internal: false, partitions: (topics[name]?.partitions ?? []).map((_, partition) => ({ partition })) }))
  const offsetOf = (at: TopicPartition, which: string) => {
    if (which === 'earliest') return Math.max(0, logOf(at).findIndex((record) => record !== undefined))
    return logOf(at).length - (which === 'stable' ? (topics[at.topic]?.unstable?.[at.partition] ?? 0) : 0)
  }
  const client: Partial<Record<keyof KafkaClient, unknown>> = {
    broker: { metadata: async () => ({ topics: described(undefined) }) } as unknown as Broker,
    topics: async (names: readonly string[]) => described(names),
    listOffsets: async (partitions: readonly TopicPartition[], which: string) => partitions.map((at) => ({ ...at, leaderEpoch: 0, offset: offsetOf(at, which) })),
    fetcher: () => fetcherOf(logOf),
  }
  // what a reader never calls is not there: a call would fail the test
  return client as unknown as KafkaClient
}

function fetcherOf(logOf: (at: TopicPartition) => readonly (RecordInMemory | undefined)[]): Fetcher {
  const chunks: FetchedChunk[] = []
  const fetcher: Partial<Fetcher> = {
    assign: (at) => void chunks.push(chunkOf(at, logOf(at))),
    remove: () => {},
    take: () => chunks.shift(),
    close: async () => {},
  }
  // as above
  return fetcher as Fetcher
}

/** One batch for each record: so there may be gaps between them. */
function chunkOf({ topic, partition }: TopicPartition, records: readonly (RecordInMemory | undefined)[]): FetchedChunk {
  const buffer = Buffer.concat(records.map((record, offset) => (record === undefined ? Buffer.alloc(0) : batchOf(record, offset))))
  const end = records.length
  const at = { kind: 'chunk' as const, topic, partition, leaderEpoch: 0, highWatermark: end, lastStableOffset: end, abortedTransactions: [] }
  return { ...at, fetchOffset: 0, nextOffset: end, buffer, start: 0, end: buffer.length }
}

function batchOf({ key, value, headers = {} }: RecordInMemory, offset: number): Buffer {
  const block = new HeaderBlockBuilder()
  for (const [name, text] of Object.entries(headers)) block.add(name, text)
  const view = (text: string | undefined) => (text === undefined ? undefined : ByteView.of(text))
  const builder = new BatchBuilder({ transactional: false })
  builder.append(1_800_000_000_000, view(key), view(value), block.count === 0 ? undefined : block.into(new ByteView()))
  const bytes = builder.sealPlain()
  setBaseOffset(bytes, 0, offset)
  return bytes
}
