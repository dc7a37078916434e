import { DirectNetwork } from '../../engine/simulation/cluster/direct-network.ts'
import { SimulatedCluster, type SimulatedClusterOptions } from '../../engine/simulation/cluster/simulated-cluster.ts'
import { BrokerKafkaClient } from '../../kafka/kafka-client.ts'
import type { ClusterNetwork } from '../../engine/simulation/cluster/simulated-broker.ts'
import type { Broker } from '../../ports/broker.ts'
import type { Fetcher, GroupMember, KafkaClient, OutgoingBatch } from '../../ports/kafka-client.ts'
import type { Random } from '../../ports/random.ts'
import { BatchBuilder } from '../../records/batch-builder.ts'
import { ByteView } from '../../records/byte-view.ts'
import { CommittedCursor } from '../../records/committed-cursor.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** A cluster of the model with clients of the product, in virtual time. */
export class ModelRun {
  readonly clock = new VirtualClock()
  readonly cluster: SimulatedCluster
  readonly #random: Random
  readonly #clients: { client: BrokerKafkaClient; broker: Broker }[] = []

  constructor(options: Partial<SimulatedClusterOptions> & { seed?: number } = {}) {
    this.#random = seeded(options.seed ?? 1)
    this.cluster = new SimulatedCluster({ clock: this.clock, random: this.#random, ...options })
  }

  client(clientId: string, network: ClusterNetwork = new DirectNetwork()): BrokerKafkaClient {
    const broker = this.cluster.broker(clientId, network)
    const client = new BrokerKafkaClient({ broker, clock: this.clock, random: this.#random })
    this.#clients.push({ client, broker })
    return client
  }

  batch(topic: string, partition: number, values: readonly string[]): OutgoingBatch {
    const builder = new BatchBuilder({ transactional: true })
    for (const value of values) builder.append(Math.floor(this.clock.now()), ByteView.of(`key of ${value}`), ByteView.of(value), undefined)
    return { topic, partition, bytes: builder.seal(), recordCount: values.length }
  }

  reader(topic: string, partition: number, offset = 0): Reader {
    const fetcher = this.client('reader').fetcher({ readCommitted: true })
    fetcher.assign({ topic, partition }, { offset, leaderEpoch: undefined })
    return new Reader(fetcher)
  }

  /** A static member whose leader tells all members the names of all. */
  member(name: string, network?: ClusterNetwork): TestMember {
    return new TestMember(this.client(name, network), name)
  }

  /** Lets time pass until a promise is settled. */
  async until<T>(promise: Promise<T>, limitMs = 120_000): Promise<T> {
    let isSettled = false
    const settled = () => {
      isSettled = true
    }
    promise.then(settled, settled)
    const endMs = this.clock.monotonicMs() + limitMs
    await this.clock.settle()
    while (!isSettled && this.clock.monotonicMs() < endMs) await this.clock.advance(1)
    if (!isSettled) throw new Error(`not settled within ${limitMs} ms of virtual time`)
    return await promise
  }

  async end(): Promise<void> {
    for (const { client, broker } of this.#clients) {
      await client.close()
      await broker.close()
    }
  }
}

/** The committed values of a partition, as they arrive. */
export class Reader {
  nextOffset = 0
  readonly failures: string[] = []
  readonly #fetcher: Fetcher
  readonly #values: string[] = []

  constructor(fetcher: Fetcher) {
    this.#fetcher = fetcher
  }

  values(): string[] {
    const cursor = new CommittedCursor()
    for (let item = this.#fetcher.take(); item; item = this.#fetcher.take()) {
      if (item.kind === 'failure') {
        this.failures.push(item.reason)
        continue
      }
      cursor.reset(item)
      while (cursor.next()) this.#values.push(cursor.value.toString())
      this.nextOffset = cursor.nextOffset
      item.release?.()
    }
    return [...this.#values]
  }
}

export class TestMember {
  readonly client: KafkaClient
  readonly member: GroupMember
  assignment: string | undefined
  readonly losses: string[] = []
  readonly failures: string[] = []

  constructor(client: KafkaClient, name: string) {
    this.client = client
    this.member = client.groupMember({
      groupId: 'group',
      groupInstanceId: name,
      protocolType: 'test',
      protocolName: 'plain',
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 10_000,
      listener: {
        subscription: () => Buffer.from(name),
        assign: (members) => {
          const names = Buffer.from(members.map(({ metadata }) => metadata.toString()).sort().join(' '))
          return new Map(members.map(({ memberId }) => [memberId, names]))
        },
        assigned: (assignment) => {
          this.assignment = assignment.toString()
        },
        lost: (reason) => this.losses.push(reason.message),
        failed: (error) => this.failures.push(error.message),
      },
    })
  }
}

/** mulberry32. */
export function seeded(seed: number): Random {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('')
  return { next, uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}` }
}
