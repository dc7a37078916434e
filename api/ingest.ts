import { createHash } from 'node:crypto'
import type { Clock } from '../ports/clock.ts'
import { type Failpoint, noFailpoint } from '../ports/failpoint.ts'
import { KafkaAwayError, type OutgoingRecord, type RecordProducer } from '../ports/kafka-client.ts'
import { KafkaError } from '../ports/kafka-error.ts'
import { readRequestState, type RequestAnswer } from '../processors/request-state.ts'
import { ByteView } from '../records/byte-view.ts'
import { murmur2, partitionOf } from '../records/murmur2.ts'
import type { Caller } from './callers.ts'
import { ProblemError, problemOf, unavailable } from './problem.ts'
import { OwnerUnavailableError, type StateLookUps } from './queries/owner-queries.ts'
import { type RequestId, requestIdOf, type RequestIds } from './request-ids.ts'

/** A trade to be written, or (without a value) to be deleted. */
export interface Command extends Omit<RecordCommand, 'key' | 'partition'> {
  readonly tradeId: string
}

/** A record to be written as it is. */
export interface RecordCommand {
  readonly key: Buffer | undefined
  /** Of a record without a key; with one, the key decides. */
  readonly partition: number
  readonly value: Buffer | undefined
  readonly caller: Caller
  /** Of the trace and the like: record headers. */
  readonly headers: OutgoingRecord['headers']
  readonly idempotencyKey: string | undefined
  /** Called with the id under which it is about to be written, before it is; rejects where it is not to be. */
  readonly announced?: (requestId: string) => Promise<void>
}

export interface Claim {
  readonly caller: string
  readonly key: string
  readonly requestId: string
  /** Of the payload: trade id and value. */
  readonly payloadHash: string
}

/** Idempotency keys: insert or read. */
export interface IdempotencyClaims {
  /** Answers what the key was claimed for first, within its retention. Rejects where the database is away. */
  claim(claim: Claim): Promise<{ readonly requestId: string; readonly payloadHash: string }>
}

export interface IngestOptions {
  readonly producer: RecordProducer
  readonly requestIds: RequestIds
  readonly state: StateLookUps
  readonly claims: IdempotencyClaims
  readonly clock: Clock
  readonly topic: string
  /** Partitions of the topic; rejects while Kafka has not told yet. */
  readonly partitions: () => Promise<number>
  readonly failpoint?: Failpoint
  /** How long answers are kept. Default 24 h. */
  readonly retentionMs?: number
}

/** Written, with acks=all. `known`: the request was there before and has an answer; nothing was written. */
export interface Submitted {
  readonly requestId: RequestId
  readonly known: RequestAnswer | undefined
}

export type RequestStatus = { readonly status: 'PENDING' } | RequestAnswer

const DAY_MS = 24 * 60 * 60 * 1000
const REQUESTS_STORE = 'requests'

/** The life of a request: claimed, written to Kafka, answered by the processor. */
export class Ingest {
  readonly #options: IngestOptions

  constructor(options: IngestOptions) {
    this.#options = options
  }

  /**
   * Writes a command to Kafka. With an idempotency key the request id is claimed before: whoever tries again gets the same one, and what the processor then sees twice it processes once.
   * @throws ProblemError, with the request id where there is one
   */
  submit({ tradeId, ...command }: Command): Promise<Submitted> {
    return this.submitRecord({ ...command, key: Buffer.from(tradeId), partition: 0 })
  }

