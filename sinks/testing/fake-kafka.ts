import type { Broker, OffsetToCommit, TopicPartition } from '../../ports/broker.ts'
import type { FetchedChunk, Fetcher, FetchFailure, GroupMember, GroupMemberOptions, KafkaClient, OutgoingBatch } from '../../ports/kafka-client.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { setBaseOffset } from '../../records/record-batch.ts'
import { encodeAssignment } from '../../serdes/consumer-protocol.ts'

interface FakeLog {
  startOffset: number
  chunks: FetchedChunk[]
  endOffset: number
}

/**
 * A Kafka of one topic and one member, in memory, that does what a test tells it: for the connector's own decisions. The protocols are tested against
 * a real broker.
 */
export class FakeKafka {
  readonly topic = 'trade.processed'
  topicId = 'topic-1'
  readonly logs = new Map<number, FakeLog>()
  readonly produced: OutgoingBatch[] = []
  readonly groupCommits: OffsetToCommit[] = []
  /** The partitions that were handed to the fetcher, with positions. */
  readonly positions = new Map<number, number>()
  readonly left = Promise.withResolvers<void>()
  #member: GroupMemberOptions | undefined
  #generation = 0
  #failures: FetchFailure[] = []
  #ready = Promise.withResolvers<void>()

  constructor(partitions: number) {
    for (let partition = 0; partition < partitions; partition++) this.logs.set(partition, { startOffset: 0, chunks: [], endOffset: 0 })
  }

  /** Appends records as one batch, `markers` offsets of transaction markers behind it. */
  append(partition: number, records: readonly { key: string; value: string | undefined }[], markers = 0): void {
    const log = this.#log(partition)
    const builder = new BatchBuilder({ transactional: false })
    for (const { key, value } of records) builder.append(1_800_000_000_000, ByteView.of(key), value === undefined ? undefined : ByteView.of(value), undefined)
    const buffer = records.length === 0 ? Buffer.alloc(0) : builder.sealPlain()
    if (records.length > 0) setBaseOffset(buffer, 0, log.endOffset)
    const nextOffset = log.endOffset + records.length + markers
    const at = { kind: 'chunk' as const, topic: this.topic, partition, leaderEpoch: 0, highWatermark: nextOffset, lastStableOffset: nextOffset, abortedTransactions: [] }
    log.chunks.push({ ...at, fetchOffset: log.endOffset, nextOffset, buffer, start: 0, end: buffer.length })
    log.endOffset = nextOffset
    this.#wake()
  }

  assign(...partitions: number[]): void {
    this.#generation++
    const list = partitions.map((partition) => ({ topic: this.topic, partition }))
    this.#member?.listener.assigned(encodeAssignment({ partitions: list }), { groupId: 'g', generationId: this.#generation, memberId: 'm', groupInstanceId: undefined })
  }

  lose(): void {
    this.#member?.listener.lost(new Error('unknown member'))
  }

  fail(partition: number, reason: FetchFailure['reason']): void {
    this.positions.delete(partition)
    this.#failures.push({ kind: 'failure', topic: this.topic, partition, reason, message: `the broker says ${reason}` })
    this.#wake()
  }

  get client(): KafkaClient {
    const metadata = async () => ({ clusterId: 'cluster-1', topics: await topics() })
    const topics = async () => [{ name: this.topic, topicId: this.topicId, errorCode: 0, internal: false, partitions: [...this.logs.keys()].map((partition) => ({ partition })) }]
    const listOffsets = async (partitions: readonly TopicPartition[], which: string) =>
      partitions.map(({ topic, partition }) => ({ topic, partition, leaderEpoch: 0, offset: which === 'earliest' ? this.#log(partition).startOffset : this.#log(partition).endOffset }))
    const client: Partial<Record<keyof KafkaClient, unknown>> = {
      broker: { metadata } as unknown as Broker,
      fetcher: () => this.#fetcher(),
      producer: () => ({
        produce: async (batches: readonly OutgoingBatch[]) => {
          this.produced.push(...batches)
          return batches.map(() => 0)
        },
        close: async () => {},
      }),
      groupMember: (options: GroupMemberOptions) => this.#groupMember(options),
      topics,
      listOffsets,
      close: async () => {},
    }
    // what a sink never calls is not there: a call would fail the test
    return client as unknown as KafkaClient
  }

  #fetcher(): Fetcher {
    const next = (): FetchedChunk | undefined => {
      for (const [partition, position] of this.positions) {
        const chunk = this.#log(partition).chunks.find(({ nextOffset }) => nextOffset > position)
        if (chunk !== undefined) return { ...chunk, fetchOffset: Math.max(position, chunk.fetchOffset) }
      }
      return undefined
    }
    const take = (): FetchedChunk | FetchFailure | undefined => {
      const failure = this.#failures.shift()
      if (failure !== undefined) return failure
      const chunk = next()
      if (chunk !== undefined) this.positions.set(chunk.partition, chunk.nextOffset)
      return chunk
    }
    const ready = async () => {
      if (this.#failures.length > 0 || next() !== undefined) return
      this.#ready = Promise.withResolvers<void>()
      await this.#ready.promise
    }
    return {
      assign: ({ partition }, { offset }) => {
        this.positions.set(partition, offset)
        this.#wake()
      },
      remove: ({ partition }) => void this.positions.delete(partition),
      pause: () => {},
      resume: () => {},
      take,
      waiting: 0,
      ready,
      wake: () => this.#wake(),
      close: async () => {},
    }
  }

  #groupMember(options: GroupMemberOptions): GroupMember {
    this.#member = options
    const generation = () => ({ groupId: 'g', generationId: this.#generation, memberId: 'm', groupInstanceId: undefined })
    return {
      state: 'stable',
      get generation() {
        return generation()
      },
      start: () => {},
      rejoin: () => {},
      commitOffsets: async (offsets) => void this.groupCommits.push(...offsets),
      leave: async () => this.left.resolve(),
      close: async () => {},
    }
  }

  #log(partition: number): FakeLog {
    const log = this.logs.get(partition)
    if (log === undefined) throw new Error(`no partition ${partition}`)
    return log
  }

  #wake(): void {
    this.#ready.resolve()
  }
}
