import { createHash } from 'node:crypto'
import type { KeyValueAccess } from '../engine/processor.ts'
import { ByteView } from '../records/byte-view.ts'
import { findLastHeader } from '../records/headers.ts'
import { utf8CodePoints } from '../serdes/json-scanner.ts'
import { DueBuckets } from './due-buckets.ts'
import { OUTCOMES } from './outcome.ts'
import { processedAtOf, readRequestState, type RequestAnswer, writeRequestState } from './request-state.ts'
import type { TradeInput, Verdict } from './trade-input.ts'
import { isTradeId } from './trade-key.ts'

const HEADER = Buffer.from('request-id')
const LONGEST_ID_BYTES = 200
const SLOTS = 1024

/** Rule 0 and 7: the store `requests`, by request id. Records without the header `request-id` do not touch it. */
export class TradeRequests {
  readonly #store: KeyValueAccess
  readonly #retentionMs: number
  readonly #due: DueBuckets
  readonly #id = new ByteView()
  readonly #value = new ByteView()
  readonly #written = new ByteView()

  constructor(store: KeyValueAccess, retentionMs: number) {
    this.#store = store
    this.#retentionMs = retentionMs
    this.#due = new DueBuckets((id) => (store.peek(id, this.#value) ? this.#slot(processedAtOf(this.#value)) : undefined))
    store.watch((id, prefix) => this.#due.add(this.#slot(processedAtOf(prefix)), id))
  }

  /** The request that a record belongs to: the last header counts; an id that is of no use is as if absent. */
  idIn(headers: ByteView): ByteView | undefined {
    const id = this.#id
    if (findLastHeader(headers, HEADER, id) !== 'found') return undefined
    return id.length > 0 && id.length <= LONGEST_ID_BYTES && utf8CodePoints(id) !== undefined ? id : undefined
  }

  /** The first answer to the request of this input. `same` false: the request id came with another key or value. */
  find({ requestId, key, value, nowMs }: TradeInput): { readonly first: RequestAnswer; readonly same: boolean } | undefined {
    if (requestId === undefined || !this.#store.get(requestId, this.#value)) return undefined
    const { processedAtMs, fingerprint, answer } = readRequestState(this.#value)
    if (nowMs - processedAtMs >= this.#retentionMs) return undefined
    return { first: answer, same: fingerprint.equals(fingerprintOf(key, value)) }
  }

  /** Keeps the answer to the request of this input. */
  answer(input: TradeInput, { outcome, version, reason }: Verdict): void {
    const { requestId, key, value, nowMs } = input
    if (requestId === undefined) return
    const bytes = writeRequestState({
      processedAtMs: nowMs,
      fingerprint: fingerprintOf(key, value),
      answer: {
        status: OUTCOMES[outcome].status === 'success' ? 'SUCCESS' : 'FAILED',
        outcome,
        trade_id: key !== undefined && isTradeId(key) ? key.toString() : null,
        version: version ?? null,
        reason: reason ?? null,
      },
    })
    this.#store.put(requestId, this.#written.set(bytes, 0, bytes.length), input.timestamp)
    this.#due.add(this.#slot(nowMs), requestId)
  }

  /** Deletes up to `limit` requests whose time has come. */
  forget(nowMs: number, limit: number): void {
    const lastSlot = this.#slot(nowMs - this.#retentionMs) - 1
    for (let count = 0; count < limit && this.#due.take(lastSlot, this.#id); count++) {
      if (this.#store.peek(this.#id, this.#value) && nowMs - processedAtOf(this.#value) >= this.#retentionMs) this.#store.delete(this.#id, nowMs)
    }
  }

  #slot(ms: number): number {
    return Math.floor((ms / this.#retentionMs) * SLOTS)
  }
}

/** Tells apart where the key ends and the value begins, and null from empty. */
function fingerprintOf(key: ByteView | undefined, value: ByteView | undefined): Buffer {
  const frame = Buffer.alloc(8)
  frame.writeInt32BE(key?.length ?? -1, 0)
  frame.writeInt32BE(value?.length ?? -1, 4)
  const hash = createHash('sha256').update(frame)
  if (key !== undefined) hash.update(key.buffer.subarray(key.start, key.end))
  if (value !== undefined) hash.update(value.buffer.subarray(value.start, value.end))
  return hash.digest()
}