  /** The same for a record of any key. @throws ProblemError */
  async submitRecord(command: RecordCommand): Promise<Submitted> {
    const { producer, topic, clock } = this.#options
    const { key } = command
    const partitions = await this.#partitions()
    const partition = key === undefined ? command.partition % partitions : partitionOf(murmur2(key, 0, key.length), partitions)
    const { requestId, isRepeated } = await this.#requestId(command, partition)
    if (isRepeated) {
      const known = await this.#answerOf(requestId)
      if (known !== undefined) return { requestId, known }
    }
    await command.announced?.(requestId.text)
    const headers = [['request-id', requestId.text] as const, ...command.headers]
    try {
      await producer.send({ topic, partition: requestId.partition, timestamp: clock.now(), key, value: command.value, headers })
    } catch (error) {
      if (error instanceof KafkaAwayError || error instanceof KafkaError) throw problemOf(error).with({ request_id: requestId.text })
      throw error
    }
    await (this.#options.failpoint ?? noFailpoint)('gateway:written')
    return { requestId, known: undefined }
  }

  /** PENDING where there is no answer after `waitMs`. @throws OwnerUnavailableError, or ProblemError for an id whose answer is no longer kept. */
  async status(requestId: RequestId, waitMs = 0): Promise<RequestStatus> {
    const { state, clock, retentionMs = DAY_MS } = this.#options
    const value = await state.get(REQUESTS_STORE, requestId.partition, requestId.text, waitMs)
    if (value !== undefined) {
      const { processedAtMs, answer } = readRequestState(new ByteView(value))
      if (clock.now() - processedAtMs < retentionMs) return answer
    } else if (clock.now() - requestId.issuedMs < retentionMs) return { status: 'PENDING' }
    throw new ProblemError({ status: 410, name: 'request-forgotten', title: 'No longer kept', detail: `answers to requests are kept for ${retentionMs / 3_600_000} hours; the audit log keeps longer what became of a trade` })
  }

  /** The same after a command was written; a processor that cannot be asked leaves the request pending. */
  async outcome(requestId: RequestId, waitMs: number): Promise<RequestStatus> {
    try {
      return await this.status(requestId, waitMs)
    } catch (error) {
      if (error instanceof OwnerUnavailableError) return { status: 'PENDING' }
      throw error
    }
  }

  async #partitions(): Promise<number> {
    try {
      return await this.#options.partitions()
    } catch (error) {
      throw unavailable('kafka-away', `Kafka cannot be asked for topic ${this.#options.topic} (${error instanceof Error ? error.message : String(error)}): nothing was written; try again`)
    }
  }

  async #requestId(command: RecordCommand, partition: number): Promise<{ requestId: RequestId; isRepeated: boolean }> {
    const { requestIds, claims } = this.#options
    const fresh = requestIds.issue(partition)
    if (command.idempotencyKey === undefined) return { requestId: fresh, isRepeated: false }
    const payloadHash = hashOf(command)
    const first = await claims.claim({ caller: command.caller.name, key: command.idempotencyKey, requestId: fresh.text, payloadHash }).catch((error: unknown) => {
      throw unavailable('claims-away', `the Idempotency-Key could not be claimed (${error instanceof Error ? error.message : String(error)}): nothing was written; try again`)
    })
    if (first.payloadHash !== payloadHash) {
      throw new ProblemError({
        status: 422,
        name: 'idempotency-key-reused',
        title: 'Idempotency-Key used before',
        detail: `the Idempotency-Key ${JSON.stringify(command.idempotencyKey)} came before with another payload; use a new key for a new request`,
        members: { request_id: first.requestId },
      })
    }
    // Only gateways write there, this one or one with another secret: the id counts without its signature. Under another id the request would be processed twice.
    const known = requestIdOf(first.requestId)
    if (known === undefined) throw new Error(`the Idempotency-Key ${JSON.stringify(command.idempotencyKey)} was claimed for ${JSON.stringify(first.requestId)}, which is no request id`)
    return { requestId: known, isRepeated: first.requestId !== fresh.text }
  }

  async #answerOf(requestId: RequestId): Promise<RequestAnswer | undefined> {
    const found = await this.outcome(requestId, 0)
    return found.status === 'PENDING' ? undefined : found
  }
}

/** Tells apart where the trade id ends and the value begins, and a delete from an empty value. */
function hashOf({ key, value }: RecordCommand): string {
  const hash = createHash('sha256').update(`${key?.length ?? -1} ${value?.length ?? -1} `)
  if (key !== undefined) hash.update(key)
  if (value !== undefined) hash.update(value)
  return hash.digest('hex')
}
