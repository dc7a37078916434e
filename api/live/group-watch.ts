import type { TopicPartition } from '../../ports/broker.ts'
import type { Clock } from '../../ports/clock.ts'
import { EndTimes } from './end-times.ts'
import { type LiveMember, liveMember, nameOf } from './group-members.ts'
import { askInTime, type LiveKafka } from './live-kafka.ts'
import { readRanges } from './read-ranges.ts'
import { Rates } from './rates.ts'
import { Rebalances } from './rebalances.ts'

/** A group of the trade store, and what it reads. */
export interface WatchedGroup {
  readonly group: string
  readonly role: 'processor' | 'sink-postgres' | 'sink-mongo'
  readonly topics: readonly string[]
}

export interface PartitionLook extends TopicPartition {
  /** `undefined`: nothing has been committed yet. */
  readonly committed: number | undefined
  /** The last stable offset: as far as a reader of committed records gets. */
  readonly end: number
  readonly lag: number
  /** Age of the oldest record that was not worked off; `undefined`: not known. */
  readonly lagSeconds: number | undefined
  /** Offsets that were committed a second, over the last seconds; `undefined`: it is the first look. */
  readonly committedPerSecond: number | undefined
  /** Name of the member. */
  readonly owner: string | undefined
}

/** A group at one moment. */
export interface GroupLook extends Omit<WatchedGroup, 'topics'> {
  /** As the coordinator says it: Stable, Empty, PreparingRebalance, CompletingRebalance, Dead. */
  readonly state: string
  readonly members: readonly LiveMember[]
  readonly partitions: readonly PartitionLook[]
  readonly lag: number
}

export interface Look {
  readonly atMs: number
  readonly groups: readonly GroupLook[]
}

export interface GroupWatchOptions {
  readonly kafka: LiveKafka
  readonly clock: Clock
  readonly groups: readonly WatchedGroup[]
}

/** Those that ask within it share a look. */
const SHARED_MS = 1_000
const LIMIT_MS = 5_000
const AGE_LIMIT_MS = 1_500
/** Of one record batch, at least, whatever its size. */
const ONE_BATCH_BYTES = 1

/**
 * Looks at the groups of the trade store: members, offsets, lag. A look costs the brokers one ListOffsets for all topics, and a DescribeGroups and an OffsetFetch for each group; the processor and the sinks are not
 * asked.
 */
export class GroupWatch {
  readonly rebalances = new Rebalances()
  readonly #options: GroupWatchOptions
  readonly #rates = new Rates()
  readonly #ends = new Map<string, EndTimes>()
  /** Time of a record that is too old for the samples: by partition and offset. */
  readonly #recordTimes = new Map<string, { readonly offset: number; readonly timestampMs: number }>()
  #last: { readonly startedMs: number; readonly look: Promise<Look> } | undefined

  constructor(options: GroupWatchOptions) {
    this.#options = options
  }

