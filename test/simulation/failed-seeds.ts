/** Every seed that ever failed, and what it was. They are run with each `npm test`. */
export const FAILED_SEEDS: readonly { readonly seed: number; readonly was: string }[] = [
  { seed: 10_058, was: 'a transaction that waited for the one before it sent its offsets under the next membership, after another instance had run its tasks' },
]
