import type { Fault } from '../../engine/simulation/faults.ts'

interface FailedSeed {
  readonly seed: number
  readonly was: string
  /** As it was drawn with: `--records` and `--faults`. */
  readonly least?: { readonly records: number; readonly faults: number }
  /** What it had shrunk to: it goes on to say the same when other faults are drawn. */
  readonly faults?: readonly Fault[]
}

/** Every seed that ever failed, and what it was. They are run with each `npm test`. */
export const FAILED_SEEDS: readonly FailedSeed[] = [
  {
    seed: 44,
    was: 'a transaction that waited for the one before it sent its offsets under the next membership, after another instance had run its tasks (found by seed 10058, which draws other faults since, and says nothing any more)',
    faults: [
      { kind: 'stop', atMs: 2_278, instance: 1, downMs: 5_453, how: 'leave' },
      { kind: 'hang-at', atMs: 5_278, instance: 0, api: 'endTxn', nth: 1, what: 'answer', forMs: 217, pausedMs: 0 },
      { kind: 'hang-at', atMs: 5_278, instance: 0, api: 'txnOffsetCommit', nth: 2, what: 'both', forMs: 17_716, pausedMs: 0 },
      { kind: 'pause', atMs: 7_231, instance: 0, forMs: 6_184 },
      { kind: 'stop', atMs: 18_601, instance: 1, downMs: 10_000, how: 'leave' },
    ],
  },
  { seed: 50_043, was: 'a member that had missed a generation claimed tasks that another one had run in it; that one had been started anew and claimed nothing' },
  { seed: 50_120, was: 'the same, in another application' },
  {
    seed: 300_337,
    was: 'a member whose JoinGroup was held up while the group went through a rebalance without it got its tasks back, and committed what it had begun before another instance ran them',
    least: { records: 2_000, faults: 20 },
    faults: [
      { kind: 'stop', atMs: 2_161, instance: 0, downMs: 3_230, how: 'leave' },
      { kind: 'hang-at', atMs: 4_661, instance: 1, api: 'joinGroup', nth: 1, what: 'request', forMs: 11_042, pausedMs: 0 },
      { kind: 'kill-at', atMs: 16_875, instance: 0, failpoint: 'store.compaction.retired', nth: 1, downMs: 435, disk: 'power-cut' },
    ],
  },
  { seed: 400_360, was: 'a store that had nothing to restore wrote its last frame once more, below the frame\'s own first offset; compaction took the first one, and the next opening did not find the second', least: { records: 2_000, faults: 20 } },
]
