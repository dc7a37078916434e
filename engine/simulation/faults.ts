import { longAbsence, SCENES } from './fault-scenes.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { DatabaseTrouble } from './simulated-database.ts'
import type { Fate, Held } from './simulated-network.ts'

/** What goes wrong, and when. `instance` and `node` are numbers from 0 and 1. Times are milliseconds from the start. */
export type Fault =
  /** The process ends in an instant and is started again, on what its disk has then. */
  | { readonly kind: 'kill'; readonly atMs: number; readonly instance: number; readonly downMs: number; readonly disk: DiskLoss }
  /** The same when the runtime passes a point of its code for the `nth` time from `atMs` on. */
  | { readonly kind: 'kill-at'; readonly atMs: number; readonly instance: number; readonly failpoint: string; readonly nth: number; readonly downMs: number; readonly disk: DiskLoss }
  /** SIGSTOP, beyond the session time-out or not. */
  | { readonly kind: 'pause'; readonly atMs: number; readonly instance: number; readonly forMs: number }
  | { readonly kind: 'pause-at'; readonly atMs: number; readonly instance: number; readonly failpoint: string; readonly nth: number; readonly forMs: number }
  | { readonly kind: 'slow'; readonly atMs: number; readonly instance: number; readonly forMs: number; readonly factor: number }
  /** Ended in good order and started again. */
  | { readonly kind: 'stop'; readonly atMs: number; readonly instance: number; readonly downMs: number; readonly how: 'leave' | 'stay' }
  | { readonly kind: 'clock'; readonly atMs: number; readonly instance: number; readonly byMs: number }
  /** Connections of an instance break under requests and answers. */
  | { readonly kind: 'lossy'; readonly atMs: number; readonly instance: number; readonly forMs: number; readonly loss: number; readonly maxDelayMs: number }
  /** The connection breaks at the `nth` request of one kind: the request is lost, or its answer, or it arrives late. */
  | { readonly kind: 'break-at'; readonly atMs: number; readonly instance: number; readonly api: string; readonly nth: number; readonly fate: Exclude<Fate, 'answered'> }
  /** All connections of an instance are cut. */
  | { readonly kind: 'cut'; readonly atMs: number; readonly instance: number }
  /** Nothing gets through between an instance and a node. */
  | { readonly kind: 'stall'; readonly atMs: number; readonly instance: number; readonly node: number; readonly forMs: number }
  /** The same, from the moment in which the `nth` request of one kind is on its way; between the instance and all nodes, or only the node that it is for. */
  | { readonly kind: 'stall-at'; readonly atMs: number; readonly instance: number; readonly api: string; readonly nth: number; readonly everyNode: boolean; readonly forMs: number }
  /** The `nth` request of one kind, or its answer, is held, and with it its connection; the others go on. The process that sent it stands still for `pausedMs` from then on. `joinedMs` after it was sent a stranger joins the group. */
  | { readonly kind: 'hang-at'; readonly atMs: number; readonly instance: number; readonly api: string; readonly nth: number; readonly what: Held; readonly forMs: number; readonly pausedMs: number; readonly joinedMs?: number }
  /** A second process is started on the state directory of an instance, while the first one is there, and killed some time later. */
  | { readonly kind: 'twin'; readonly atMs: number; readonly instance: number; readonly forMs: number }
  /** The state directory of another instance is copied over that of this one, while it is down. */
  | { readonly kind: 'copied-disk'; readonly atMs: number; readonly instance: number; readonly from: number; readonly downMs: number }
  | { readonly kind: 'disk-full'; readonly atMs: number; readonly instance: number; readonly forMs: number }
  | { readonly kind: 'disk-errors'; readonly atMs: number; readonly instance: number; readonly forMs: number; readonly failure: number }
  | { readonly kind: 'slow-disk'; readonly atMs: number; readonly instance: number; readonly forMs: number; readonly factor: number }
  | { readonly kind: 'node-crash'; readonly atMs: number; readonly node: number; readonly downMs: number }
  | { readonly kind: 'leader-move'; readonly atMs: number; readonly pick: number }
  | { readonly kind: 'coordinator-move'; readonly atMs: number; readonly pick: number }
  /** The followers of a partition fall behind: where `min.insync.replicas` wants more than the leader, writes are refused. */
  | { readonly kind: 'under-replicated'; readonly atMs: number; readonly of: 'any' | 'changelogs'; readonly pick: number; readonly forMs: number }
  /** The brokers want their clients to wait. */
  | { readonly kind: 'throttle'; readonly atMs: number; readonly waitMs: number; readonly forMs: number }
  /** Somebody joins the group and leaves it again, again and again. */
  | { readonly kind: 'storm'; readonly atMs: number; readonly everyMs: number; readonly forMs: number }
  /** A process of the companion, such as a sink, is killed, or stands still; its database is in trouble. */
  | { readonly kind: 'companion-kill'; readonly atMs: number; readonly pick: number; readonly downMs: number }
  | { readonly kind: 'companion-pause'; readonly atMs: number; readonly pick: number; readonly forMs: number }
  | { readonly kind: 'database'; readonly atMs: number; readonly trouble: DatabaseTrouble; readonly forMs: number }
  /** The companion's database does what a process of it asked for long ago: it claims one partition. */
  | { readonly kind: 'late-claim'; readonly atMs: number; readonly pick: number }
  /** A topic that only the companion reads is deleted, and made anew in the same moment. */
  | { readonly kind: 'topic-made-anew'; readonly atMs: number; readonly pick: number }
  /** A changelog is compacted. */
  | { readonly kind: 'compact'; readonly atMs: number; readonly pick: number }
  /** An input topic gets more partitions. That is the end of the application: every stream thread has to stop and name it. */
  | { readonly kind: 'grow'; readonly atMs: number; readonly pick: number; readonly by: number }

