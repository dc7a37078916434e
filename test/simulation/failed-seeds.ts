/** Every seed that ever failed, and what it was. They are run with each `npm test`. */
export const FAILED_SEEDS: readonly { readonly seed: number; readonly was: string }[] = [
  { seed: 10_058, was: 'a transaction that waited for the one before it sent its offsets under the next membership, after another instance had run its tasks' },
  { seed: 50_043, was: 'a member that had missed a generation claimed tasks that another one had run in it; that one had been started anew and claimed nothing' },
  { seed: 50_120, was: 'the same, in another application' },
]
