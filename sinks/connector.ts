import type { TopicPartition } from '../ports/broker.ts'
import { type Clock, every } from '../ports/clock.ts'
import { type Failpoint, noFailpoint } from '../ports/failpoint.ts'
import type { FetchedChunk, Fetcher, FetchFailure, KafkaClient } from '../ports/kafka-client.ts'
import type { Random } from '../ports/random.ts'
import { CommittedCursor } from '../records/committed-cursor.ts'
import { BatchWriter } from './batch-writer.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { ConnectorFigures } from './connector-figures.ts'
import type { ConnectorSnapshot, SinkEvent } from './connector-snapshot.ts'
import { type DeadLetter, DeadLetters } from './dead-letters.ts'
import { GroupOffsets } from './group-offsets.ts'
import { findLogPosition, updateEnds } from './log-position.ts'
import { PartitionClaimer } from './partition-claimer.ts'
import { passesByItself } from './passing-error.ts'
import { type Claim, type PartitionWrite, type SinkDatabase, SinkFatalError, SinkRetriableError } from './sink-database.ts'
import { SinkMembership } from './sink-membership.ts'
import { keyOf, SinkPartition } from './sink-partition.ts'
import type { SinkRecord } from './sink-record.ts'
import { type WriteLimits, WriteLanes } from './write-lanes.ts'

export interface ConnectorOptions extends WriteLimits {
  readonly client: KafkaClient
  readonly database: SinkDatabase
  readonly clock: Clock
  readonly random: Random
  readonly groupId: string
  readonly topics: readonly string[]
  /** Static membership; `undefined`: dynamic. */
  readonly groupInstanceId?: string | undefined
  /** Default 10,000. */
  readonly sessionTimeoutMs?: number
  /** `host:port` where this sink can be asked how it is, told to the group, which tells it to who asks. */
  readonly address?: string | undefined
  /** Bytes that may wait to be written; beyond that nothing is taken from Kafka. Default 16,000,000. */
  readonly pendingBytes?: number
  readonly deadLetterTopic?: string
  readonly breaker?: { readonly threshold?: number; readonly firstDelayMs?: number; readonly longestDelayMs?: number }
  readonly failpoint?: Failpoint
  /** Told what an operator may want to know. It must not throw. */
  readonly onEvent?: (event: SinkEvent) => void
  /** Told of records that the database now has, for latencies. It must not throw, and not hold the records. */
  readonly onApplied?: (records: readonly SinkRecord[]) => void
}

/** How often the group is told the offsets, which are for lag tools only. */
const GROUP_COMMIT_MS = 1_000
/** A fenced partition that stays ours is claimed anew after this: a member that was taken off learns it by then from a heartbeat. */
const RECLAIM_MS = 3_000
const END_OFFSETS_MS = 5_000
const CLOSE_MS = 10_000

/**
 * Copies committed records of topics into a database, each once in effect: it starts at the progress that the database shows, writes records and
 * progress together, and is fenced by whoever claims a partition after it.
 *
 * ```
 *   fetcher ──► partitions (queues) ──► lanes: a batch of several partitions ──► BatchWriter ──► database
 *      nothing is taken while the queues are full, or the breaker is open        │ poison ──► dead letters
 * ```
 */
export class Connector {
  /** Resolves when it has ended: with the error that stopped it, or `undefined` after `close`. */
  readonly ended: Promise<Error | undefined>
  readonly #options: ConnectorOptions
  readonly #pendingBytes: number
  readonly #partitions = new Map<string, SinkPartition>()
  readonly #breaker: CircuitBreaker
  readonly #deadLetters: DeadLetters
  readonly #membership: SinkMembership
  readonly #claimer: PartitionClaimer
  readonly #writer: BatchWriter
  readonly #fetcher: Fetcher
  readonly #cursor = new CommittedCursor()
  readonly #stop = new AbortController()
  readonly #end = Promise.withResolvers<Error | undefined>()
  readonly #lanes: WriteLanes
  readonly #groupOffsets: GroupOffsets
  #state: 'starting' | 'running' | 'failed' | 'closed' = 'starting'
  #failure: Error | undefined
  readonly #figures: ConnectorFigures
  #isPaused = false
  #closing: Promise<void> | undefined
  #room = Promise.withResolvers<void>()
  #away = false

