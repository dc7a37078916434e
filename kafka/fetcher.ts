import type { Broker, FetchedPartition, FetchPartition, FetchResponse, TopicPartition } from '../ports/broker.ts'
import { ConnectionLostError } from '../ports/broker.ts'
import type { Timer } from '../ports/clock.ts'
import type { FetchedChunk, Fetcher, FetcherOptions, FetchFailure, FetchPosition } from '../ports/kafka-client.ts'
import { extentOf } from './fetched-extent.ts'
import { failureOf, MISSING_TOPIC_MS } from './fetch-failure.ts'
import type { Leaders } from './leaders.ts'
import { RetryPace, type RetryContext } from './retry-pace.ts'

/** Before a response, how long the broker may hold a fetch while partitions come, go, pause or back off: none of them waits longer for a poll that began without it. */
const RESTLESS_WAIT_MS = 25
/** How long after such a change. */
const RESTLESS_MS = 1_000

/** One partition from one `assign` to the next: the object's identity is its assignment epoch, so what was asked for an older one is told apart by it. */
interface Assigned extends TopicPartition {
  readonly key: string
  readonly pace: RetryPace
  offset: number
  lastEpoch: number
  topicId: string | undefined
  paused: boolean
  failed: boolean
  /** The poll that asks for it now. A partition whose leader moved is not asked of the new one before the old one has answered: order. */
  poll: object | undefined
  /** It waits for metadata. */
  looking: boolean
  retryAtMs: number
  missingSinceMs: number | undefined
}

/** The polls of one node: one under way, and one answer that waits to be taken, at most. */
interface NodePolls {
  readonly node: number
  readonly pace: RetryPace
  readonly candidates: Assigned[]
  underWay: boolean
  /** Answers of which chunks wait to be taken. */
  waiting: number
  retryAtMs: number
  /** Rotates the order of partitions: the broker fills an answer from the front. */
  turn: number
}

interface Answer {
  readonly polls: NodePolls
  /** Chunks that wait to be taken. */
  chunks: number
  /** Chunks that have not been released. */
  lent: number
  readonly release: (() => void) | undefined
}

/**
 * Long polls, one a node (see `Fetcher`). All that is passing (leaders that moved, brokers that are away) is repeated here
 * for ever. The chunks of all nodes stand in one queue in the order of their arrival, so that those of a partition whose leader moved stay in order.
 */
export class LeaderFetcher implements Fetcher {
  readonly #broker: Broker
  readonly #leaders: Leaders
  readonly #context: RetryContext
  readonly #options: Required<FetcherOptions>
  readonly #partitions = new Map<string, Assigned>()
  readonly #nodes = new Map<number, NodePolls>()
  /** Topics to ask for anew. */
  readonly #stale = new Set<string>()
  #queue: { assigned: Assigned; item: FetchedChunk | FetchFailure; answer: Answer | undefined }[] = []
  #waiter: { promise: Promise<void>; resolve: () => void } | undefined
  #woken = false
  #closed = false
  #broken: Error | undefined
  #refreshing = false
  #pumpDue = false
  #timer: Timer | undefined
  #changedAtMs = Number.NEGATIVE_INFINITY

  constructor(dependencies: RetryContext & { broker: Broker; leaders: Leaders }, options: FetcherOptions) {
    this.#broker = dependencies.broker
    this.#leaders = dependencies.leaders
    this.#context = dependencies
    this.#options = { maxWaitMs: 500, maxBytes: 4_800_000, maxPartitionBytes: 400_000, ...options }
  }

