/** What a record of the mixed workload is about, with its default weight. A kind that its trade cannot have now becomes NEW_CONTENT. */
export const DEFAULT_RATES = {
  /** A trade not yet there is CREATED, else UPDATED. */
  NEW_CONTENT: 44,
  REPLACED: 6,
  DUPLICATE: 4,
  /** The same content in another dress. */
  DUPLICATE_REWRITTEN: 5,
  STALE_VERSION: 6,
  PAST_MATURITY: 5,
  INVALID: 12,
  DELETED: 4,
  NOT_FOUND: 2,
  /** A version that comes after the delete of its trade. */
  LATE_AFTER_DELETE: 2,
  /** A request that is sent once more. */
  REQUEST_REPEATED: 2,
  /** Its id with another key or value. */
  REQUEST_REUSED: 1,
  /** A value of nearly the largest size. */
  LARGE: 0.004,
  /** A trade that fits as it came, but not as it goes out: INVALID. */
  TOO_LARGE: 0.002,
  /** Headers so large that the outputs fit only without them. */
  HEAVY_HEADERS: 0.002,
}

export type MixedKind = keyof typeof DEFAULT_RATES

export interface MixedWorkloadOptions {
  /** Default 42. */
  readonly seed?: number
  /** Number of trades, the first ones hot. Default 5,000. */
  readonly keys?: number
  /** `YYYY-MM-DD`: maturity dates lie around it. It must be the one by which the records are judged. */
  readonly businessDate: string
  /** max.message.bytes of the topics. Default 1,048,588, Kafka's own. */
  readonly maxMessageBytes?: number
  /** Weights that replace the default ones; 0 leaves a kind out. */
  readonly rates?: Partial<Record<MixedKind, number>>
  /** Whether `trade.ingested` has several partitions, so that a record can lie in the wrong one. Default true. */
  readonly wrongPartitions?: boolean
  /** The share of records that carry a request id. Default 0.15. */
  readonly requestShare?: number
  /** The share of records that are stamped long ago or in the future. Default 0.03. */
  readonly oddTimestampShare?: number
}