  constructor(options: ConnectorOptions) {
    this.#options = options
    const { client, clock, database, random, groupId, topics, breaker } = options
    this.#pendingBytes = options.pendingBytes ?? 16_000_000
    this.ended = this.#end.promise
    this.#figures = new ConnectorFigures(clock)
    const { signal } = this.#stop
    this.#breaker = new CircuitBreaker({ clock, random, ...breaker })
    this.#deadLetters = new DeadLetters({ client, clock, connectorName: database.manifest.name, ...(options.deadLetterTopic === undefined ? {} : { topic: options.deadLetterTopic }) })
    this.#fetcher = client.fetcher({ readCommitted: true })
    this.#membership = new SinkMembership({
      client,
      clock,
      groupId,
      topics,
      groupInstanceId: options.groupInstanceId,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      address: options.address,
      owned: () => [...this.#partitions.values()],
      assigned: (partitions) => this.#assigned(partitions),
      failed: (error) => this.#fail(error),
    })
    this.#claimer = new PartitionClaimer({
      client,
      clock,
      database,
      breaker: this.#breaker,
      signal,
      waiting: () => [...this.#partitions.values()].filter(({ state }) => state === 'claiming'),
      claimed: (partition, claim) => this.#claimed(partition, claim),
      retried: (error) => this.#retried(error),
    })
    const listener = {
      owns: (write: PartitionWrite) => this.#ownerOf(write) !== undefined,
      applied: (write: PartitionWrite) => this.#applied(write),
      fenced: (write: PartitionWrite) => this.#fenced(write),
      wrote: (...told: Parameters<ConnectorFigures['wrote']>) => {
        this.#figures.wrote(...told)
        this.#databaseAnswered()
      },
      retried: (error: Error) => this.#retried(error),
      deadLettered: (letters: readonly DeadLetter[]) => this.#deadLettered(letters),
    }
    this.#lanes = new WriteLanes({ ...options, partitions: this.#partitions, write: (batch) => this.#write(batch), failed: (error) => this.#fail(error) })
    this.#groupOffsets = new GroupOffsets({
      member: this.#membership.member,
      partitions: this.#partitions,
      failpoint: options.failpoint,
      failed: (error) => void (this.#figures.lastError = `telling the group its offsets: ${asError(error).message}`),
    })
    this.#writer = new BatchWriter({ clock, database, breaker: this.#breaker, deadLetters: this.#deadLetters, failpoint: options.failpoint ?? noFailpoint, listener, signal })
  }

  /** Opens the database, as long as it takes, then joins the group. Rejects where no repetition helps. */
  async start(): Promise<void> {
    const { database, groupId, topics } = this.#options
    const { signal } = this.#stop
    for (;;) {
      await this.#breaker.admit(signal)
      if (signal.aborted) return
      try {
        await database.open()
        break
      } catch (error) {
        if (!(error instanceof SinkRetriableError)) {
          await this.#fail(asError(error))
          throw error
        }
        this.#breaker.failed()
        this.#retried(error)
      }
    }
    this.#breaker.succeeded()
    // closed while the database was opened
    if (this.#state !== 'starting') return
    this.#state = 'running'
    this.#databaseAnswered()
    this.#event('SINK_STARTED', 'info', `sink ${database.manifest.name} of group ${groupId} started`, { topics: [...topics] })
    this.#membership.start()
    this.#run(() => this.#pump())
    this.#run(() => every(this.#options.clock, GROUP_COMMIT_MS, signal, () => this.#groupOffsets.commit()))
    this.#run(() => every(this.#options.clock, END_OFFSETS_MS, signal, () => this.#lookAtEnds()))
  }

  snapshot(): ConnectorSnapshot {
    const partitions = [...this.#partitions.values()].map((partition) => partition.snapshot())
    const running = this.#breaker.state !== 'closed' ? 'paused' : partitions.length === 0 ? 'waiting' : 'running'
    return {
      name: this.#options.database.manifest.name,
      groupId: this.#options.groupId,
      state: this.#state === 'running' || (this.#state === 'starting' && this.#breaker.state !== 'closed') ? running : this.#state,
      failure: this.#failure?.message,
      isPaused: this.#isPaused,
      circuit: this.#breaker.state,
      lastError: this.#figures.lastError,
      ...this.#figures.counters,
      lastLatencyMs: this.#figures.lastLatencyMs,
      writeMs: this.#figures.writeMs(),
      lag: partitions.reduce((sum, { lag }) => sum + lag, 0),
      partitions,
    }
  }

  /** Takes nothing more from Kafka; what was taken is still written. It stays in the group and keeps its partitions, and lag grows. A restart goes on: being paused is remembered nowhere. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#signalRoom()
  }

  /** Whether the database has everything of a partition that lies before `offset`; `undefined`: the partition is not this sink's. */
  hasReached(partition: TopicPartition, offset: number): boolean | undefined {
    const found = this.#partitions.get(keyOf(partition))
    return found?.state === 'active' ? found.position >= offset : undefined
  }

  /** Waits for the writes under way (10 s at most), tells the group where they got to, and leaves it. */
  close(): Promise<void> {
    return (this.#closing ??= this.#shutDown())
  }

  async #shutDown(): Promise<void> {
    const failed = this.#state === 'failed'
    const deadline = this.#options.clock.after(failed ? 0 : CLOSE_MS, () => this.#stop.abort())
    if (!failed) this.#state = 'closed'
    this.#fetcher.wake()
    this.#signalRoom()
    await this.#lanes.close()
    await this.#groupOffsets.commit()
    deadline.cancel()
    this.#stop.abort()
    // whatever of this fails, nothing more comes from here
    await Promise.allSettled([this.#membership.leave(), this.#fetcher.close(), this.#deadLetters.close()])
    if (!failed) this.#event('SINK_STOPPED', 'info', `sink ${this.#options.database.manifest.name} of group ${this.#options.groupId} stopped`, {})
    await Promise.allSettled([this.#options.database.close()])
    this.#end.resolve(this.#failure)
  }

  #assigned(target: readonly TopicPartition[]): void {
    const wanted = new Set(target.map(keyOf))
    for (const partition of [...this.#partitions.values()]) if (!wanted.has(keyOf(partition))) this.#drop(partition)
    for (const partition of target) if (!this.#partitions.has(keyOf(partition))) this.#partitions.set(keyOf(partition), new SinkPartition(partition))
    this.#run(() => this.#claimer.claim())
  }

  #drop(partition: SinkPartition): void {
    this.#fetcher.remove(partition)
    partition.remove()
    this.#partitions.delete(keyOf(partition))
    this.#signalRoom()
  }

  /** Begins with a partition anew. */
  #reclaim(partition: SinkPartition): void {
    if (partition.state === 'removed') return
    this.#drop(partition)
    this.#partitions.set(keyOf(partition), new SinkPartition(partition))
    this.#run(() => this.#claimer.claim())
  }

  #claimed(partition: SinkPartition, claim: Claim): void {
    partition.claimed(claim)
    partition.writtenAtMs = this.#options.clock.monotonicMs()
    this.#databaseAnswered()
    this.#fetcher.assign(partition, { offset: claim.nextOffset, leaderEpoch: undefined })
  }

  /** From Kafka into the queues of the partitions, as long as there is room. */
  async #pump(): Promise<void> {
    while (this.#state === 'running') {
      await (this.#hasRoom() ? this.#fetcher.ready() : this.#room.promise)
      while (this.#hasRoom()) {
        const item = this.#fetcher.take()
        if (item === undefined) break
        if (item.kind === 'chunk') this.#take(item)
        else this.#fetchFailed(item)
      }
      this.#lanes.start()
    }
  }

  #take(chunk: FetchedChunk): void {
    const partition = this.#partitions.get(keyOf(chunk))
    if (partition?.state !== 'active') return
    const before = partition.pendingRecords
    partition.add(chunk, this.#cursor)
    this.#figures.counters.recordsRead += partition.pendingRecords - before
  }

  #hasRoom(): boolean {
    if (this.#state !== 'running' || this.#isPaused || this.#breaker.state !== 'closed') return false
    let bytes = 0
    for (const partition of this.#partitions.values()) bytes += partition.pendingBytes
    return bytes < this.#pendingBytes
  }

  #signalRoom(): void {
    this.#room.resolve()
    this.#room = Promise.withResolvers<void>()
  }

  async #write(batch: readonly PartitionWrite[]): Promise<void> {
    try {
      await this.#writer.write(batch)
    } finally {
      for (const write of batch) {
        const partition = this.#ownerOf(write)
        if (partition !== undefined) partition.busy = false
      }
      this.#signalRoom()
    }
  }

  /** The partition that a write came from, unless it was given up, or begun anew, since. */
  #ownerOf({ claim }: PartitionWrite): SinkPartition | undefined {
    const partition = this.#partitions.get(keyOf(claim.source))
    return partition?.claim === claim && partition.state === 'active' ? partition : undefined
  }

  #applied(write: PartitionWrite): void {
    this.#figures.applied(write)
    this.#options.onApplied?.(write.records)
    const partition = this.#ownerOf(write)
    if (partition === undefined) return
    partition.writtenOffset = write.toOffset
    partition.writtenAtMs = this.#options.clock.monotonicMs()
  }

  #fenced(write: PartitionWrite): void {
    const partition = this.#ownerOf(write)
    if (partition === undefined) return
    this.#figures.counters.fenced++
    partition.state = 'fenced'
    this.#fetcher.remove(partition)
    this.#event('PARTITION_FENCED', 'warning', `${keyOf(partition)} was claimed by another sink of group ${this.#options.groupId}`, { topic: partition.topic, partition: partition.partition })
    this.#options.clock.after(RECLAIM_MS, () => this.#reclaim(partition))
  }

  #fetchFailed(failure: FetchFailure): void {
    const partition = this.#partitions.get(keyOf(failure))
    if (partition?.state !== 'active') return
    this.#figures.lastError = failure.message
    if (failure.reason === 'offset-out-of-range') this.#run(() => this.#findPosition(partition))
    else if (failure.reason === 'topic-recreated' || failure.reason === 'topic-missing') this.#reclaim(partition)
    else void this.#fail(new SinkFatalError(`${keyOf(failure)}: ${failure.message} (${failure.reason}); the database has it up to offset ${partition.writtenOffset}`))
  }

  async #findPosition(partition: SinkPartition): Promise<void> {
    try {
      const { offset, lost } = await findLogPosition(this.#options.client, partition)
      if (partition.state !== 'active') return
      const deleted = `${keyOf(partition)}: offsets ${lost?.from} to ${lost?.to} were deleted by retention before this sink had read them`
      if (lost !== undefined) this.#event('RECORDS_LOST', 'error', deleted, { topic: partition.topic, partition: partition.partition, ...lost })
      this.#fetcher.assign(partition, { offset, leaderEpoch: undefined })
    } catch (error) {
      if (!passesByItself(error)) throw error
      // the fetcher finds out again, and asks again
      if (partition.state === 'active') this.#fetcher.assign(partition, { offset: partition.fetchedOffset, leaderEpoch: undefined })
    }
  }

  /** While nothing is fetched, lag grows unseen. */
  async #lookAtEnds(): Promise<void> {
    if (this.#hasRoom()) return this.#lanes.start()
    try {
      await updateEnds(this.#options.client, [...this.#partitions.values()])
    } catch (error) {
      if (!passesByItself(error)) throw error
      this.#figures.lastError = error.message
    }
  }

  #deadLettered(letters: readonly DeadLetter[]): void {
    const count = letters.length
    this.#figures.counters.deadLettered += count
    this.#event('DEAD_LETTERED', 'warning', `${count} records were refused, the first one ${letters[0]?.record.position}: ${letters[0]?.reason}`, { count })
  }

  #retried(error: Error): void {
    this.#figures.retried(error)
    if (this.#breaker.state === 'open' && !this.#away) {
      this.#away = true
      this.#event('DATABASE_AWAY', 'error', `${error.message}; nothing is fetched until it answers`, {})
    }
  }

  #databaseAnswered(): void {
    this.#signalRoom()
    if (!this.#away) return
    this.#away = false
    this.#event('DATABASE_BACK', 'info', `${this.#options.database.manifest.name} answers again`, {})
  }

  #run(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#fail(asError(error)))
  }

  async #fail(error: Error): Promise<void> {
    if (this.#state === 'failed' || this.#state === 'closed') return
    this.#state = 'failed'
    this.#failure = error
    this.#event('SINK_FAILED', 'error', error.message, {})
    await this.close()
  }

  #event(type: SinkEvent['type'], severity: SinkEvent['severity'], message: string, data: SinkEvent['data']): void {
    this.#options.onEvent?.({ type, severity, message, data, timestampMs: this.#options.clock.now() })
  }
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)))
