import type { ByteView } from '../records/byte-view.ts'
import type { Outcome } from './outcome.ts'
import { unknownFormat } from './trade-state.ts'

/** The first bytes of a value in store `requests`: what `prefixBytes` of the store is set to. */
export const REQUEST_PREFIX_BYTES = 8
export const FINGERPRINT_BYTES = 32
const FORMAT = 1

/** What became of a request. There is no state of one that is pending: it is written when the record is processed. */
export interface RequestAnswer {
  readonly status: 'SUCCESS' | 'FAILED'
  readonly outcome: Outcome
  /** `null`: the record's key is no trade_id. */
  readonly trade_id: string | null
  readonly version: number | null
  readonly reason: string | null
}

/**
 * A value of the store `requests`:
 *
 * ```
 * 0 format = 1 | 1 zero | 2 processed at, uint48 (ms) | 8 fingerprint of the record's key and value, SHA-256 | 40 the answer, JSON
 * ```
 */
export interface RequestState {
  /** Wall clock. It is kept for 24 h, by the settings; what is past its time may still be there. */
  readonly processedAtMs: number
  readonly fingerprint: Buffer
  readonly answer: RequestAnswer
}

/** @throws Error for a value of another format. */
export function readRequestState(value: ByteView): RequestState {
  const answerStart = value.start + REQUEST_PREFIX_BYTES + FINGERPRINT_BYTES
  return {
    processedAtMs: processedAtOf(value),
    fingerprint: Buffer.from(value.buffer.subarray(value.start + REQUEST_PREFIX_BYTES, answerStart)),
    // Cast: the format byte says that `writeRequestState` wrote it.
    answer: JSON.parse(value.buffer.toString('utf8', answerStart, value.end)) as RequestAnswer,
  }
}

export function writeRequestState({ processedAtMs, fingerprint, answer }: RequestState): Buffer {
  const prefix = Buffer.alloc(REQUEST_PREFIX_BYTES)
  prefix[0] = FORMAT
  prefix.writeUIntBE(processedAtMs, 2, 6)
  return Buffer.concat([prefix, fingerprint, Buffer.from(JSON.stringify(answer))])
}

/** From the prefix alone. */
export function processedAtOf(value: ByteView): number {
  if (value.buffer[value.start] !== FORMAT || value.length < REQUEST_PREFIX_BYTES) throw unknownFormat(value, 'requests', FORMAT)
  return value.buffer.readUIntBE(value.start + 2, 6)
}
