import { readInt64, writeInt64 } from '../records/record-batch.ts'
import type { Serde } from './serde.ts'

/** 32-bit signed integer, big endian, as Kafka's IntegerSerializer writes it. */
export const int32: Serde<number> = {
  read(view) {
    expectLength(view.length, 4)
    return view.buffer.readInt32BE(view.start)
  },
  write: (value, target) => target.int32(value),
}

/** 64-bit signed integer within the safe range of numbers, big endian, as Kafka's LongSerializer writes it. */
export const int64: Serde<number> = {
  read(view) {
    expectLength(view.length, 8)
    return readInt64(view.buffer, view.start)
  },
  write(value, target) {
    target.ensure(8)
    writeInt64(target.buffer, value, target.position)
    target.position += 8
  },
}

function expectLength(found: number, expected: number): void {
  if (found !== expected) throw new RangeError(`${found} bytes, expected an integer of ${expected}`)
}
