import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '../ports/clock.ts'
import { murmur2, partitionOf } from '../records/murmur2.ts'
import type { TradeTopics } from '../topology/trade-topics.ts'
import type { Ingest } from './ingest.ts'
import type { InstanceWatch } from './live/instance-watch.ts'
import { askInTime, type LiveKafka } from './live/live-kafka.ts'
import { badRequest, notFound, unavailable } from './problem.ts'
import type { RequestIds } from './request-ids.ts'

export type SinkRole = 'sink-postgres' | 'sink-mongo'

const FORM = /^read-your-write; ?request=([0-9A-Za-z-]{1,200})$/

/** Of a read that may wait. */
export const ConsistencyHeader = Type.Object({
  consistency: Type.Optional(
    Type.String({ pattern: FORM.source, description: 'read-your-write; request=<id>: waits, 5 s at most, until what that request has written can be read here; 503 where it takes longer', examples: ['read-your-write; request=3-1760000000000-00000000-0000-0000-0000-000000000000-000000000000000000000000'] }),
  ),
})

export interface ReadYourWriteOptions {
  readonly requestIds: RequestIds
  readonly ingest: Pick<Ingest, 'status'>
  readonly kafka: Pick<LiveKafka, 'topics' | 'listOffsets'>
  readonly instances: Pick<InstanceWatch, 'reached'>
  readonly clock: Clock
  readonly topics: Pick<TradeTopics, 'audit' | 'processed' | 'repaired' | 'deadLetter'>
}

const LIMIT_MS = 5_000

/**
 * Reads that wait for a write. Once the request has an answer its records are in Kafka, before the ends that the logs have then (its transaction's end may still be on its way to them, so the end that counts is that of
 * all records, not of the committed ones); a sink that has passed those ends has written them, and it says so when it has.
 */
export class ReadYourWrite {
  readonly #options: ReadYourWriteOptions

  constructor(options: ReadYourWriteOptions) {
    this.#options = options
  }

  /** The hook before a route that reads what these sinks write. Without the header nothing waits. @throws ProblemError */
  before(...sinks: readonly SinkRole[]): (request: FastifyRequest) => Promise<void> {
    return async (request) => {
      const header = request.headers['consistency']
      if (header !== undefined) await this.#wait(String(header), sinks)
    }
  }

  async #wait(header: string, sinks: readonly SinkRole[]): Promise<void> {
    const { requestIds, ingest, clock } = this.#options
    const id = FORM.exec(header)?.[1]
    if (id === undefined) throw invalid('expected: read-your-write; request=<id>')
    const requestId = requestIds.read(id)
    if (requestId === undefined) throw notFound('Consistency: there is no such request: this id was never issued')
    const endMs = clock.monotonicMs() + LIMIT_MS
    const status = await ingest.status(requestId, LIMIT_MS)
    if (status.status === 'PENDING') throw tooLate('the request is still pending')
    const waits = sinks.map((sink) => this.#sinkHas(sink, status.trade_id, endMs))
    const reached = await Promise.all(waits)
    const late = sinks.filter((_, index) => reached[index] !== true)
    if (late.length > 0) throw tooLate(`${late.join(' and ')} has not written it yet`)
  }

  async #sinkHas(sink: SinkRole, tradeId: string | null, endMs: number): Promise<boolean> {
    const { kafka, clock, instances, topics } = this.#options
    const names = sink === 'sink-postgres' ? [topics.processed] : [topics.audit, topics.processed, topics.repaired, topics.deadLetter]
    const left = () => Math.max(0, endMs - clock.monotonicMs())
    const found = await askInTime(clock, left(), 'the partitions of the logs are not known', kafka.topics(names))
    const partitions = found.flatMap(({ name, partitions: list }) => partitionsWith(name === topics.deadLetter ? null : tradeId, list.length).map((partition) => ({ topic: name, partition })))
    const ends = await askInTime(clock, left(), 'the ends of the logs are not known', kafka.listOffsets(partitions, 'latest'))
    const reached = await Promise.all(ends.map(({ topic, partition, offset }) => offset === 0 || instances.reached(sink, { topic, partition, offset }, left())))
    return reached.every(Boolean)
  }
}

/** `null`: it may lie anywhere, as the records of an answer without a trade, whose key is no text, and dead letters, which need not lie where their key says. */
function partitionsWith(tradeId: string | null, count: number): number[] {
  if (tradeId === null) return Array.from({ length: count }, (_, partition) => partition)
  const key = Buffer.from(tradeId)
  return count === 0 ? [] : [partitionOf(murmur2(key, 0, key.length), count)]
}

function invalid(detail: string) {
  return badRequest('invalid-consistency', `Consistency: ${detail}`, [{ header: 'consistency', detail }])
}

function tooLate(detail: string) {
  return unavailable('not-written-yet', `${detail} after ${LIMIT_MS / 1_000} s; try again`)
}
