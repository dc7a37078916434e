import type { AbortedTransaction, FetchedPartition, FetchPartition, FetchRequest, FetchResponse } from '../../ports/broker.ts'
import type { Api } from './api.ts'
import type { RequestWriter } from './request-writer.ts'
import { ResponseFormatError, type ResponseReader } from './response-reader.ts'

/** Without fetch sessions: each request names all its partitions, so that their order can be rotated and a lost answer costs nothing. */
export const fetchApi: Api<FetchRequest, FetchResponse> = {
  key: 1,
  name: 'Fetch',
  minVersion: 13,
  maxVersion: 17,
  since: '3.1',
  write(writer, request, version) {
    if (version < 15) writer.int32(CONSUMER)
    writer.int32(request.maxWaitMs)
    writer.int32(request.minBytes)
    writer.int32(request.maxBytes)
    writer.int8(request.readCommitted ? 1 : 0)
    writer.int32(NO_SESSION_ID)
    writer.int32(NO_SESSION_EPOCH)
    writer.array(runsOfTopics(request.partitions), (run) => writeRun(writer, run))
    writer.array([], () => {})
    writer.string(ANY_RACK)
    writer.noTags()
  },
  read(reader, _version, request) {
    const topics = new Map<string, string>()
    for (const { topicId, topic } of request.partitions) topics.set(topicId, topic)
    const throttleTimeMs = reader.int32()
    const errorCode = reader.int16()
    reader.int32()
    const partitions: FetchedPartition[] = []
    reader.array(() => {
      const topicId = reader.uuid()
      const topic = topics.get(topicId)
      if (topic === undefined) throw new ResponseFormatError(`topic ${topicId} was not asked for`)
      reader.array(() => partitions.push(readPartition(reader, topic)))
      reader.tags()
    })
    reader.tags()
    return { errorCode, throttleTimeMs, partitions }
  },
}

const CONSUMER = -1
const NO_SESSION_ID = 0
const NO_SESSION_EPOCH = -1
const ANY_RACK = ''
const LOG_START_OF_A_CONSUMER = -1

/** Neighbours of one topic together: the broker fills partitions in the order of the request, which the asker rotates. */
function runsOfTopics(partitions: readonly FetchPartition[]): FetchPartition[][] {
  const runs: FetchPartition[][] = []
  for (const partition of partitions) {
    const run = runs.at(-1)
    if (run?.[0]?.topicId === partition.topicId) run.push(partition)
    else runs.push([partition])
  }
  return runs
}

function writeRun(writer: RequestWriter, run: readonly FetchPartition[]): void {
  writer.uuid(run[0]?.topicId ?? '')
  writer.array(run, (partition) => {
    writer.int32(partition.partition)
    writer.int32(partition.currentLeaderEpoch)
    writer.int64(partition.fetchOffset)
    writer.int32(partition.lastFetchedEpoch)
    writer.int64(LOG_START_OF_A_CONSUMER)
    writer.int32(partition.maxBytes)
    writer.noTags()
  })
  writer.noTags()
}

function readPartition(reader: ResponseReader, topic: string): FetchedPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  const logStartOffset = reader.int64()
  const abortedTransactions = reader.array(() => readAborted(reader))
  reader.int32()
  const bytes = Math.max(reader.unsignedVarint() - 1, 0)
  const start = reader.skip(bytes)
  let divergingEpoch: FetchedPartition['divergingEpoch']
  reader.tags((tag) => {
    if (tag === DIVERGING_EPOCH_TAG) divergingEpoch = { epoch: reader.int32(), endOffset: reader.int64() }
  })
  return {
    topic,
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    abortedTransactions,
    divergingEpoch,
    buffer: reader.buffer,
    start,
    end: start + bytes,
  }
}

const DIVERGING_EPOCH_TAG = 0

function readAborted(reader: ResponseReader): AbortedTransaction {
  const aborted = { producerId: reader.int64(), firstOffset: reader.int64() }
  reader.tags()
  return aborted
}
