import { recordBytes } from './record-bytes.ts'

const INITIAL_RECORDS = 1024

/** What one portion of compaction has copied: for each live record, its place in the source and in the bytes that are about to be appended. Used again for every portion. */
export class CopiedRecords {
  count = 0
  liveBytes = 0
  tombstoneBytes = 0
  mixed = new Int32Array(INITIAL_RECORDS)
  fromKey = new Float64Array(INITIAL_RECORDS)
  fromValue = new Float64Array(INITIAL_RECORDS)
  toKey = new Float64Array(INITIAL_RECORDS)
  toValue = new Float64Array(INITIAL_RECORDS)

  reset(): void {
    this.count = 0
    this.liveBytes = 0
    this.tombstoneBytes = 0
  }

  /** The index knows nothing of tombstones: only their bytes count. */
  addTombstone(keyBytes: number): void {
    this.tombstoneBytes += recordBytes(keyBytes, 0)
  }

  add(mixed: number, bytes: number, from: { keyPosition: number; valuePosition: number }, to: { lastKeyPosition: number; lastValuePosition: number }): void {
    if (this.count === this.mixed.length) this.#grow()
    const at = this.count++
    this.mixed[at] = mixed
    this.fromKey[at] = from.keyPosition
    this.fromValue[at] = from.valuePosition
    this.toKey[at] = to.lastKeyPosition
    this.toValue[at] = to.lastValuePosition
    this.liveBytes += bytes
  }

  #grow(): void {
    const mixed = new Int32Array(this.mixed.length * 2)
    mixed.set(this.mixed)
    this.mixed = mixed
    this.fromKey = doubled(this.fromKey)
    this.fromValue = doubled(this.fromValue)
    this.toKey = doubled(this.toKey)
    this.toValue = doubled(this.toValue)
  }
}

function doubled(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(values.length * 2)
  larger.set(values)
  return larger
}
