import type { Serde } from '../../serdes/serde.ts'
import { type Processor, type ProcessorContext, type ProcessorSupplier, StreamRecord } from '../processor.ts'
import { DEFAULT_OUTPUT, type Parent, TopologyError } from '../topology.ts'
import { keyValueStore, type KeyValueStore } from '../key-value-store.ts'
import type { Consumed, StreamsBuilder } from './streams-builder.ts'

/** What a processor with several outputs hands on: name of the output to key and value. */
export type Outputs = Record<string, readonly [key: unknown, value: unknown]>

/** A stream of records, to which steps are added. Each step yields a new stream; one stream may have several steps below it. */
export class Stream<K, V> {
  readonly #builder: StreamsBuilder
  readonly #parents: readonly Parent[]
  /** The serde of the key as long as no step changed it: state by key needs the record in the key's partition. */
  readonly #key: Serde<K> | undefined

  private constructor(builder: StreamsBuilder, parents: readonly Parent[], key: Serde<K> | undefined) {
    this.#builder = builder
    this.#parents = parents
    this.#key = key
  }

  /** @internal */
  static below<K, V>(builder: StreamsBuilder, nodes: readonly string[], key: Serde<K> | undefined, output = DEFAULT_OUTPUT): Stream<K, V> {
    return new Stream(builder, nodes.map((node) => ({ node, output })), key)
  }