  assign({ topic, partition }: TopicPartition, position: FetchPosition): void {
    const key = keyOf(topic, partition)
    this.#discard(key)
    this.#partitions.set(key, {
      key,
      topic,
      partition,
      pace: new RetryPace(this.#context),
      offset: position.offset,
      lastEpoch: position.leaderEpoch ?? -1,
      topicId: undefined,
      paused: false,
      failed: false,
      poll: undefined,
      looking: false,
      retryAtMs: 0,
      missingSinceMs: undefined,
    })
    this.#changed()
  }

  remove({ topic, partition }: TopicPartition): void {
    this.#discard(keyOf(topic, partition))
    this.#changed()
  }

  pause({ topic, partition }: TopicPartition): void {
    const assigned = this.#partitions.get(keyOf(topic, partition))
    if (!assigned || assigned.paused) return
    assigned.paused = true
    this.#changed()
  }

  resume({ topic, partition }: TopicPartition): void {
    const assigned = this.#partitions.get(keyOf(topic, partition))
    if (!assigned?.paused) return
    assigned.paused = false
    this.#changed()
  }

  /** Throws what no repetition can help with and what no partition is to blame for (a version that the broker does not speak). */
  take(): FetchedChunk | FetchFailure | undefined {
    if (this.#broken) throw this.#broken
    const entry = this.#queue.shift()
    if (entry) this.#release(entry.answer)
    return entry?.item
  }

  get waiting(): number {
    return this.#queue.filter(({ item }) => item.kind === 'chunk').length
  }

  ready(): Promise<void> {
    if (this.#queue.length > 0 || this.#woken || this.#closed || this.#broken) {
      this.#woken = false
      return Promise.resolve()
    }
    this.#waiter ??= Promise.withResolvers<void>()
    return this.#waiter.promise
  }

  wake(): void {
    if (this.#waiter) this.#signal()
    else this.#woken = true
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#partitions.clear()
    this.#queue = []
    this.#signal()
  }

  /** Sends what can be sent: for each node without a poll under way and with at most one answer waiting, all partitions that it leads. */
  #pump(): void {
    this.#pumpDue = false
    if (this.#closed || this.#broken) return
    const nowMs = this.#context.clock.monotonicMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const assigned of this.#partitions.values()) {
      if (assigned.paused || assigned.failed || assigned.looking || assigned.poll) continue
      if (assigned.retryAtMs > nowMs) nextMs = Math.min(nextMs, assigned.retryAtMs)
      else this.#candidate(assigned)
    }
    for (const polls of this.#nodes.values()) {
      if (polls.candidates.length === 0) continue
      if (polls.retryAtMs > nowMs) nextMs = Math.min(nextMs, polls.retryAtMs)
      else if (!polls.underWay && polls.waiting <= 1) this.#poll(polls, nowMs)
      polls.candidates.length = 0
    }
    this.#timer?.cancel()
    this.#timer = nextMs === Number.POSITIVE_INFINITY ? undefined : this.#context.clock.after(nextMs - nowMs, () => this.#pump())
    if (this.#stale.size > 0) void this.#refreshLeaders()
  }

  #candidate(assigned: Assigned): void {
    const leader = this.#leaders.leaderOf(assigned.topic, assigned.partition)
    if (!leader) return this.#look(assigned)
    assigned.topicId ??= leader.topicId
    if (leader.topicId !== assigned.topicId) return this.#fail(assigned, failureOf(assigned, 'topic-recreated'))
    let polls = this.#nodes.get(leader.node)
    if (!polls) {
      polls = { node: leader.node, pace: new RetryPace(this.#context), candidates: [], underWay: false, waiting: 0, retryAtMs: 0, turn: 0 }
      this.#nodes.set(leader.node, polls)
    }
    polls.candidates.push(assigned)
  }

  #poll(polls: NodePolls, startedMs: number): void {
    const turn = polls.turn++ % polls.candidates.length
    const polled = [...polls.candidates.slice(turn), ...polls.candidates.slice(0, turn)]
    const { readCommitted, maxBytes, maxPartitionBytes } = this.#options
    const maxWaitMs = startedMs - this.#changedAtMs < RESTLESS_MS ? Math.min(RESTLESS_WAIT_MS, this.#options.maxWaitMs) : this.#options.maxWaitMs
    const partitions: FetchPartition[] = polled.map(({ topic, partition, topicId, offset, lastEpoch }) => ({
      topic,
      partition,
      topicId: topicId ?? '',
      fetchOffset: offset,
      currentLeaderEpoch: this.#leaders.leaderOf(topic, partition)?.leaderEpoch ?? -1,
      lastFetchedEpoch: lastEpoch,
      maxBytes: maxPartitionBytes,
    }))
    for (const assigned of polled) assigned.poll = polled
    polls.underWay = true
    this.#broker.fetch(polls.node, { maxWaitMs, minBytes: 1, maxBytes, readCommitted, partitions }).then(
      (response) => this.#settle(polls, polled, () => this.#arrived(polls, polled, response, { startedMs, maxWaitMs })),
      (error: unknown) => this.#settle(polls, polled, () => this.#lost(polls, polled, error)),
    )
  }

  /** The poll is over. An error of our own on the way is kept for `take`: nobody awaits a poll. */
  #settle(polls: NodePolls, polled: readonly Assigned[], handle: () => void): void {
    polls.underWay = false
    if (this.#closed) return
    try {
      handle()
    } catch (error) {
      this.#break(error)
    }
    for (const assigned of polled) assigned.poll = undefined
    this.#pump()
  }

  #arrived(polls: NodePolls, polled: readonly Assigned[], response: FetchResponse, { startedMs, maxWaitMs }: { startedMs: number; maxWaitMs: number }): void {
    const nowMs = this.#context.clock.monotonicMs()
    const answer: Answer = { polls, chunks: 0, lent: 0, release: response.release }
    let barren = true
    for (const fetched of response.partitions) {
      const assigned = this.#partitions.get(keyOf(fetched.topic, fetched.partition))
      // otherwise removed, or assigned anew, since it was asked for
      if (assigned?.poll === polled) this.#digest(assigned, fetched, answer)
      if (assigned?.poll !== polled || fetched.errorCode !== 0) barren = false
    }
    // an answer that brings nothing before its time, or an error as a whole, must not be followed by the next at once
    const early = nowMs - startedMs < maxWaitMs / 2
    if (response.errorCode !== 0 || (answer.chunks === 0 && barren && early)) polls.retryAtMs = nowMs + polls.pace.nextMs()
    else polls.pace.reset()
    if (answer.chunks > 0) {
      polls.waiting++
      this.#signal()
    } else answer.release?.()
    if (response.throttleTimeMs > 0) polls.retryAtMs = Math.max(polls.retryAtMs, nowMs + response.throttleTimeMs)
  }

  #digest(assigned: Assigned, fetched: FetchedPartition, answer: Answer): void {
    if (fetched.errorCode !== 0) return this.#refused(assigned, fetched.errorCode)
    if (fetched.divergingEpoch) {
      const { epoch, endOffset } = fetched.divergingEpoch
      return this.#fail(assigned, failureOf(assigned, 'diverged', `the leader agrees with it up to offset ${endOffset} of epoch ${epoch} only`))
    }
    assigned.pace.reset()
    const { buffer, start, highWatermark, lastStableOffset, abortedTransactions } = fetched
    const extent = extentOf(buffer, start, fetched.end)
    if (typeof extent === 'string') return this.#fail(assigned, failureOf(assigned, 'corrupt', extent))
    const { end, nextOffset, leaderEpoch } = extent
    // nothing, or only the cut beginning of a batch: another partition filled the answer, this one's turn comes
    if (nextOffset === undefined || nextOffset <= assigned.offset) return
    const { topic, partition, offset: fetchOffset } = assigned
    const item: FetchedChunk = {
      kind: 'chunk',
      topic,
      partition,
      fetchOffset,
      nextOffset,
      leaderEpoch,
      highWatermark,
      lastStableOffset,
      abortedTransactions,
      buffer,
      start,
      end,
      release: () => {
        if (--answer.lent === 0) answer.release?.()
      },
    }
    this.#queue.push({ assigned, item, answer })
    answer.chunks++
    answer.lent++
    assigned.offset = nextOffset
    assigned.lastEpoch = leaderEpoch
  }

  #refused(assigned: Assigned, errorCode: number): void {
    const verdict = failureOf(assigned, errorCode)
    if (verdict) return this.#fail(assigned, verdict)
    this.#backOff(assigned)
    this.#look(assigned)
  }

  #lost(polls: NodePolls, polled: readonly Assigned[], error: unknown): void {
    if (!(error instanceof ConnectionLostError)) throw error
    const nowMs = this.#context.clock.monotonicMs()
    polls.retryAtMs = nowMs + polls.pace.nextMs()
    this.#changedAtMs = nowMs
    for (const assigned of polled) if (this.#partitions.get(assigned.key) === assigned) this.#look(assigned)
  }

  #look(assigned: Assigned): void {
    if (assigned.failed) return
    assigned.looking = true
    this.#stale.add(assigned.topic)
  }

  async #refreshLeaders(): Promise<void> {
    if (this.#refreshing) return
    this.#refreshing = true
    try {
      while (this.#stale.size > 0 && !this.#closed) {
        const names = new Set(this.#stale)
        const waiting = [...this.#partitions.values()].filter(({ looking, topic }) => looking && names.has(topic))
        this.#stale.clear()
        await this.#leaders.tryRefresh(names)
        for (const assigned of waiting) if (this.#partitions.get(assigned.key) === assigned) this.#looked(assigned)
      }
    } catch (error) {
      this.#break(error)
    } finally {
      this.#refreshing = false
    }
    this.#pump()
  }

  /** Metadata was asked for: is there a leader, and still the same topic? */
  #looked(assigned: Assigned): void {
    assigned.looking = false
    const { topic, partition } = assigned
    const metadata = this.#leaders.known(topic)
    const leader = this.#leaders.leaderOf(topic, partition)
    if (leader) {
      assigned.missingSinceMs = undefined
      if (assigned.topicId !== undefined && leader.topicId !== assigned.topicId) this.#fail(assigned, failureOf(assigned, 'topic-recreated'))
      return
    }
    const missing = metadata?.errorCode === 3 || (metadata?.errorCode === 0 && !metadata.partitions.some((known) => known.partition === partition))
    const nowMs = this.#context.clock.monotonicMs()
    // a broker that has just started may not know the topic yet
    assigned.missingSinceMs = missing ? (assigned.missingSinceMs ?? nowMs) : undefined
    const verdict = metadata && metadata.errorCode !== 0 && metadata.errorCode !== 3 ? failureOf(assigned, metadata.errorCode) : undefined
    if (verdict) this.#fail(assigned, verdict)
    else if (assigned.missingSinceMs !== undefined && nowMs - assigned.missingSinceMs >= MISSING_TOPIC_MS)
      this.#fail(assigned, failureOf(assigned, 'topic-missing'))
    else this.#backOff(assigned)
  }

  #backOff(assigned: Assigned): void {
    this.#changedAtMs = this.#context.clock.monotonicMs()
    assigned.retryAtMs = this.#changedAtMs + assigned.pace.nextMs()
  }

  #fail(assigned: Assigned, item: FetchFailure): void {
    assigned.failed = true
    this.#queue.push({ assigned, item, answer: undefined })
    this.#signal()
  }

  #break(error: unknown): void {
    this.#broken = error instanceof Error ? error : new Error(String(error))
    this.#signal()
  }

  /** Forgets a partition and what has arrived for it. */
  #discard(key: string): void {
    const assigned = this.#partitions.get(key)
    if (!assigned) return
    this.#partitions.delete(key)
    this.#queue = this.#queue.filter((entry) => {
      if (entry.assigned !== assigned) return true
      this.#release(entry.answer)
      return false
    })
  }

  #release(answer: Answer | undefined): void {
    if (!answer || --answer.chunks > 0) return
    answer.polls.waiting--
    this.#schedulePump()
  }

  #changed(): void {
    this.#changedAtMs = this.#context.clock.monotonicMs()
    this.#schedulePump()
  }

  /** After the current call of the owner: partitions that are assigned one after the other go into one fetch. */
  #schedulePump(): void {
    if (this.#pumpDue) return
    this.#pumpDue = true
    queueMicrotask(() => this.#pump())
  }

  #signal(): void {
    this.#waiter?.resolve()
    this.#waiter = undefined
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}-${partition}`
}
