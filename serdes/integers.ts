import type { ByteView } from '../records/byte-view.ts'
import { readInt64 } from '../records/int64.ts'
import { type Serde, SerdeError } from './serde.ts'

/** An int32, big-endian, as Kafka's IntegerSerializer writes it. */
export const int32: Serde<number> = {
  read(bytes) {
    expectLength(bytes, 4)
    return bytes.buffer.readInt32BE(bytes.start)
  },
  write(value, target) {
    if ((value | 0) !== value) throw new SerdeError(`found ${value}, expected an integer from -2^31 to 2^31 - 1`)
    target.int32(value)
  },
}

/** An int64, big-endian, as Kafka's LongSerializer writes it; safe integers only. */
export const int64: Serde<number> = {
  read(bytes) {
    expectLength(bytes, 8)
    const value = readInt64(bytes.buffer, bytes.start)
    if (!Number.isSafeInteger(value)) throw new SerdeError(`found ${value}, expected an integer from -(2^53 - 1) to 2^53 - 1: larger ones are not read`)
    return value
  },
  write(value, target) {
    if (!Number.isSafeInteger(value)) throw new SerdeError(`found ${value}, expected an integer from -(2^53 - 1) to 2^53 - 1`)
    target.int64(value)
  },
}

function expectLength(bytes: ByteView, length: number): void {
  if (bytes.length !== length) throw new SerdeError(`found ${bytes.length} bytes, expected the ${length} of an integer`)
}
