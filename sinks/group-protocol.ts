import type { TopicPartition } from '../ports/broker.ts'

/**
 * The texts of Kafka's `consumer` protocol, so that group tools can read what a sink is subscribed to and has been assigned:
 * ConsumerProtocolSubscription version 2 (topics, owned partitions, the generation they were owned in) and ConsumerProtocolAssignment version 0.
 */
export interface Subscription {
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  /** -1: none yet. Claims of an older generation yield to those of a newer one. */
  readonly generationId: number
}

const SUBSCRIPTION_VERSION = 2
const ASSIGNMENT_VERSION = 0

export function encodeSubscription({ topics, owned, generationId }: Subscription): Buffer {
  return Buffer.concat([int16(SUBSCRIPTION_VERSION), int32(topics.length), ...topics.map(text), int32(-1), encodePartitions(owned), int32(generationId)])
}

/** Reads versions 0 to 3. Throws `RangeError` where the bytes end too early. */
export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new Reader(bytes)
  const version = reader.int16()
  const topics = reader.list(() => reader.text())
  reader.skip(Math.max(0, reader.int32()))
  const owned = version >= 1 ? reader.partitions() : []
  return { topics, owned, generationId: version >= 2 ? reader.int32() : -1 }
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  return Buffer.concat([int16(ASSIGNMENT_VERSION), encodePartitions(partitions), int32(-1)])
}

/** Empty bytes are an empty assignment: the answer to a member that joined after the leader had divided. */
export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  if (bytes.length === 0) return []
  const reader = new Reader(bytes)
  reader.int16()
  return reader.partitions()
}

class Reader {
  readonly #bytes: Buffer
  #position = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.skip(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.skip(4))
  }

  text(): string {
    const length = this.int16()
    const start = this.skip(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  list<T>(read: () => T): T[] {
    const items: T[] = []
    for (let left = this.int32(); left > 0; left--) items.push(read())
    return items
  }

  partitions(): TopicPartition[] {
    const topics = this.list(() => {
      const topic = this.text()
      return this.list(() => ({ topic, partition: this.int32() }))
    })
    return topics.flat()
  }

  /** Answers the position before. */
  skip(bytes: number): number {
    const start = this.#position
    if (bytes < 0 || start + bytes > this.#bytes.length) throw new RangeError(`group metadata of ${this.#bytes.length} bytes ends before byte ${start + bytes}: it was not written by the consumer protocol`)
    this.#position = start + bytes
    return start
  }
}

function encodePartitions(partitions: readonly TopicPartition[]): Buffer {
  const topics = Map.groupBy(partitions, ({ topic }) => topic)
  const parts = [...topics].flatMap(([topic, members]) => [text(topic), int32(members.length), ...members.map(({ partition }) => int32(partition))])
  return Buffer.concat([int32(topics.size), ...parts])
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([int16(bytes.length), bytes])
}
