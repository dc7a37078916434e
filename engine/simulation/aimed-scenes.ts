import type { Fault, FaultOptions } from './faults.ts'
import type { SeededRandom } from './seeded-random.ts'

export interface AimedFaults {
  readonly faults: readonly Fault[]
  /** Where it is not 0, the world must last so long, with input all the time: what the faults lead to would do no harm in an application that has nothing to do. */
  readonly leastMs: number
  /** Other faults come behind that: sometimes they would only get in the way. */
  readonly othersFromMs: number
}

/** Behind the start of the last instance, and what comes of that. */
const SETTLED_MS: readonly [number, number] = [2_000, 4_000]
const LEAST_MS = 24_000
const MEMBERSHIP_SHARE = 0.7
const ALONE_SHARE = 0.5
const DISK_SHARE = 0.6
const SINK_SHARE = 0.8
const POWER_CUTS = 6
const LATE_CLAIMS = 4
/** A partition that was fenced is claimed anew after 3 s. */
const LATE_CLAIMS_MS = 4_000

/**
 * States that take several faults at the right distance, in the right part of a run: drawn for most worlds beside everything else, with chance of their own. One of them comes up in so many seeds that a
 * mistake that only it brings to light is found within some dozens (docs/simulation.md, mutations).
 */
export function drawAimed(random: SeededRandom, options: Omit<FaultOptions, 'count'>): AimedFaults {
  const faults: Fault[] = []
  let leastMs = 0
  let othersFromMs = 0
  if (options.instances > 1 && random.chance(MEMBERSHIP_SHARE)) {
    faults.push(...random.pick([missedRebalance, missedAssignment, offsetsOfAZombie])(random, options))
    leastMs = LEAST_MS
    if (random.chance(ALONE_SHARE)) othersFromMs = LEAST_MS
  } else if (options.instances > 1) {
    faults.push(...answerInTheNextMembership(random.fork('answer'), options))
    leastMs = LEAST_MS
    othersFromMs = LEAST_MS
  }
  if (random.chance(DISK_SHARE)) faults.push(...powerCutsInAStore(random, options))
  if (options.hasCompanion && random.chance(SINK_SHARE)) {
    faults.push(...sinkScene(random, options))
    leastMs = LEAST_MS
  }
  if (options.hasCompanion) faults.push(...lateClaimsOfOne(random.fork('claims of one')))
  return { faults, leastMs, othersFromMs }
}

/** All faults of a world, by time. */
export function withAimed(others: readonly Fault[], { faults, othersFromMs }: AimedFaults): Fault[] {
  return [...others.map((fault) => ({ ...fault, atMs: fault.atMs + othersFromMs })), ...faults].sort((a, b) => a.atMs - b.atMs)
}

type AimedOptions = Omit<FaultOptions, 'count'>

/**
 * Somebody comes back, and a member's JoinGroup hangs until the group has gone on without it, while its heartbeats get through. Others run its tasks by then; its offsets are refused, and the generation in which
 * it is heard again has its tasks elsewhere.
 */
function missedRebalance(random: SeededRandom, { instances, rebalanceTimeoutMs }: AimedOptions): Fault[] {
  const atMs = within(random, SETTLED_MS)
  const instance = random.integer(0, instances - 1)
  return [
    { kind: 'stop', atMs, instance: (instance + 1) % instances, downMs: 3_000 + random.integer(0, 500), how: 'leave' },
    { kind: 'hang-at', atMs: atMs + 2_500, instance, api: 'joinGroup', nth: 1, what: 'request', forMs: Math.floor(rebalanceTimeoutMs + random.between(800, 4_000)), pausedMs: 0 },
    ...whoHasThemIsStartedAnew(random.fork('anew'), { atMs: atMs + 3_300 + rebalanceTimeoutMs, instance: (instance + 1) % instances }),
  ]
}

