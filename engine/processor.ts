import type { ByteView } from '../records/byte-view.ts'

/**
 * A record on its way through the topology. It is mutable and used again for the next one: who wants to keep a part of it copies that part.
 */
export class StreamRecord<K, V> {
  key: K | undefined
  value: V | undefined
  /** Milliseconds since the epoch. */
  timestamp: number
  /** The header block as on the wire (`records/headers.ts` reads and builds it); `undefined`: none. */
  headers: ByteView | undefined

  constructor(key: K | undefined = undefined, value: V | undefined = undefined, timestamp = 0, headers: ByteView | undefined = undefined) {
    this.key = key
    this.value = value
    this.timestamp = timestamp
    this.headers = headers
  }
}

/** One instance for each task. It is pure and synchronous: what it knows comes from the record, its stores and its context. */
export interface Processor<KIn, VIn> {
  /** Called once, when the stores are open and before the first record. */
  init?(): void
  process(record: StreamRecord<KIn, VIn>): void
  close?(): void
}

/** Makes the processor of a task. Outputs, stores and punctuations are asked for here, once, and not for each record. */
export type ProcessorSupplier<KIn, VIn> = (context: ProcessorContext) => Processor<KIn, VIn>

export interface ProcessorContext {
  /** `<sub-topology>_<partition>`. */
  readonly taskId: string
  /** The partition of the record that is processed; in a punctuation the partition of the task. */
  readonly partition: number
  /** Partition count of the topic that the record came from. */
  readonly sourcePartitions: number
  /** Topic of the record that is processed; empty in a punctuation. */
  readonly topic: string
  /** Offset of the record that is processed; -1 in a punctuation. */
  readonly offset: number
  /** Wall clock, ms since the epoch, as of the beginning of a run of records: some milliseconds ago. */
  now(): number
  /** The way to a child of this node, by the child's name. A call hands the record on at once. */
  output<K, V>(childName: string): Output<K, V>
  /** A state store that is connected to this node. */
  store(name: string): KeyValueAccess
  /** Calls `punctuate` every `intervalMs` of wall clock, the first time after that interval; missed calls collapse to one. */
  schedule(intervalMs: number, punctuate: (nowMs: number) => void): void
}

export type Output<K, V> = (record: StreamRecord<K, V>) => void

/**
 * A key-value store as a processor sees it: bytes, synchronous, its own uncommitted writes visible. The `Hashed` forms take the murmur2 hash of
 * the key where the caller has it already. A view that was filled is valid until the next call.
 */
export interface KeyValueAccess {
  /** Fills `into` with the value; answers whether there is one. */
  get(key: ByteView, into: ByteView): boolean
  getHashed(key: ByteView, hash: number, into: ByteView): boolean
  /** Fills `into` with at least the first `prefixBytes` of the value (a setting of the store), from memory, never from a file. */
  peek(key: ByteView, into: ByteView): boolean
  peekHashed(key: ByteView, hash: number, into: ByteView): boolean
  put(key: ByteView, value: ByteView, timestamp: number): void
  putHashed(key: ByteView, hash: number, value: ByteView, timestamp: number): void
  delete(key: ByteView, timestamp: number): void
  deleteHashed(key: ByteView, hash: number, timestamp: number): void
  /**
   * Calls `listener` for each key in the store before the first record, and for each record that restoring brings in later: for indexes
   * derived in memory, such as due dates. What it was told may be out of date by the time it is used: check it then.
   */
  watch(listener: (key: ByteView, prefix: ByteView) => void): void
}
