import type { KeyValueAccess, Output, Processor, ProcessorContext, ProcessorSupplier } from '../../engine/processor.ts'
import { StreamRecord } from '../../engine/processor.ts'
import { ByteView } from '../../records/byte-view.ts'
import { type Header, HeaderBlockBuilder, readHeaders } from '../../records/headers.ts'
import { murmur2, partitionOf } from '../../records/murmur2.ts'

/** A record that a processor handed to one of its outputs, copied. */
export interface Emitted {
  readonly output: string
  readonly key: Buffer | undefined
  readonly value: Buffer | undefined
  readonly timestamp: number
  readonly headers: readonly Header[]
}

/** An input record. Text stands for its UTF-8; `null` for null. */
export interface GivenRecord {
  readonly key: Buffer | string | null
  readonly value: Buffer | string | null
  /** Default: the clock. */
  readonly timestamp?: number
  readonly headers?: readonly (readonly [string, Buffer | string | null])[]
  /** Default: where murmur2 puts the key; 0 without one. */
  readonly partition?: number
}

/**
 * Runs a processor of bytes in memory: a clock that is set, stores that are maps, outputs that are kept. Whatever the processor is handed is overwritten as soon as the
 * contract allows it, so that a view that is used too long shows.
 */
export class MemoryContext implements ProcessorContext {
  readonly taskId = '0_0'
  readonly sourcePartitions: number
  readonly emitted: Emitted[] = []
  partition = 0
  topic = ''
  offset = -1
  nowMs: number
  readonly #stores: ReadonlyMap<string, MemoryStore>
  readonly #topic: string
  readonly #punctuations: ((nowMs: number) => void)[] = []
  #processor: Processor<ByteView, ByteView> | undefined
  #nextOffset = 0

  /** `stores`: prefix length by name. */
  constructor(options: { nowMs: number; stores: { readonly [name: string]: number }; topic?: string; partitions?: number }) {
    this.nowMs = options.nowMs
    this.sourcePartitions = options.partitions ?? 12
    this.#topic = options.topic ?? 'input'
    this.#stores = new Map(Object.entries(options.stores).map(([name, prefixBytes]) => [name, new MemoryStore(prefixBytes)]))
  }

  /** Makes a processor over the stores as they are: a second time, it is as after a restart. */
  start(supplier: ProcessorSupplier<ByteView, ByteView>): void {
    this.#processor?.close?.()
    this.#punctuations.length = 0
    this.#processor = supplier(this)
    this.#processor.init?.()
  }

  /** Processes a record and answers what came out of it. */
  process({ key, value, timestamp, headers, partition }: GivenRecord): Emitted[] {
    const keyBytes = bytesOf(key)
    const valueBytes = bytesOf(value)
    this.topic = this.#topic
    this.offset = this.#nextOffset++
    this.partition = partition ?? (keyBytes === undefined ? 0 : partitionOf(murmur2(keyBytes, 0, keyBytes.length), this.sourcePartitions))
    const record = new StreamRecord<ByteView, ByteView>(framed(keyBytes), framed(valueBytes), timestamp ?? this.nowMs, headerBlock(headers ?? []))
    const from = this.emitted.length
    const lent = [record.key, record.value, record.headers]
    this.#processor?.process(record)
    for (const view of lent) view?.buffer.fill(0xff)
    return this.emitted.slice(from)
  }

  /** Moves the clock and calls the punctuations once. */
  punctuate(nowMs: number = this.nowMs): Emitted[] {
    this.nowMs = nowMs
    this.topic = ''
    this.offset = -1
    const from = this.emitted.length
    for (const punctuation of this.#punctuations) punctuation(nowMs)
    return this.emitted.slice(from)
  }

  memory(name: string): MemoryStore {
    const store = this.#stores.get(name)
    if (store === undefined) throw new Error(`there is no store ${name}`)
    return store
  }

  now(): number {
    return this.nowMs
  }

  output<K, V>(childName: string): Output<K, V> {
    const output: Output<ByteView, ByteView> = ({ key, value, timestamp, headers }) => {
      this.emitted.push({ output: childName, key: key?.copy(), value: value?.copy(), timestamp, headers: headers === undefined ? [] : readHeaders(headers) })
    }
    // Cast: processors that run here are of bytes.
    return output as Output<unknown, unknown>
  }

  store(name: string): KeyValueAccess {
    return this.memory(name)
  }

  schedule(_intervalMs: number, punctuate: (nowMs: number) => void): void {
    this.#punctuations.push(punctuate)
  }
}

/** A key-value store in a map. What it lent is overwritten by the next call. */
export class MemoryStore implements KeyValueAccess {
  readonly entries = new Map<string, { value: Buffer; timestamp: number }>()
  /** Whole values read: not from memory alone. */
  reads = 0
  readonly #prefixBytes: number
  #lent: Buffer | undefined