/**
 * Somebody comes back; a member that has all the tasks takes part in that rebalance, and does not hear its outcome: the answer to its SyncGroup is lost, and the next rebalance has begun by then. There its claims are
 * older than those of who has heard, and void. Others take up its tasks at once; it hears a little later that they are no longer its own, and offsets that the group has refused meanwhile wait for that.
 */
function missedAssignment(random: SeededRandom, { instances }: AimedOptions): Fault[] {
  const atMs = within(random, SETTLED_MS)
  const instance = random.integer(0, instances - 1)
  const forMs = Math.floor(random.between(1_200, 2_000))
  const joinedMs = Math.floor(random.between(200, 1_000))
  const laterMs = Math.floor(random.fork('later').between(300, 1_500))
  return [
    { kind: 'stop', atMs, instance: (instance + 1) % instances, downMs: 3_000, how: 'leave' },
    { kind: 'hang-at', atMs: atMs + 2_500, instance, api: 'syncGroup', nth: 1, what: 'lost-answer', forMs, pausedMs: 0, joinedMs },
    // The second one asks for what was lost, and is refused.
    { kind: 'hang-at', atMs: atMs + 2_501, instance, api: 'syncGroup', nth: 2, what: 'answer', forMs: laterMs, pausedMs: 0 },
  ]
}

/**
 * Offsets arrive in time, and their answer comes when their sender has lost its membership, others have run its tasks, those too that the next transaction is of, which waits for that answer, and it has got them
 * back. It has all of them in the beginning: the others go first, and come back when it stands still. When it wakes they give it some of its tasks back and take up the rest, and then they go again.
 */
function answerInTheNextMembership(random: SeededRandom, { instances, sessionTimeoutMs }: AimedOptions): Fault[] {
  const atMs = within(random, SETTLED_MS)
  const instance = random.integer(0, instances - 1)
  const heldAtMs = atMs + 3_000
  const pausedAtMs = heldAtMs + Math.floor(random.between(1_500, 2_500))
  const goneMs = pausedAtMs + sessionTimeoutMs + Math.floor(random.between(4_500, 6_000))
  const others = Array.from({ length: instances - 1 }, (_, i) => (instance + 1 + i) % instances)
  // The request is held for a fifth of that, then the answer for all of it.
  const forMs = Math.floor((sessionTimeoutMs + random.between(14_000, 16_000)) / 1.2)
  return [
    ...others.map((other): Fault => ({ kind: 'stop', atMs, instance: other, downMs: pausedAtMs + 500 - atMs, how: 'leave' })),
    // One transaction has not ended when the next one sends its offsets: when it has, the one after that begins to wait for them.
    { kind: 'hang-at', atMs: heldAtMs, instance, api: 'endTxn', nth: 1, what: 'answer', forMs: Math.floor(random.between(100, 600)), pausedMs: 0 },
    { kind: 'hang-at', atMs: heldAtMs, instance, api: 'txnOffsetCommit', nth: 2, what: 'both', forMs, pausedMs: 0 },
    { kind: 'pause', atMs: pausedAtMs, instance, forMs: sessionTimeoutMs + Math.floor(random.between(10, 500)) },
    ...others.map((other): Fault => ({ kind: 'stop', atMs: goneMs, instance: other, downMs: 10_000, how: 'leave' })),
  ]
}

/** Sometimes who got its tasks is started anew before it is heard again: then nobody claims them but itself. */
function whoHasThemIsStartedAnew(random: SeededRandom, { atMs, instance }: { atMs: number; instance: number }): Fault[] {
  return random.chance(0.5) ? [{ kind: 'kill', atMs: atMs + Math.floor(random.between(500, 1_500)), instance, downMs: Math.floor(random.logarithmic(50, 500)), disk: 'kept' }] : []
}

