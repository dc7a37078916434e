/** Every seed that ever failed, and what it was. They are run with each `npm test`. */
export const FAILED_SEEDS: readonly { readonly seed: number; readonly was: string }[] = []
