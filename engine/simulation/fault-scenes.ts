import type { Fault, FaultOptions } from './faults.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Faults that belong together: each of them alone is harmless, and chance would seldom bring them so close to each other. */
export type Scene = (random: SeededRandom, options: FaultOptions) => Fault[]

/** Somebody comes back, and a member's JoinGroup hangs until the group has gone on without it, while its heartbeats get through: others run its tasks when it arrives. */
function missedRebalance(random: SeededRandom, { instances, durationMs, sessionTimeoutMs, rebalanceTimeoutMs }: FaultOptions): Fault[] {
  const atMs = startOf(random, durationMs)
  const instance = random.integer(0, instances - 1)
  const forMs = Math.floor(rebalanceTimeoutMs + random.between(300, sessionTimeoutMs))
  return [
    { kind: 'stop', atMs, instance: (instance + 1) % instances, downMs: 3_000 + random.integer(0, 500), how: 'leave' },
    { kind: 'hang-at', atMs: atMs + 2_500, instance, api: random.pick(['joinGroup', 'joinGroup', 'joinGroup', 'syncGroup']), nth: 1, what: random.pick(['request', 'request', 'request', 'answer']), forMs, pausedMs: 0 },
  ]
}

/** The end of a transaction is on its way until the transaction has timed out, while the next one gets through. */
function endThatComesTooLate(random: SeededRandom, { instances, durationMs }: FaultOptions): Fault[] {
  const forMs = Math.floor(random.between(4_000, 24_000))
  return [{ kind: 'hang-at', atMs: startOf(random, durationMs), instance: random.integer(0, instances - 1), api: 'endTxn', nth: random.integer(1, 5), what: 'request', forMs, pausedMs: 0 }]
}

/** A process stops in the middle of a commit and wakes when others have its tasks. */
function zombieInCommit(random: SeededRandom, { instances, durationMs, sessionTimeoutMs }: FaultOptions): Fault[] {
  const atMs = startOf(random, durationMs)
  return [{ kind: 'pause-at', atMs, instance: random.integer(0, instances - 1), failpoint: 'commit:acknowledged', nth: Math.floor(random.logarithmic(1, 10)), forMs: Math.floor(random.between(sessionTimeoutMs, 2.5 * sessionTimeoutMs)) }]
}

/** The same, with a part of the transaction on its way for longer than that, or refused until then. */
function zombieWithHalfATransaction(random: SeededRandom, { instances, durationMs, sessionTimeoutMs }: FaultOptions): Fault[] {
  const atMs = startOf(random, durationMs)
  const instance = random.integer(0, instances - 1)
  const pausedMs = Math.floor(random.between(sessionTimeoutMs, 2 * sessionTimeoutMs))
  const forMs = Math.floor(pausedMs + random.between(500, 4_000))
  if (random.chance(0.5)) return [{ kind: 'hang-at', atMs, instance, api: random.pick(['produce', 'produce', 'produce', 'txnOffsetCommit']), nth: random.integer(1, 3), what: 'request', forMs, pausedMs }]
  return [
    { kind: 'under-replicated', atMs, of: 'changelogs', pick: random.integer(0, 1_000_000), forMs: forMs + 1_000 },
    { kind: 'pause', atMs: atMs + Math.floor(random.logarithmic(100, 1_500)), instance, forMs: pausedMs },
  ]
}

/** Offsets arrive when the group has gone on; the answer that refuses them comes when their sender has lost its membership, another one has run its tasks, and it has got them back. */
function lateAnswerToOffsets(random: SeededRandom, { instances, durationMs, sessionTimeoutMs }: FaultOptions): Fault[] {
  const atMs = startOf(random, durationMs)
  const instance = random.integer(0, instances - 1)
  const pausedAtMs = atMs + Math.floor(random.between(1_000, 2_500))
  const forMs = Math.floor(sessionTimeoutMs + random.between(0, 1_000))
  const othersLeave = Array.from({ length: instances - 1 }, (_, i): Fault => ({ kind: 'stop', atMs: pausedAtMs + forMs + 1_500, instance: (instance + 1 + i) % instances, downMs: 8_000, how: 'leave' }))
  return [
    { kind: 'hang-at', atMs, instance, api: 'txnOffsetCommit', nth: random.integer(1, 2), what: 'both', forMs: Math.floor(sessionTimeoutMs + random.between(4_000, 10_000)), pausedMs: 0 },
    { kind: 'storm', atMs: atMs + 1, everyMs: 100, forMs: 1 },
    { kind: 'pause', atMs: pausedAtMs, instance, forMs },
    ...othersLeave,
  ]
}

/** An instance is slow to hear and to be heard while tasks are dealt out anew. */
function farAwayInARebalance(random: SeededRandom, { instances, durationMs }: FaultOptions): Fault[] {
  const atMs = startOf(random, durationMs)
  const instance = random.integer(0, instances - 1)
  return [
    { kind: 'lossy', atMs, instance, forMs: 4_000, loss: 0.0001, maxDelayMs: random.logarithmic(50, 800) },
    { kind: 'stop', atMs: atMs + 100, instance: (instance + 1) % instances, downMs: Math.floor(random.logarithmic(10, 1_000)), how: 'leave' },
  ]
}

/** The power fails when a store has just thrown a segment away. */
function powerCutBehindCompaction(random: SeededRandom, { instances, durationMs }: FaultOptions): Fault[] {
  const failpoint = random.pick(['store.compaction.synced', 'store.compaction.retired', 'store.compaction.retired', 'store.copied.appended'])
  return [{ kind: 'kill-at', atMs: startOf(random, durationMs), instance: random.integer(0, instances - 1), failpoint, nth: Math.floor(random.logarithmic(1, 6)), downMs: Math.floor(random.logarithmic(10, 1_000)), disk: 'power-cut' }]
}

/** An instance is away until the changelogs have forgotten what was deleted meanwhile, where they keep deletions for minutes. When it is back, the others go, and it has to take up everything on what its disk holds. */
export function longAbsence(random: SeededRandom, { instances, durationMs, tombstoneRetentionMs }: FaultOptions): Fault[] {
  const atMs = startOf(random, durationMs / 2)
  const instance = random.integer(0, instances - 1)
  const downMs = Math.floor(tombstoneRetentionMs * random.between(1.2, 1.8))
  const othersLeave = Array.from({ length: instances - 1 }, (_, i): Fault => ({ kind: 'stop', atMs: atMs + downMs + 1_500, instance: (instance + 1 + i) % instances, downMs: 3_000, how: 'leave' }))
  return [{ kind: 'kill', atMs, instance, downMs, disk: 'kept' }, ...othersLeave]
}

export const SCENES: readonly Scene[] = [missedRebalance, endThatComesTooLate, zombieInCommit, zombieWithHalfATransaction, lateAnswerToOffsets, farAwayInARebalance, powerCutBehindCompaction]

function startOf(random: SeededRandom, durationMs: number): number {
  return Math.floor(random.between(0, durationMs))
}
