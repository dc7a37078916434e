import type { CommittedCursor } from '../../records/committed-cursor.ts'
import { type Header, readHeaders } from '../../records/headers.ts'

/** A record of the dead-letter topic. */
export interface DeadLetter {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | undefined
  /** `undefined`: null. */
  readonly value: Buffer | undefined
  readonly headers: readonly Header[]
  readonly error: DeadLetterError
}

/** Why it is there, and where it came from; what its headers do not say is `undefined`. */
export interface DeadLetterError {
  readonly exception: string | undefined
  readonly message: string | undefined
  readonly topic: string | undefined
  readonly partition: number | undefined
  readonly offset: number | undefined
}

/** Of the processor (KIP-1034), and of sinks (Kafka Connect). */
const PREFIXES = ['__streams.errors.', '__connect.errors.']
/** Says which parts of the record did not fit into its letter. */
const DROPPED = ['tradewind.dropped', '__connect.errors.value.dropped']
const REQUEST_ID = 'request-id'

export function deadLetterOf(partition: number, record: CommittedCursor): DeadLetter {
  const headers = record.headerCount === 0 ? [] : readHeaders(record.headers)
  return {
    partition,
    offset: record.offset,
    timestampMs: record.timestamp,
    key: record.hasKey ? record.key.copy() : undefined,
    value: record.hasValue ? record.value.copy() : undefined,
    headers,
    error: errorOf(headers),
  }
}

/** The parts of the record that its letter goes without. */
export function droppedParts({ headers }: DeadLetter): readonly string[] {
  return headers.filter(({ key }) => DROPPED.includes(key)).flatMap(({ key, value }) => (key.endsWith('value.dropped') ? ['value'] : (value?.toString() ?? '').split(',')))
}

/** The headers that the record came with. Its request id is left out: under it, it would be taken for what was answered already. */
export function originalHeaders({ headers }: DeadLetter): Header[] {
  return headers.filter(({ key }) => key !== REQUEST_ID && !DROPPED.includes(key) && !PREFIXES.some((prefix) => key.startsWith(prefix)))
}

function errorOf(headers: readonly Header[]): DeadLetterError {
  // A letter may have been a letter before: the last header counts.
  const text = (...names: string[]) => headers.findLast(({ key }) => PREFIXES.some((prefix) => names.some((name) => key === `${prefix}${name}`)))?.value?.toString()
  return { exception: text('exception', 'exception.class.name'), message: text('message', 'exception.message'), topic: text('topic'), partition: numberOf(text('partition')), offset: numberOf(text('offset')) }
}

function numberOf(text: string | undefined): number | undefined {
  const number = Number(text)
  return text !== undefined && text !== '' && Number.isSafeInteger(number) ? number : undefined
}
