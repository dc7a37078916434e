/** Who produces: id and epoch given by the broker, and the next sequence number of each partition under them. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
  /** Its transactions follow V2 (KIP-890). */
  readonly transactionsV2: boolean
  readonly sequences: Map<string, number>
}

const SEQUENCES = 0x8000_0000

/** The sequence number of the first record of the next batch. After 2^31-1 comes 0. */
export function takeSequence(identity: ProducerIdentity, partitionKey: string, recordCount: number): number {
  const sequence = identity.sequences.get(partitionKey) ?? 0
  identity.sequences.set(partitionKey, (sequence + recordCount) % SEQUENCES)
  return sequence
}
