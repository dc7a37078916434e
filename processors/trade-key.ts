import type { ByteView } from '../records/byte-view.ts'
import { utf8CodePoints } from '../serdes/json-scanner.ts'
import { type Refusal, refusal } from './refusal.ts'
import { ID_CODE_POINTS } from './trade-message.ts'

const KEY = 'key'
const EXPECTED = 'a trade_id of 1 to 50 code points in UTF-8'
/** Bytes that can hold more than 50 code points, whatever they are. */
const LONGEST_ID_BYTES = ID_CODE_POINTS * 4

/** Whether the key obeys the bounds of `trade_id`. */
export function isTradeId(key: ByteView): boolean {
  if (key.length === 0 || key.length > LONGEST_ID_BYTES) return false
  const codePoints = utf8CodePoints(key)
  return codePoints !== undefined && codePoints <= ID_CODE_POINTS && !holdsNul(key)
}

/** Why a key that is no trade_id is refused. */
export function keyRefusal(key: ByteView | undefined): Refusal {
  if (key === undefined) return refusal(KEY, 'null', EXPECTED)
  if (utf8CodePoints(key) === undefined)
    return refusal(KEY, `bytes that are not UTF-8 (${key.buffer.toString('hex', key.start, Math.min(key.end, key.start + 64))})`, EXPECTED)
  if (holdsNul(key)) return refusal(KEY, excerpt(key), `${EXPECTED}, without U+0000`)
  return refusal(KEY, key.length === 0 ? 'an empty key' : excerpt(key), EXPECTED)
}

/** The trade_id of the message is not the key. */
export function otherKeyRefusal(key: ByteView, tradeId: string): Refusal {
  return refusal('trade_id', tradeId, `the record key ${excerpt(key)}`)
}

/** The record lies where murmur2 would not have put it. */
export function partitionRefusal(found: number, expected: number, partitions: number): Refusal {
  return refusal(
    'partition',
    String(found),
    `partition ${expected} of ${partitions}, by murmur2 of the key`,
    `the record lies in partition ${found}, but murmur2 puts its key into ${expected} of ${partitions}: the producer's partitioner is probably another one (librdkafka: partitioner=murmur2_random)`,
  )
}

function holdsNul(key: ByteView): boolean {
  for (let at = key.start; at < key.end; at++) if (key.buffer[at] === 0) return true
  return false
}

function excerpt(key: ByteView): string {
  return key.buffer.toString('utf8', key.start, Math.min(key.end, key.start + 1000))
}
