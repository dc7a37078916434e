import type { TopicPartition } from '../ports/broker.ts'

/**
 * Subscription and assignment of the consumer protocol (ConsumerProtocolSubscription.json, ConsumerProtocolAssignment.json in the kafka-clients jar), the form that group
 * tools and autoscalers read. What is ours beyond it travels in the user data, as Kafka Streams does it.
 */
export interface ConsumerSubscription {
  readonly topics: readonly string[]
  readonly userData: Uint8Array
  readonly ownedPartitions: readonly TopicPartition[]
  /** Generation in which the owned partitions were assigned; -1: none. */
  readonly generationId: number
}

export interface ConsumerAssignment {
  readonly partitions: readonly TopicPartition[]
  readonly userData: Uint8Array
}

/** User data may be left out. */
type WithoutUserData<T extends { userData: Uint8Array }> = Omit<T, 'userData'> & Partial<Pick<T, 'userData'>>

const NOTHING = Buffer.alloc(0)
const SUBSCRIPTION_VERSION = 2
const ASSIGNMENT_VERSION = 1

export function encodeSubscription(subscription: WithoutUserData<ConsumerSubscription>): Buffer {
  const parts = [int16(SUBSCRIPTION_VERSION), int32(subscription.topics.length), ...subscription.topics.map(text), bytes(subscription.userData ?? NOTHING), ...partitions(subscription.ownedPartitions), int32(subscription.generationId)]
  return Buffer.concat(parts)
}

/** Reads versions 0 to 3. @throws RangeError where the bytes end too early. */
export function decodeSubscription(buffer: Buffer): ConsumerSubscription {
  const reader = new Reader(buffer)
  const version = reader.int16()
  const topics = Array.from({ length: reader.count() }, () => reader.text())
  const userData = reader.bytes()
  const ownedPartitions = version >= 1 ? reader.partitions() : []
  return { topics, userData, ownedPartitions, generationId: version >= 2 ? reader.int32() : -1 }
}

export function encodeAssignment(assignment: WithoutUserData<ConsumerAssignment>): Buffer {
  return Buffer.concat([int16(ASSIGNMENT_VERSION), ...partitions(assignment.partitions), bytes(assignment.userData ?? NOTHING)])
}

/** Empty bytes are an empty assignment: the answer to a member that joined after the leader had divided. @throws RangeError where the bytes end too early. */
export function decodeAssignment(buffer: Buffer): ConsumerAssignment {
  if (buffer.length === 0) return { partitions: [], userData: NOTHING }
  const reader = new Reader(buffer)
  reader.int16()
  return { partitions: reader.partitions(), userData: reader.bytes() }
}

function partitions(list: readonly TopicPartition[]): Buffer[] {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of list) {
    const known = topics.get(topic)
    if (known === undefined) topics.set(topic, [partition])
    else known.push(partition)
  }
  const parts = [int32(topics.size)]
  for (const [topic, numbers] of topics) parts.push(text(topic), int32(numbers.length), ...numbers.map(int32))
  return parts
}

function int16(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4)
  buffer.writeInt32BE(value)
  return buffer
}

function text(value: string): Buffer {
  const content = Buffer.from(value)
  return Buffer.concat([int16(content.length), content])
}

function bytes(value: Uint8Array): Buffer {
  return Buffer.concat([int32(value.length), value])
}

/** Reads what other members wrote: every length is checked, a faulty one throws a `RangeError`. */
class Reader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  int16(): number {
    this.#at += 2
    return this.#buffer.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#buffer.readInt32BE(this.#at - 4)
  }

  count(): number {
    const count = this.int32()
    if (count < 0 || count > this.#buffer.length) throw new RangeError(`group protocol: a list of ${count} elements in ${this.#buffer.length} bytes`)
    return count
  }

  text(): string {
    return this.#slice(this.int16()).toString()
  }

  bytes(): Buffer {
    const length = this.int32()
    return length < 0 ? NOTHING : this.#slice(length)
  }

  partitions(): TopicPartition[] {
    const list: TopicPartition[] = []
    for (let topics = this.count(); topics > 0; topics--) {
      const topic = this.text()
      for (let left = this.count(); left > 0; left--) list.push({ topic, partition: this.int32() })
    }
    return list
  }

  #slice(length: number): Buffer {
    if (length < 0 || this.#at + length > this.#buffer.length) throw new RangeError(`group protocol: ${length} bytes announced at ${this.#at} of ${this.#buffer.length}`)
    this.#at += length
    return this.#buffer.subarray(this.#at - length, this.#at)
  }
}
