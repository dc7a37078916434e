/**
 * Bytes that claim to be a record batch and are not: damaged, cut inside a batch, or made by somebody hostile. Reading them again from the
 * same place gives the same, unless they were damaged on the way from the broker.
 */
export class CorruptBatchError extends Error {
  override readonly name = 'CorruptBatchError'
  /** Base offset that the batch claims; rounded where it is not a safe integer. */
  readonly offset: number

  constructor(offset: number, found: string, options?: ErrorOptions) {
    super(
      `corrupt record batch at offset ${offset}: ${found}. Fetch it again; if it stays, check the partition's log on its leader, or skip the batch`,
      options,
    )
    this.offset = offset
  }
}