  /** Records for which the predicate holds. A record without a value is passed to it as `undefined`. */
  filter(predicate: (value: V | undefined, key: K | undefined) => boolean): Stream<K, V> {
    return this.#step('filter', this.#key, (out: (record: StreamRecord<K, V>) => void) => (record) => {
      if (predicate(record.value, record.key)) out(record)
    })
  }

  /** Another value for each record; records without a value keep none. */
  mapValues<W>(map: (value: V, key: K | undefined) => W): Stream<K, W> {
    return this.#step('map-values', this.#key, (out: (record: StreamRecord<K, W>) => void) => {
      const next = new StreamRecord<K, W>()
      return (record) => out(derive(next, record, record.key, record.value === undefined ? undefined : map(record.value, record.key)))
    })
  }

  /** No, one or several values for each record that has one. */
  flatMapValues<W>(map: (value: V, key: K | undefined) => Iterable<W>): Stream<K, W> {
    return this.#step('flat-map-values', this.#key, (out: (record: StreamRecord<K, W>) => void) => {
      const next = new StreamRecord<K, W>()
      return (record) => {
        if (record.value === undefined) return
        for (const value of map(record.value, record.key)) out(derive(next, record, record.key, value))
      }
    })
  }

  /** Another key and value. State by the new key needs the records in its partitions: write them to a topic (`to`) and read that. */
  map<L, W>(map: (key: K | undefined, value: V | undefined) => readonly [L | undefined, W | undefined]): Stream<L, W> {
    return this.#step<L, W>('map', undefined, (out) => {
      const next = new StreamRecord<L, W>()
      return (record) => {
        const [key, value] = map(record.key, record.value)
        out(derive(next, record, key, value))
      }
    })
  }

  /** Looks at each record on its way. */
  peek(look: (record: StreamRecord<K, V>) => void): Stream<K, V> {
    return this.#step('peek', this.#key, (out: (record: StreamRecord<K, V>) => void) => (record) => {
      look(record)
      out(record)
    })
  }

  merge(other: Stream<K, V>): Stream<K, V> {
    return new Stream(this.#builder, [...this.#parents, ...other.#parents], this.#key)
  }

  /** Records by key, for aggregations. */
  groupByKey(): GroupedStream<K, V> {
    if (this.#key === undefined) {
      throw new TopologyError('groupByKey after a step that changed the key: the records do not lie in the partitions of the new key; write them to a topic with to() and read that')
    }
    return new GroupedStream(this.#key, (name, supplier, store) => this.process<{ out: [K, unknown] }>(name, supplier, { stores: [store] }).output('out'), this.#builder)
  }

  /**
   * A processor of one's own. `Out` names its outputs; `context.output(name)` hands a record to what hangs below `.output(name)`.
   */
  process<Out extends Outputs>(name: string, supplier: ProcessorSupplier<K, V>, options: { stores?: readonly string[] } = {}): ProcessedStream<Out> {
    // The graph holds nodes of all types side by side; that key and value types fit was checked where the step was added.
    this.#builder.topology.addProcessor({ name, supplier: supplier as ProcessorSupplier<unknown, unknown>, parents: this.#parents, stores: options.stores ?? [] })
    return new ProcessedStream(this.#builder, name)
  }

  /** Writes the records to a topic, partitioned by Kafka's murmur2 of the key; what has no key goes to the number of its input partition. */
  to(topic: string, serdes: Consumed<K, V>): void {
    this.#builder.topology.addSink({ name: this.#builder.nodeName('sink'), topic, key: serdes.key, value: serdes.value, parents: this.#parents })
  }

  #step<L, W>(kind: string, key: Serde<L> | undefined, compose: (out: (record: StreamRecord<L, W>) => void) => (record: StreamRecord<K, V>) => void): Stream<L, W> {
    const name = this.#builder.nodeName(kind)
    const supplier = (context: ProcessorContext): Processor<K, V> => ({ process: compose(context.output<L, W>(DEFAULT_OUTPUT)) })
    this.#builder.topology.addProcessor({ name, supplier: supplier as ProcessorSupplier<unknown, unknown>, parents: this.#parents, stores: [] })
    return Stream.below(this.#builder, [name], key)
  }
}

/** What a processor hands on, by output. */
export class ProcessedStream<Out extends Outputs> {
  readonly #builder: StreamsBuilder
  readonly #node: string

  /** @internal */
  constructor(builder: StreamsBuilder, node: string) {
    this.#builder = builder
    this.#node = node
  }

  output<Name extends keyof Out & string>(name: Name): Stream<Out[Name][0], Out[Name][1]> {
    return Stream.below(this.#builder, [this.#node], undefined, name)
  }
}

type AddAggregation<K, V> = (name: string, supplier: ProcessorSupplier<K, V>, store: string) => Stream<K, unknown>

/** Records of one key together. */
export class GroupedStream<K, V> {
  readonly #key: Serde<K>
  readonly #add: AddAggregation<K, V>
  readonly #builder: StreamsBuilder

  /** @internal */
  constructor(key: Serde<K>, add: AddAggregation<K, V>, builder: StreamsBuilder) {
    this.#key = key
    this.#add = add
    this.#builder = builder
  }

  /** Folds the records of each key into a value, kept in the store `store` and handed on each time it changes. Records without key or value are passed over. */
  aggregate<A>(store: string, fold: { initial: () => A; add: (key: K, value: V, aggregate: A) => A; value: Serde<A> }): Stream<K, A> {
    this.#builder.store({ name: store })
    const supplier = (context: ProcessorContext): Processor<K, V> => {
      const state: KeyValueStore<K, A> = keyValueStore(context, store, { key: this.#key, value: fold.value })
      const out = context.output<K, A>(DEFAULT_OUTPUT)
      const next = new StreamRecord<K, A>()
      return {
        process(record) {
          if (record.key === undefined || record.value === undefined) return
          const aggregate = fold.add(record.key, record.value, state.get(record.key) ?? fold.initial())
          state.put(record.key, aggregate, record.timestamp)
          out(derive(next, record, record.key, aggregate))
        },
      }
    }
    // The supplier hands on values of A only; the helper that adds it does not know A.
    return this.#add(this.#builder.nodeName('aggregate'), supplier, store) as Stream<K, A>
  }

  /** How many records each key has had. */
  count(store: string, value: Serde<number>): Stream<K, number> {
    return this.aggregate(store, { initial: () => 0, add: (_key, _value, count) => count + 1, value })
  }
}

function derive<K, V>(target: StreamRecord<K, V>, from: StreamRecord<unknown, unknown>, key: K | undefined, value: V | undefined): StreamRecord<K, V> {
  target.key = key
  target.value = value
  target.timestamp = from.timestamp
  target.headers = from.headers
  return target
}
