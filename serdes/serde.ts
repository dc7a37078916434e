import type { ByteView } from '../records/byte-view.ts'
import type { ByteWriter } from '../records/byte-writer.ts'

/** Reads and writes keys or values. Null keys and values (tombstones) never reach a serde. */
export interface Serde<T> {
  /** What is in the bytes. Throws where they are not what they should be; the record is then a dead letter, or stops the application. */
  read(bytes: ByteView): T
  write(value: T, target: ByteWriter): void
}
