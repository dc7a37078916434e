import type { ByteView } from '../records/byte-view.ts'
import type { ByteWriter } from '../records/byte-writer.ts'

/** Turns the bytes of a key or a value into what a processor works on, and back. Null keys and values never reach a serde. */
export interface Serde<T> {
  /** `bytes` is valid until the processor returns: copy what is kept. @throws SerdeError, or what the parser throws. */
  read(bytes: ByteView): T
  /** Appends to `target`. @throws SerdeError */
  write(value: T, target: ByteWriter): void
}

/** The bytes, or the value, are not of the type that the serde is for. */
export class SerdeError extends Error {
  override readonly name = 'SerdeError'
}
