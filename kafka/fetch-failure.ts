import type { TopicPartition } from '../ports/broker.ts'
import type { FetchFailure } from '../ports/kafka-client.ts'
import { kafkaError } from './error-codes.ts'

/** How long metadata may say that a topic is not there before it counts: a broker that has just started does not know all topics. */
export const MISSING_TOPIC_MS = 10_000

const OFFSET_OUT_OF_RANGE = 1
const CORRUPT_MESSAGE = 2

const MESSAGES = {
  'offset-out-of-range': 'is not in the log (it was deleted by retention, or the topic was made anew): the reset rule of the application decides',
  diverged: 'is not part of the log any more: an unclean election of a leader took records away',
  'topic-missing': 'cannot be read: the topic or this partition is not there; create it, or correct its name',
  'topic-recreated': 'belongs to a topic that was deleted and made anew: its offsets mean other records now',
  'not-authorised': 'may not be read',
  corrupt: 'cannot be read: the log is damaged there',
} as const

/** The failure in words; with an error code in place of a reason: `undefined` where repeating can help. */
export function failureOf(at: TopicPartition & { offset: number }, reason: FetchFailure['reason'], detail?: string): FetchFailure
export function failureOf(at: TopicPartition & { offset: number }, errorCode: number): FetchFailure | undefined
export function failureOf(at: TopicPartition & { offset: number }, cause: FetchFailure['reason'] | number, detail?: string): FetchFailure | undefined {
  if (typeof cause === 'number') {
    const reason = reasonOf(cause)
    return reason && failureOf(at, reason, kafkaError(cause, 'the broker says').message)
  }
  const { topic, partition, offset } = at
  const message = `${topic}-${partition}: offset ${offset} ${MESSAGES[cause]}${detail === undefined ? '' : ` (${detail})`}`
  return { kind: 'failure', topic, partition, reason: cause, message }
}

function reasonOf(errorCode: number): FetchFailure['reason'] | undefined {
  if (errorCode === OFFSET_OUT_OF_RANGE) return 'offset-out-of-range'
  if (errorCode === CORRUPT_MESSAGE) return 'corrupt'
  // of the errors that no repetition helps, a fetch meets only missing permission
  return kafkaError(errorCode, '').scope === 'fatal' ? 'not-authorised' : undefined
}
