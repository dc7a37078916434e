/** Of a record beside key and value, about: lengths, deltas, header count. */
const RECORD_OVERHEAD_BYTES = 8

/** How much of a segment a record is taken to fill: counted the same way when it comes and when it goes. */
export function recordBytes(keyBytes: number, valueBytes: number): number {
  return keyBytes + valueBytes + RECORD_OVERHEAD_BYTES
}
