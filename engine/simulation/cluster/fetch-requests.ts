import type { FetchedPartition, FetchPartition, FetchRequest, FetchResponse } from '../../../ports/broker.ts'
import type { Clock } from '../../../ports/clock.ts'
import { lastOffset, batchSize, HEADER_BYTES } from '../../../records/record-batch.ts'
import { ERROR } from './error-code.ts'
import type { Partition } from './partition.ts'
import type { Topics } from './topics.ts'

export interface FetchSurroundings {
  readonly clock: Clock
  readonly topics: Topics
  readonly throttleMs: () => number
}

interface Read {
  readonly answer: Omit<FetchedPartition, 'buffer' | 'start' | 'end'>
  readonly bytes: Buffer
  /** It is answered at once: an error, or a log that has diverged. */
  readonly isUrgent: boolean
}

/** What the leaders of partitions do with Fetch: they read, and wait for `minBytes` as long as nothing is wrong. */
export async function fetch(surroundings: FetchSurroundings, node: number, request: FetchRequest): Promise<FetchResponse> {
  const first = readAll(surroundings, node, request)
  const reads = isEnough(first, request) ? first : await moreOf(surroundings, node, request)
  const buffer = Buffer.concat(reads.map(({ bytes }) => bytes))
  let at = 0
  const partitions = reads.map(({ answer, bytes }) => {
    const start = at
    at += bytes.length
    return { ...answer, buffer, start, end: at }
  })
  // who reads on after it said that it does not finds nonsense
  return { errorCode: ERROR.NONE, throttleTimeMs: surroundings.throttleMs(), partitions, release: () => buffer.fill(0xdd) }
}

function moreOf(surroundings: FetchSurroundings, node: number, request: FetchRequest): Promise<Read[]> {
  return new Promise((resolve) => {
    const stops = request.partitions.map((asked) => {
      const partition = surroundings.topics.partition(asked.topic, asked.partition)
      return partition?.watch(() => {
        if (concerns(partition, node, asked, request.readCommitted)) look(false)
      })
    })
    const timer = surroundings.clock.after(request.maxWaitMs, () => look(true))
    const look = (isLate: boolean) => {
      const reads = readAll(surroundings, node, request)
      if (!isLate && !isEnough(reads, request)) return
      timer.cancel()
      for (const stop of stops) stop?.()
      resolve(reads)
    }
  })
}

/** Whether a change of a partition may bring an answer: its leader is not the one that was asked, or there is something to read. */
function concerns({ log, leader, leaderEpoch }: Partition, node: number, { fetchOffset, currentLeaderEpoch }: FetchPartition, readCommitted: boolean): boolean {
  if (leader !== node || currentLeaderEpoch !== leaderEpoch) return true
  return fetchOffset < log.start || fetchOffset > log.end || fetchOffset < (readCommitted ? log.lastStableOffset : log.highWatermark)
}

function isEnough(reads: readonly Read[], { minBytes, maxWaitMs, partitions }: FetchRequest): boolean {
  if (maxWaitMs <= 0 || partitions.length === 0) return true
  return reads.some(({ isUrgent }) => isUrgent) || reads.reduce((sum, { bytes }) => sum + bytes.length, 0) >= minBytes
}

function readAll({ topics }: FetchSurroundings, node: number, request: FetchRequest): Read[] {
  let leftBytes = request.maxBytes
  let isEmpty = true
  return request.partitions.map((asked) => {
    const topic = topics.withId(asked.topicId)
    const partition = topic?.partitions[asked.partition]
    if (!topic) return failed(asked, ERROR.UNKNOWN_TOPIC_ID)
    if (!partition) return failed(asked, ERROR.UNKNOWN_TOPIC_OR_PARTITION)
    const read = readOne(partition, node, asked, { readCommitted: request.readCommitted, maxBytes: Math.min(asked.maxBytes, leftBytes), atLeastOne: isEmpty })
    if (read.bytes.length > 0) isEmpty = false
    leftBytes = Math.max(0, leftBytes - read.bytes.length)
    return read
  })
}

function readOne(partition: Partition, node: number, asked: FetchPartition, options: { readCommitted: boolean; maxBytes: number; atLeastOne: boolean }): Read {
  const { log } = partition
  const { fetchOffset, lastFetchedEpoch } = asked
  const errorCode = partition.leaderError(node, asked.currentLeaderEpoch)
  if (errorCode !== ERROR.NONE) return failed(asked, errorCode)
  const state = { highWatermark: log.highWatermark, lastStableOffset: log.lastStableOffset, logStartOffset: log.start }
  const at = { topic: asked.topic, partition: asked.partition }
  if (lastFetchedEpoch >= 0) {
    const { leaderEpoch, endOffset } = log.endOfEpoch(lastFetchedEpoch)
    if (endOffset < 0 || log.start > fetchOffset) return failed(asked, ERROR.OFFSET_OUT_OF_RANGE)
    if (leaderEpoch < lastFetchedEpoch || endOffset < fetchOffset) {
      const answer = { ...at, ...state, errorCode: ERROR.NONE, abortedTransactions: [], divergingEpoch: { epoch: leaderEpoch, endOffset } }
      return { answer, bytes: NOTHING, isUrgent: true }
    }
  }
  if (fetchOffset < log.start || fetchOffset > log.end) return failed(asked, ERROR.OFFSET_OUT_OF_RANGE)
  const limit = options.readCommitted ? state.lastStableOffset : state.highWatermark
  const bytes = fetchOffset < limit ? log.read(fetchOffset, { endOffset: limit, maxBytes: options.maxBytes, atLeastOne: options.atLeastOne }) : NOTHING
  const abortedTransactions = options.readCommitted && bytes.length > 0 ? log.abortedBetween(fetchOffset, endOf(bytes, limit)) : []
  return { answer: { ...at, ...state, errorCode: ERROR.NONE, abortedTransactions, divergingEpoch: undefined }, bytes, isUrgent: false }
}

/** The offset behind what was read; a batch that is cut counts. */
function endOf(bytes: Buffer, limit: number): number {
  let end = 0
  for (let at = 0; at + HEADER_BYTES <= bytes.length; at += batchSize(bytes, at)) end = lastOffset(bytes, at) + 1
  return Math.min(end, limit)
}

function failed({ topic, partition }: FetchPartition, errorCode: number): Read {
  const answer = { topic, partition, errorCode, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, abortedTransactions: [], divergingEpoch: undefined }
  return { answer, bytes: NOTHING, isUrgent: true }
}

const NOTHING = Buffer.alloc(0)
