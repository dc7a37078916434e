import type { ByteView } from '../../records/byte-view.ts'
import { bytes } from '../../serdes/bytes.ts'
import type { Serde } from '../../serdes/serde.ts'
import { type StoreDefinition, Topology } from '../topology.ts'
import { Stream } from './stream.ts'

/** How keys and values of a topic are read and written. */
export interface Consumed<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/**
 * Puts a topology together, step by step.
 *
 * ```ts
 * const builder = new StreamsBuilder()
 * builder
 *   .stream('orders', { key: string, value: json<Order>() })
 *   .filter((order) => order.amount > 0)
 *   .mapValues((order) => order.amount)
 *   .to('amounts', { key: string, value: json<number>() })
 * const topology = builder.build()
 * ```
 */
export class StreamsBuilder {
  readonly #topology = new Topology()
  #nextNumber = 0

  /** A stream of the records of a topic. */
  stream<K, V>(topic: string, serdes: Consumed<K, V>): Stream<K, V> {
    const name = this.nodeName('source')
    this.#topology.addSource({ name, topic, key: serdes.key, value: serdes.value })
    return Stream.below(this, [name], serdes.key)
  }

  /** Adds a state store; processors name it in their `stores`. */
  store(definition: StoreDefinition): this {
    this.#topology.addStore(definition)
    return this
  }

  /** Records that cannot be processed go to this topic, in the same transaction, instead of stopping the application. */
  deadLettersTo(topic: string): this {
    this.#topology.deadLettersTo(topic)
    return this
  }

  build(): Topology {
    return this.#topology
  }

  /** @internal For the stream operators. */
  get topology(): Topology {
    return this.#topology
  }

  /** @internal Names of nodes carry a running number, as in Kafka Streams: the same program yields the same names. */
  nodeName(kind: string): string {
    return `${kind}-${String(this.#nextNumber++).padStart(4, '0')}`
  }
}

/** Key and value as they lie in the record, not parsed. */
export type Raw = readonly [key: ByteView, value: ByteView]

/** The serdes of `Raw`. */
export const RAW = { key: bytes, value: bytes }