/** A process stands still with its offsets on their way. They arrive when others have taken up its tasks where they stood before. */
function offsetsOfAZombie(random: SeededRandom, { instances, sessionTimeoutMs }: AimedOptions): Fault[] {
  const pausedMs = Math.floor(sessionTimeoutMs + random.between(2_000, 4_000))
  const forMs = Math.floor(pausedMs + random.between(-500, 500))
  return [{ kind: 'hang-at', atMs: within(random, SETTLED_MS), instance: random.integer(0, instances - 1), api: 'txnOffsetCommit', nth: random.integer(1, 3), what: 'request', forMs, pausedMs }]
}

/** The power fails when a store has just thrown a segment away; or again and again, behind snapshots of an index of which the log is not synced. */
function powerCutsInAStore(random: SeededRandom, { instances, durationMs }: AimedOptions): Fault[] {
  const instance = random.integer(0, instances - 1)
  const cutAt = (atMs: number, failpoint: string, nth: number): Fault => ({ kind: 'kill-at', atMs: Math.floor(atMs), instance, failpoint, nth, downMs: Math.floor(random.logarithmic(10, 500)), disk: 'power-cut' })
  if (random.chance(0.5)) return [cutAt(random.between(0, 0.7 * durationMs), random.pick(['store.compaction.synced', 'store.compaction.retired', 'store.compaction.retired']), random.integer(1, 3))]
  return Array.from({ length: POWER_CUTS }, (_, i) => cutAt(((i + random.next()) * durationMs) / POWER_CUTS, 'store.changelog.appended', Math.floor(random.logarithmic(5, 60))))
}

/** Claims of single partitions, asked for long ago, are done now: of a write of several partitions one is fenced, and the others go on. */
function lateClaimsOfOne(random: SeededRandom): Fault[] {
  if (!random.chance(SINK_SHARE)) return []
  const fromMs = within(random, SETTLED_MS)
  return Array.from({ length: LATE_CLAIMS }, (_, i) => ({ kind: 'late-claim', atMs: Math.floor(fromMs + (i + random.next()) * LATE_CLAIMS_MS), pick: random.integer(0, 1_000_000) }))
}

/** What a sink and its database may make of each other. */
function sinkScene(random: SeededRandom, { hasOwnTopics }: AimedOptions): Fault[] {
  const atMs = within(random, SETTLED_MS)
  const pick = random.integer(0, 1_000_000)
  switch (random.pick(hasOwnTopics ? SINK_SCENES_OF_TWO_TOPICS : SINK_SCENES)) {
    // Its session is over after 6 s, and its partitions are claimed, by another sink if it is still away: some of the claims are done when their sink has claimed again, or another one has.
    case 'late claims': return [{ kind: 'companion-kill', atMs, pick, downMs: random.pick([300, 15_000]) }, { kind: 'database', atMs: atMs + 5_000, trouble: 'late', forMs: Math.floor(random.between(2_000, 4_500)) }]
    case 'lost answers': return [{ kind: 'database', atMs, trouble: random.pick(['restarting', 'restarting', 'away']), forMs: Math.floor(random.logarithmic(1_000, 5_000)) }]
    // What it has asked for is done while it stands still, and others have its partitions when it gets the answer.
    case 'paused behind a write': return [{ kind: 'database', atMs, trouble: 'late', forMs: 1_500 }, { kind: 'companion-pause', atMs: atMs + Math.floor(random.between(100, 1_500)), pick, forMs: Math.floor(random.between(6_500, 12_000)) }]
    case 'topic made anew': return [{ kind: 'topic-made-anew', atMs: atMs + Math.floor(random.between(0, 10_000)), pick }]
  }
}

const SINK_SCENES = ['late claims', 'late claims', 'lost answers', 'lost answers', 'paused behind a write'] as const
const SINK_SCENES_OF_TWO_TOPICS = ['late claims', 'lost answers', 'topic made anew', 'topic made anew'] as const

function within(random: SeededRandom, [from, to]: readonly [number, number]): number {
  return Math.floor(random.between(from, to))
}
