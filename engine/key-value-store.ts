import { ByteView } from '../records/byte-view.ts'
import { ByteWriter } from '../records/byte-writer.ts'
import type { Serde } from '../serdes/serde.ts'
import type { KeyValueAccess, ProcessorContext } from './processor.ts'

/** A state store with typed keys and values, over the bytes of `context.store`. */
export interface KeyValueStore<K, V> {
  get(key: K): V | undefined
  put(key: K, value: V, timestamp: number): void
  delete(key: K, timestamp: number): void
}

/** The store `name` of a processor, its keys and values read and written by serdes. Call it once, where the processor is made. */
export function keyValueStore<K, V>(context: ProcessorContext, name: string, serdes: { key: Serde<K>; value: Serde<V> }): KeyValueStore<K, V> {
  const access: KeyValueAccess = context.store(name)
  const keyBytes = new ByteView()
  const valueBytes = new ByteView()
  const keyWriter = new ByteWriter()
  const valueWriter = new ByteWriter()
  return {
    get(key) {
      return access.get(encode(serdes.key, key, keyWriter, keyBytes), valueBytes) ? serdes.value.read(valueBytes) : undefined
    },
    put(key, value, timestamp) {
      access.put(encode(serdes.key, key, keyWriter, keyBytes), encode(serdes.value, value, valueWriter, valueBytes), timestamp)
    },
    delete(key, timestamp) {
      access.delete(encode(serdes.key, key, keyWriter, keyBytes), timestamp)
    },
  }
}

function encode<T>(serde: Serde<T>, value: T, writer: ByteWriter, into: ByteView): ByteView {
  writer.reset()
  serde.write(value, writer)
  return writer.into(into)
}