  /** At most a second old. @throws ProblemError (503) where Kafka does not answer */
  look(): Promise<Look> {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#last !== undefined && nowMs - this.#last.startedMs < SHARED_MS) return this.#last.look
    const look = askInTime(this.#options.clock, LIMIT_MS, 'offsets of the groups are not known', this.#look())
    this.#last = { startedMs: nowMs, look }
    look.catch(() => {
      this.#last = undefined
    })
    return look
  }

  async #look(): Promise<Look> {
    const { kafka, clock, groups } = this.#options
    const atMs = clock.now()
    const nowMs = clock.monotonicMs()
    const names = [...new Set(groups.flatMap(({ topics }) => topics))]
    const partitions = (await kafka.topics(names)).flatMap(({ name, partitions: list }) => list.map(({ partition }) => ({ topic: name, partition })))
    const ends = new Map((await kafka.listOffsets(partitions, 'stable')).map((found) => [keyOf(found), found.offset]))
    for (const [key, end] of ends) this.#endTimes(key).add(atMs, end)
    const found = await Promise.all(groups.map((group) => this.#group(group, partitions, ends)))
    await this.#readAges(found)
    const looks = found.map((group) => ({ ...group, partitions: group.partitions.map((partition) => ({ ...partition, lagSeconds: this.#lagSeconds(atMs, partition), committedPerSecond: this.#rates.perSecond(`${group.group} ${keyOf(partition)}`, nowMs, partition.committed ?? 0) })) }))
    for (const group of looks) this.rebalances.see(atMs, group)
    return { atMs, groups: looks }
  }

  async #group({ group, role, topics }: WatchedGroup, all: readonly TopicPartition[], ends: ReadonlyMap<string, number>): Promise<GroupLook> {
    const wanted = all.filter(({ topic }) => topics.includes(topic))
    const [committed, { state, members }] = await Promise.all([this.#options.kafka.committedOffsets(group, wanted, { requireStable: false }), this.#describe(group)])
    const offsets = new Map(committed.map((found) => [keyOf(found), found.offset]))
    const owners = new Map(members.flatMap((member) => member.partitions.map((partition): [string, string] => [keyOf(partition), nameOf(member)])))
    const partitions = wanted.map(({ topic, partition }): PartitionLook => {
      const key = keyOf({ topic, partition })
      const end = ends.get(key) ?? 0
      const offset = offsets.get(key)
      return { topic, partition, committed: offset, end, lag: Math.max(0, end - (offset ?? 0)), lagSeconds: undefined, committedPerSecond: undefined, owner: owners.get(key) }
    })
    return { group, role, state, members, partitions, lag: partitions.reduce((sum, { lag }) => sum + lag, 0) }
  }

  async #describe(group: string): Promise<Pick<GroupLook, 'state' | 'members'>> {
    const { broker } = this.#options.kafka
    const coordinator = await broker.findCoordinator('group', group)
    if (coordinator.errorCode !== 0) return { state: 'Unknown', members: [] }
    const [found] = await broker.describeGroups(coordinator.node, [group])
    // A group that nobody has ever joined is not there.
    if (found === undefined || found.errorCode !== 0) return { state: 'Dead', members: [] }
    return { state: found.state, members: found.members.map(liveMember) }
  }

  #lagSeconds(atMs: number, { topic, partition, committed = 0, lag }: PartitionLook): number | undefined {
    if (lag === 0) return 0
    const key = keyOf({ topic, partition })
    const known = this.#recordTimes.get(key)
    const timeMs = this.#endTimes(key).timeOf(committed) ?? (known?.offset === committed ? known.timestampMs : undefined)
    return timeMs === undefined ? undefined : Math.max(0, (atMs - timeMs) / 1_000)
  }

  /** Of what was written before the first sample, the record itself says when: it is read, once. */
  async #readAges(groups: readonly GroupLook[]): Promise<void> {
    const { clock, kafka } = this.#options
    const old = new Map<string, PartitionLook>()
    for (const look of groups.flatMap(({ partitions }) => partitions)) {
      const key = keyOf(look)
      const { committed = 0 } = look
      if (look.lag > 0 && this.#endTimes(key).timeOf(committed) === undefined && this.#recordTimes.get(key)?.offset !== committed) old.set(`${key} ${committed}`, look)
    }
    if (old.size === 0) return
    const stop = new AbortController()
    const timer = clock.after(AGE_LIMIT_MS, () => stop.abort())
    // One offset of a partition at a time: two groups may stand at different ones.
    const ranges = [...new Map([...old.values()].map((look) => [keyOf(look), { topic: look.topic, partition: look.partition, from: look.committed ?? 0, to: look.end }])).values()]
    const visit = (range: (typeof ranges)[number], { timestamp }: { timestamp: number }): 'enough' => {
      this.#recordTimes.set(keyOf(range), { offset: range.from, timestampMs: timestamp })
      return 'enough'
    }
    // What retention has taken away, or Kafka does not give in time, has no age: it is shown as not known.
    await readRanges(kafka, ranges, { signal: stop.signal, maxPartitionBytes: ONE_BATCH_BYTES, visit }).catch(() => {})
    timer.cancel()
  }

  #endTimes(key: string): EndTimes {
    let times = this.#ends.get(key)
    if (times === undefined) {
      times = new EndTimes()
      this.#ends.set(key, times)
    }
    return times
  }
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