  constructor(prefixBytes: number) {
    this.#prefixBytes = prefixBytes
  }

  /** The value of a key; `undefined`: none. */
  read(key: string): ByteView | undefined {
    const found = this.entries.get(Buffer.from(key).toString('latin1'))
    return found === undefined ? undefined : new ByteView(found.value)
  }

  get(key: ByteView, into: ByteView): boolean {
    this.reads++
    return this.#lend(key, into, Number.POSITIVE_INFINITY)
  }

  getHashed(key: ByteView, hash: number, into: ByteView): boolean {
    return this.#checked(key, hash) && this.get(key, into)
  }

  peek(key: ByteView, into: ByteView): boolean {
    return this.#lend(key, into, this.#prefixBytes)
  }

  peekHashed(key: ByteView, hash: number, into: ByteView): boolean {
    return this.#checked(key, hash) && this.peek(key, into)
  }

  put(key: ByteView, value: ByteView, timestamp: number): void {
    this.entries.set(textOf(key), { value: value.copy(), timestamp })
    this.#takeBack()
  }

  putHashed(key: ByteView, hash: number, value: ByteView, timestamp: number): void {
    if (this.#checked(key, hash)) this.put(key, value, timestamp)
  }

  delete(key: ByteView): void {
    this.entries.delete(textOf(key))
    this.#takeBack()
  }

  deleteHashed(key: ByteView, hash: number): void {
    if (this.#checked(key, hash)) this.delete(key)
  }

  watch(listener: (key: ByteView, prefix: ByteView) => void): void {
    for (const [key, { value }] of this.entries)
      listener(new ByteView(Buffer.from(key, 'latin1')), new ByteView(value, 0, Math.min(value.length, this.#prefixBytes)))
  }

  #lend(key: ByteView, into: ByteView, limit: number): boolean {
    const found = this.entries.get(textOf(key))
    this.#takeBack()
    if (found === undefined) return false
    // Amid other bytes, as in a segment or a batch.
    const length = Math.min(found.value.length, limit)
    const lent = Buffer.concat([Buffer.alloc(7, 0xff), found.value.subarray(0, length), Buffer.alloc(7, 0xff)])
    this.#lent = lent
    into.set(lent, 7, 7 + length)
    return true
  }

  #takeBack(): void {
    this.#lent?.fill(0xff)
    this.#lent = undefined
  }

  #checked(key: ByteView, hash: number): true {
    if (hash !== murmur2(key.buffer, key.start, key.end)) throw new Error(`found the hash ${hash}, expected murmur2 of ${key.toString()}`)
    return true
  }
}

function textOf(key: ByteView): string {
  return key.buffer.toString('latin1', key.start, key.end)
}

function bytesOf(part: Buffer | string | null): Buffer | undefined {
  return part === null ? undefined : typeof part === 'string' ? Buffer.from(part) : part
}

/** Amid bytes that would change any text if they were read with it. */
function framed(bytes: Buffer | undefined): ByteView | undefined {
  return bytes === undefined ? undefined : new ByteView(Buffer.concat([Buffer.from('"'), bytes, Buffer.from('1')]), 1, 1 + bytes.length)
}

function headerBlock(headers: readonly (readonly [string, Buffer | string | null])[]): ByteView | undefined {
  if (headers.length === 0) return undefined
  const builder = new HeaderBlockBuilder()
  for (const [name, value] of headers) builder.add(name, value ?? undefined)
  return new ByteView(builder.into(new ByteView()).copy())
}
