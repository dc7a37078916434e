import { ByteView } from '../../records/byte-view.ts'

/** A source of records for `trade.ingested`. The same seed gives the same records, on any machine: no clock, no chance but the seed's. */
export interface Workload {
  /** Writes the next record into `into`. Its views are valid until the next call. */
  next(into: WorkloadRecord): void
}

export interface WorkloadHeader {
  readonly key: string
  readonly value: Buffer | null
}

/** One record, filled again and again by `Workload.next`. */
export class WorkloadRecord {
  readonly key = new ByteView()
  hasKey = false
  readonly value = new ByteView()
  hasValue = false
  headers: readonly WorkloadHeader[] = NO_HEADERS
  /** The bytes that choose the partition: the key, but for records that have none or lie where another record lies. */
  readonly placement = new ByteView()
  /** Added to the partition that murmur2 gives `placement`, modulo their number: 0 but for records in the wrong partition. */
  partitionShift = 0
  /** How long before its due time the record is stamped; negative: after it. */
  timestampAgeMs = 0
  /** What sort of record it is, for counting. */
  kind = ''
}

export const NO_HEADERS: readonly WorkloadHeader[] = []

/** mulberry32: a generator of 32 bits of state, the same in any language. */
export class Mulberry32 {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** From 0 (included) to 1 (excluded). */
  next(): number {
    const s = (this.#state = (this.#state + 0x6d2b79f5) | 0)
    let t = Math.imul(s ^ (s >>> 15), s | 1)
    t = ((t + Math.imul(t ^ (t >>> 7), t | 61)) | 0) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