export type DiskLoss = 'kept' | 'power-cut' | 'lost'
export type FaultKind = Fault['kind']

export const FAULT_KINDS: readonly FaultKind[] = [
  'kill', 'kill-at', 'pause', 'pause-at', 'slow', 'stop', 'clock', 'lossy', 'break-at', 'cut', 'stall', 'stall-at', 'hang-at', 'twin', 'copied-disk', 'disk-full',
  'disk-errors', 'slow-disk', 'node-crash', 'leader-move', 'coordinator-move', 'under-replicated', 'throttle', 'storm', 'compact',
]

/** Drawn where there is a companion. */
const COMPANION_KINDS: readonly FaultKind[] = ['companion-kill', 'companion-pause', 'database', 'database']

export interface FaultOptions {
  readonly instances: number
  readonly nodes: number
  /** Faults fall within this time. */
  readonly durationMs: number
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** For how long the changelogs keep deletions. */
  readonly tombstoneRetentionMs: number
  readonly hasCompanion: boolean
  /** Whether the companion reads topics that the application does not know. */
  readonly hasOwnTopics: boolean
  readonly count: number
}

/** Points of the runtime's code between which a death tells something. */
export const FAILPOINTS = ['commit:acknowledged', 'commit:acknowledged', 'commit:ended', 'commit:applied', 'store.changelog.appended', 'store.copied.appended', 'store.compaction.synced', 'store.compaction.retired']

const APIS = ['produce', 'produce', 'txnOffsetCommit', 'txnOffsetCommit', 'endTxn', 'endTxn', 'endTxn', 'initProducerId', 'joinGroup', 'syncGroup', 'syncGroup', 'offsetFetch', 'fetch', 'listOffsets']

/**
 * The faults of a seed, by time. Some kinds, and scenes, are turned off altogether: what many kinds together hide, such as a long quiet time in which one of them would do harm, comes up where the others are missing.
 */
export function drawFaults(random: SeededRandom, options: FaultOptions): Fault[] {
  const share = random.pick([0.15, 0.4, 0.8])
  // Who keeps deletions for minutes must have clocks that agree.
  const kinds = FAULT_KINDS.filter((kind) => random.chance(share) && (kind !== 'clock' || options.tombstoneRetentionMs >= DAY_MS))
  if (options.hasCompanion) kinds.push(...COMPANION_KINDS.filter(() => random.chance(share)))
  const scenes = SCENES.filter(() => random.chance(share))
  if (kinds.length === 0) kinds.push(random.pick(FAULT_KINDS.filter((kind) => kind !== 'clock')))
  const faults: Fault[] = options.tombstoneRetentionMs < DAY_MS ? longAbsence(random, options) : []
  while (faults.length < options.count) {
    if (scenes.length > 0 && random.chance(SCENE_SHARE)) faults.push(...random.pick(scenes)(random, options))
    else faults.push(draw(random.pick(kinds), random, options))
  }
  return faults.sort((a, b) => a.atMs - b.atMs)
}

/** Of so many worlds an input topic grows: whatever would have happened after that is not rehearsed. */
const GROWTH_SHARE = 1 / 20

/** Drawn apart from the others, whose draws it must not shift. */
export function drawGrowth(random: SeededRandom, options: FaultOptions): Fault[] {
  return random.chance(GROWTH_SHARE) ? [draw('grow', random, options)] : []
}

const OF_TRANSACTIONS = ['produce', 'txnOffsetCommit', 'txnOffsetCommit', 'endTxn', 'endTxn', 'endTxn', 'addPartitionsToTxn', 'addOffsetsToTxn']

/** With transactions V1 a request that comes late may count in a later transaction. Drawn apart, too. */
export function drawLateRequests(random: SeededRandom, { instances, durationMs }: FaultOptions): Fault[] {
  const count = random.pick([0, 3, 10])
  return Array.from({ length: count }, () => ({
    kind: 'break-at', atMs: Math.floor(random.between(0, durationMs)), instance: random.integer(0, instances - 1), api: random.pick(OF_TRANSACTIONS), nth: Math.floor(random.logarithmic(1, 20)), fate: 'late',
  }))
}

const DAY_MS = 86_400_000
/** Of what is drawn so much is a scene. */
const SCENE_SHARE = 0.35

function draw(kind: FaultKind, random: SeededRandom, { instances, nodes, durationMs, sessionTimeoutMs }: FaultOptions): Fault {
  const atMs = Math.floor(random.between(0, durationMs))
  const instance = random.integer(0, instances - 1)
  const node = random.integer(1, nodes)
  const forMs = Math.floor(random.logarithmic(50, 10_000))
  const downMs = Math.floor(random.logarithmic(10, 2 * sessionTimeoutMs))
  // Sometimes within the session, sometimes beyond it.
  const pausedMs = Math.floor(random.chance(0.5) ? random.logarithmic(100, sessionTimeoutMs) : random.between(sessionTimeoutMs, 3 * sessionTimeoutMs))
  const disk = random.pick(['kept', 'kept', 'kept', 'power-cut', 'power-cut', 'lost'] as const)
  const point = { failpoint: random.pick(FAILPOINTS), nth: Math.floor(random.logarithmic(1, 40)) }
  switch (kind) {
    case 'kill': return { kind, atMs, instance, downMs, disk }
    case 'kill-at': return { kind, atMs, instance, ...point, downMs, disk }
    case 'pause': return { kind, atMs, instance, forMs: pausedMs }
    case 'pause-at': return { kind, atMs, instance, ...point, forMs: pausedMs }
    case 'slow': return { kind, atMs, instance, forMs, factor: random.logarithmic(2, 50) }
    case 'stop': return { kind, atMs, instance, downMs, how: random.pick(['leave', 'stay']) }
    case 'clock': return { kind, atMs, instance, byMs: Math.floor(random.logarithmic(100, 3_000_000)) * (random.chance(0.5) ? 1 : -1) }
    case 'lossy': return { kind, atMs, instance, forMs, loss: random.logarithmic(0.001, 0.2), maxDelayMs: random.logarithmic(1, 500) }
    case 'break-at': return { kind, atMs, instance, api: random.pick(APIS), nth: Math.floor(random.logarithmic(1, 20)), fate: random.pick(['request-lost', 'answer-lost', 'answer-lost', 'late']) }
    case 'cut': return { kind, atMs, instance }
    case 'stall': return { kind, atMs, instance, node, forMs: pausedMs }
    case 'stall-at': return { kind, atMs, instance, api: random.pick(APIS), nth: Math.floor(random.logarithmic(1, 20)), everyNode: random.chance(0.5), forMs: pausedMs }
    case 'hang-at': return { kind, atMs, instance, api: random.pick(APIS), nth: Math.floor(random.logarithmic(1, 20)), what: random.pick(['request', 'answer', 'both']), forMs: pausedMs, pausedMs: 0 }
    case 'twin': return { kind, atMs, instance, forMs }
    case 'copied-disk': return { kind, atMs, instance, from: random.integer(0, instances - 1), downMs }
    case 'disk-full': return { kind, atMs, instance, forMs }
    case 'disk-errors': return { kind, atMs, instance, forMs, failure: random.logarithmic(0.001, 0.3) }
    case 'slow-disk': return { kind, atMs, instance, forMs, factor: random.logarithmic(3, 300) }
    case 'node-crash': return { kind, atMs, node, downMs: forMs }
    case 'leader-move': return { kind, atMs, pick: random.integer(0, 1_000_000) }
    case 'coordinator-move': return { kind, atMs, pick: random.integer(0, 1_000_000) }
    case 'under-replicated': return { kind, atMs, of: random.pick(['any', 'changelogs']), pick: random.integer(0, 1_000_000), forMs }
    case 'throttle': return { kind, atMs, waitMs: Math.floor(random.logarithmic(10, 2_000)), forMs }
    case 'storm': return { kind, atMs, everyMs: Math.floor(random.logarithmic(20, 2_000)), forMs }
    case 'companion-kill': return { kind, atMs, pick: random.integer(0, 1_000_000), downMs }
    case 'companion-pause': return { kind, atMs, pick: random.integer(0, 1_000_000), forMs: pausedMs }
    case 'database': return { kind, atMs, trouble: random.pick(['away', 'silent', 'restarting']), forMs }
    case 'topic-made-anew':
    case 'late-claim':
    case 'compact': return { kind, atMs, pick: random.integer(0, 1_000_000) }
    case 'grow': return { kind, atMs, pick: random.integer(0, 1_000_000), by: random.integer(1, 4) }
  }
}

/** When the last of what a fault does is over. */
export function endOf(fault: Fault): number {
  if ('forMs' in fault) return fault.atMs + fault.forMs
  return 'downMs' in fault ? fault.atMs + fault.downMs : fault.atMs
}

export function describeFault({ kind, atMs, ...rest }: Fault): string {
  const details = Object.entries(rest).map(([name, value]) => `${name} ${typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(3) : value}`)
  return `${kind} at ${(atMs / 1000).toFixed(3)} s${details.length > 0 ? `: ${details.join(', ')}` : ''}`
}
